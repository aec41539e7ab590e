/** Results as JSON text: nesting, values, length, and what is too long. */

import {
  type LivepeerSource,
  livepeerLength,
  resizeLogits,
  resizeMask,
  toLivepeerJSON,
  writeLivepeerJSON,
} from "sam2-core";
import { describe, expect, test } from "vitest";

const SIDE = 4;

/** Results with logits around 0, other ones for each mask. */
function result(batch: number, count: number, returnLogits: boolean, width = 7, height = 5): LivepeerSource {
  const data = Float32Array.from({ length: batch * count * SIDE ** 2 }, (_, i) => Math.fround(9.7 * Math.sin(i * i)));
  const logits = { data, dims: [batch, count, SIDE, SIDE] };
  const scores = { data: Float32Array.from({ length: batch * count }, (_, i) => 1 / (i + 1)), dims: [batch, count] };
  const closeUps = Array(batch).fill(null);
  return { scores, logits, settledLogits: logits, closeUps, width, height, returnLogits };
}

/** Splits values into rows of a length. */
const chunks = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));

/** What a result holds, nested [B,K,…]. */
function expected({ scores, logits, width, height, returnLogits }: LivepeerSource) {
  const [batch = 0, count = 0] = logits.dims;
  const planes = Array.from({ length: batch * count }, (_, i) => {
    const plane = logits.data.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2);
    const full = returnLogits ? resizeLogits(plane, SIDE, width, height) : resizeMask(plane, SIDE, width, height).data;
    return chunks([...full], width);
  });
  return {
    masks: chunks(planes, count),
    scores: chunks([...scores.data], count),
    logits: chunks(chunks(chunks([...logits.data], SIDE), SIDE), count),
  };
}

describe.each([
  ["masks", false],
  ["logits", true],
])("%s", (_, returnLogits) => {
  test.each([1, 3])("of one object, whose axis is left out; %i masks", (count) => {
    const source = result(1, count, returnLogits);
    const { masks, scores, logits } = expected(source);
    const text = toLivepeerJSON(source);
    expect(JSON.parse(text.masks)).toEqual(masks[0]);
    expect(JSON.parse(text.scores)).toEqual(scores[0]);
    expect(JSON.parse(text.logits)).toEqual(logits[0]);
  });

  test("of several objects", () => {
    const source = result(2, 3, returnLogits);
    const text = toLivepeerJSON(source);
    expect([text.masks, text.scores, text.logits].map((part) => JSON.parse(part))).toEqual(
      Object.values(expected(source)),
    );
  });

  test("of a second look: the best mask is the closer one, the others are as they were", () => {
    const source = result(1, 3, returnLogits);
    const closeUp = { region: [2, 1, 5, 4] as const, logits: new Float32Array(SIDE ** 2).fill(3) };
    const [best, ...others] = JSON.parse(toLivepeerJSON({ ...source, closeUps: [closeUp] }).masks);
    expect(others).toEqual(JSON.parse(toLivepeerJSON(source).masks).slice(1));
    const inside = best.slice(1, 4).map((row: number[]) => row.slice(2, 5));
    expect(inside).toEqual(Array(3).fill(Array(3).fill(returnLogits ? 3 : 1)));
  });

  test("piece by piece it is the same text, a row at a time", () => {
    const source = result(2, 3, returnLogits);
    const pieces = [...writeLivepeerJSON(source)];
    expect(JSON.parse(pieces.join(""))).toEqual(toLivepeerJSON(source));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(7 * 24);
  });
});

test("the length is known beforehand to a tenth", () => {
  const large = result(1, 3, true, 400, 300);
  for (const source of [large, { ...large, returnLogits: false }]) {
    const { length } = toLivepeerJSON(source).masks;
    const guess = livepeerLength(400, 300, 3, source.returnLogits);
    expect(Math.abs(guess / length - 1)).toBeLessThan(0.1);
  }
});

test("what no string can hold is refused at once", () => {
  const start = performance.now();
  expect(() => toLivepeerJSON(result(1, 3, true, 4000, 3000))).toThrow(
    expect.objectContaining({
      name: "InvalidPromptError",
      message: expect.stringContaining("3 masks of 4000×3000 are too long for a string"),
    }),
  );
  expect(performance.now() - start).toBeLessThan(100);
});
