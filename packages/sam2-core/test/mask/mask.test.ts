/** Masks and COCO RLE: against pycocotools' own strings, and by their properties. */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Mask,
  maskArea,
  maskBox,
  maskIou,
  resizeLogits,
  resizeMask,
  stabilityScore,
} from "../../src/mask/mask.ts";
import { decodeRle, encodeRle, type Rle } from "../../src/mask/rle.ts";

const PHOTO = new URL("../../../../models/reference/fixtures/photo/expected.json", import.meta.url);

function mask(...rows: string[]): Mask {
  const width = rows[0]?.length ?? 0;
  return { data: Uint8Array.from(rows.join(""), Number), width, height: rows.length };
}

const anyMask = fc
  .record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
      .map((data) => ({ data, width, height })),
  );

describe("RLE", () => {
  test("pycocotools' strings come back to the letter", async () => {
    const cases = JSON.parse(await readFile(PHOTO, "utf8")) as { masks: Rle[][] }[];
    const all = cases.flatMap(({ masks }) => masks.flat());
    expect(all.length).toBeGreaterThan(15);
    for (const rle of all) expect(encodeRle(decodeRle(rle))).toEqual(rle);
  });

  test("any mask survives the round trip", () => {
    fc.assert(
      fc.property(anyMask, (given) => {
        expect(decodeRle(encodeRle(given))).toEqual(given);
      }),
    );
  });

  test.each<[string, Rle, RegExp]>([
    ["too short", { size: [2, 2], counts: "1" }, /add up to 1, expected 4/],
    ["too long", { size: [1, 1], counts: "2" }, /leaves the 1×1 mask/],
    ["cut off", { size: [2, 2], counts: "P" }, /cut off/],
    [
      "no pixels, two billion columns",
      { size: [0, 2 ** 31], counts: "" },
      /size .* of 1 to 2147483647 pixels, got \[0,/,
    ],
    ["over 31 bits", { size: [65_536, 65_536], counts: "" }, /size .* got \[65536,65536\]/],
    ["no size", { size: 1 as unknown as [number, number], counts: "1" }, /size .* got number/],
    ["runs as numbers", { size: [1, 1], counts: [1] as unknown as string }, /counts as text, got object/],
  ])("%s", (_, rle, message) => {
    expect(() => decodeRle(rle)).toThrow(
      expect.objectContaining({ name: "InvalidMaskError", message: expect.stringMatching(message) }),
    );
  });
});

describe("area and box", () => {
  test.each<[Mask, number, number[]]>([
    [mask("000", "000"), 0, [0, 0, 0, 0]],
    [mask("000", "010"), 1, [1, 1, 1, 1]],
    [mask("100", "001"), 2, [0, 0, 3, 2]],
    [mask("0110", "0100", "0000"), 3, [1, 0, 2, 2]],
  ])("%#", (given, area, box) => {
    expect([maskArea(given), maskBox(given)]).toEqual([area, box]);
  });
});

describe("intersection over union", () => {
  test.each<[string, Mask, Mask, number]>([
    ["the same", mask("110", "011"), mask("110", "011"), 1],
    ["half of it", mask("11", "00"), mask("10", "00"), 0.5],
    ["nothing in common", mask("10", "00"), mask("00", "01"), 0],
    ["one is empty", mask("11", "11"), mask("00", "00"), 0],
    ["both are empty", mask("0"), mask("0"), 1],
  ])("%s", (_, a, b, expected) => {
    expect(maskIou(a, b)).toBe(expected);
    expect(maskIou(b, a)).toBe(expected);
  });

  test("masks of different sizes are refused by name", () => {
    const two = (): number => maskIou(mask("10"), mask("1", "0"));
    expect(two).toThrow(expect.objectContaining({ name: "InvalidMaskError" }));
  });
});

describe("resizing", () => {
  /** The definition, pixel by pixel: torch's interpolate, bilinear, half-pixel centers. */
  function bilinear(logits: number[][], width: number, height: number): number[] {
    const side = logits.length;
    const at = (position: number, size: number): [number, number, number] => {
      const center = Math.max(((position + 0.5) * side) / size - 0.5, 0);
      const low = Math.min(Math.floor(center), side - 1);
      return [low, Math.min(low + 1, side - 1), center - low];
    };
    return Array.from({ length: width * height }, (_, index) => {
      const [y0, y1, v] = at(Math.floor(index / width), height);
      const [x0, x1, u] = at(index % width, width);
      const value = (y: number, x: number): number => logits[y]?.[x] as number;
      return (
        (1 - v) * ((1 - u) * value(y0, x0) + u * value(y0, x1)) + v * ((1 - u) * value(y1, x0) + u * value(y1, x1))
      );
    });
  }
  const size = fc.integer({ min: 1, max: 50 });
  const logits = fc.integer({ min: 1, max: 9 }).chain((side) =>
    fc.array(fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: side, maxLength: side }), {
      minLength: side,
      maxLength: side,
    }),
  );

  test("logits are interpolated as the definition says", () => {
    fc.assert(
      fc.property(logits, size, size, (rows, width, height) => {
        const expected = bilinear(rows, width, height);
        const came = resizeLogits(Float32Array.from(rows.flat()), rows.length, width, height);
        for (const [i, value] of expected.entries()) expect(came[i]).toBeCloseTo(value, 3);
      }),
    );
  });

  test("a mask is where the resized logits are over zero", () => {
    fc.assert(
      fc.property(logits, size, size, (rows, width, height) => {
        const expected = bilinear(rows, width, height);
        const { data } = resizeMask(Float32Array.from(rows.flat()), rows.length, width, height);
        for (const [i, value] of expected.entries()) {
          if (Math.abs(value) > 1e-4) expect(data[i]).toBe(value > 0 ? 1 : 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("zero logits are outside", () => {
    expect(maskArea(resizeMask(new Float32Array(16), 4, 33, 21))).toBe(0);
  });
});

test.each([
  [[1, 1, -1], 1],
  [[1, 0.01, -1], 0.5],
  [[-1, -1], 1],
])("stability of %j", (values, expected) => {
  expect(stabilityScore(Float32Array.from(values), 0.05)).toBe(expected);
});
