/** A second look, with a model that finds what is bright: what it sees, keeps, drops and frees. */
import { Sam2Error } from "sam2-contract";
import { expect, test } from "vitest";
import { type CloseUp, closeUpMask } from "../../src/detail/carry.ts";
import type { Picture } from "../../src/image/picture.ts";
import { maskIou, resizeMask } from "../../src/mask/mask.ts";
import type { ModelPrompt } from "../../src/prompt/prompt.ts";
import { type BrightSessions, CELLS, disc, looking, open, pictureOf, SIZE } from "./bright-sessions.ts";

test.each([
  ["in the middle", 400, 300, 210, 140, 17],
  ["at the left edge", 400, 300, 6, 150, 14],
  ["in the corner", 400, 300, 390, 290, 20],
  ["in a tall picture", 150, 600, 80, 200, 12],
])("a small thing %s is drawn as the picture has it", async (_, width, height, x, y, radius) => {
  const { pixels, truth } = disc(width, height, x, y, radius);
  const { click } = await looking(pixels);
  const first = await click(x, y, "off");
  expect(first.closeUps).toEqual([null]);
  const coarse = resizeMask(first.logits.data.subarray(0, CELLS * CELLS), CELLS, width, height);
  const second = await click(x, y, "auto");
  const fine = closeUpMask(second.closeUps[0] as CloseUp, width, height);
  expect(maskIou(fine, truth)).toBeGreaterThan(0.9);
  expect(maskIou(fine, truth)).toBeGreaterThan(maskIou(coarse, truth) + 0.03);
  expect(open).toBe(0);
});

test.each([
  ["off", 12, null],
  ["auto", 12, "looked"],
  ["auto", 130, null],
  ["always", 130, "looked"],
] as const)("%s, radius %i of 400×300: %s", async (detail, radius, expected) => {
  const { sessions, click } = await looking(disc(400, 300, 200, 150, radius).pixels);
  const { closeUps } = await click(200, 150, detail);
  expect(closeUps[0] === null ? null : "looked").toBe(expected);
  expect(sessions.encoded).toBe(expected === null ? 1 : 2);
});

test("prompts are carried over exactly; a click outside the region is left out", async () => {
  const { sessions, click } = await looking(disc(400, 300, 100, 60, 10).pixels);
  const prompt = {
    point_coords: [
      [104, 57],
      [92, 66],
      [350, 20],
    ],
    point_labels: [1, 0, 0],
    box: [88, 50, 112, 70],
  };
  const { closeUps } = await click(0, 0, "always", prompt);
  const [left, top, right, bottom] = (closeUps[0] as CloseUp).region;
  const { coords, labels, mask, multimask } = sessions.asked[1] as ModelPrompt;
  const back = Array.from({ length: 4 }, (_, i) => [
    left + ((coords.data[2 * i] as number) * (right - left)) / SIZE,
    top + ((coords.data[2 * i + 1] as number) * (bottom - top)) / SIZE,
  ]);
  for (const [i, point] of [
    [88, 50],
    [112, 70],
    [104, 57],
    [92, 66],
  ].entries()) {
    expect(back[i]?.[0]).toBeCloseTo(point[0] as number, 3);
    expect(back[i]?.[1]).toBeCloseTo(point[1] as number, 3);
  }
  expect(Array.from(labels.data)).toEqual([2, 3, 1, 0]);
  expect(multimask).toBe(false);
  // the first mask, close up: on the object in the middle of the region, not at its corners
  const at = (row: number, column: number): number => mask?.data[row * CELLS + column] as number;
  expect(at(CELLS / 2, CELLS / 2)).toBeGreaterThan(0);
  for (const corner of [at(0, 0), at(0, CELLS - 1), at(CELLS - 1, 0)]) expect(corner).toBeLessThan(0);
});

test("a box that reaches beyond the picture is carried over as far as the picture goes", async () => {
  const { sessions, click } = await looking(disc(400, 300, 10, 150, 10).pixels);
  const { closeUps } = await click(10, 150, "always", { box: [-4, 138, 22, 162] });
  const [left, top, right, bottom] = (closeUps[0] as CloseUp).region;
  const { coords, labels } = sessions.asked[1] as ModelPrompt;
  expect(Array.from(labels.data)).toEqual([2, 3, 1]);
  const back = [0, 1, 2, 3].map((i) => {
    const [low, extent] = i % 2 === 0 ? [left, right - left] : [top, bottom - top];
    return Math.round(low + ((coords.data[i] as number) * extent) / SIZE);
  });
  expect(back).toEqual([0, 138, 22, 162]);
});

test("a decoder that takes no masks is asked by points and box alone, and not at all where none is on the object", async () => {
  const { sessions, click } = await looking(disc(400, 300, 100, 60, 10).pixels, { takesMaskInput: false });
  const { closeUps } = await click(104, 57, "auto", { box: [88, 50, 112, 70] });
  expect(closeUps).not.toContain(null);
  const { labels, mask } = sessions.asked[1] as ModelPrompt;
  expect([Array.from(labels.data), mask]).toEqual([[2, 3, 1], null]);
  sessions.asked.length = 0;
  expect((await click(104, 57, "always", { point_labels: [0] })).closeUps).toEqual([null]);
  expect([sessions.asked.length, sessions.encoded]).toEqual([1, 2]);
});

test("`logits` and the score are the second look's, so that the next prompt goes on from there", async () => {
  const { sessions, click } = await looking(disc(400, 300, 200, 150, 40).pixels);
  sessions.score = (look) => (look === 2 ? 0.9 : 0.7);
  const { scores, logits, settled, closeUps } = await click(200, 150, "always");
  expect(scores.data[0]).toBeCloseTo(0.9);
  expect(settled).toBe(logits);
  const { region, logits: inside } = closeUps[0] as CloseUp;
  const cell = (x: number, y: number): number =>
    logits.data[Math.floor((y * CELLS) / 300) * CELLS + Math.floor((x * CELLS) / 400)] as number;
  expect(cell(200, 150)).toBeCloseTo(inside[(CELLS / 2) * CELLS + CELLS / 2] as number, 0);
  expect(cell(region[0] - 30, 150)).toBeLessThan(0);
});

test("where holes are to be filled, `logits` still have them, as the next prompt's `mask_input`; `settled` have not", async () => {
  const { pixels } = disc(400, 300, 200, 150, 100);
  const hole = disc(400, 300, 200, 150, 30).truth;
  for (const [at, isHole] of hole.data.entries()) if (isHole) pixels.data.fill(0, 4 * at, 4 * at + 3);
  const { click } = await looking(pixels);
  const { logits, settled, closeUps } = await click(140, 150, "always", { max_hole_area: 200 });
  expect(closeUps).not.toContain(null);
  const middle = (CELLS / 2) * CELLS + CELLS / 2;
  expect(logits.data[middle]).toBeLessThan(0);
  expect(settled.data[middle]).toBeGreaterThan(0);
});

test.each([
  ["says that it is worse", { score: (look: number) => (look === 2 ? 0.4 : 0.8) }],
  ["finds something else", { flip: (look: number) => (look === 2 ? -1 : 1) }],
])("a second look that %s is not taken", async (_, { score, flip }: Partial<BrightSessions>) => {
  const { sessions, click } = await looking(disc(400, 300, 200, 150, 15).pixels);
  const before = await click(200, 150, "off");
  sessions.asked.length = 0;
  Object.assign(sessions, { score: score ?? sessions.score, flip: flip ?? sessions.flip });
  const after = await click(200, 150, "always");
  expect(sessions.asked).toHaveLength(2);
  expect(after.closeUps).toEqual([null]);
  expect(after.logits).toEqual(before.logits);
});

test("the next click at the same place costs a decode; elsewhere another region is encoded, and four are kept", async () => {
  const { sessions, looks, predictor, click } = await looking(disc(400, 300, 200, 150, 15).pixels);
  await click(200, 150, "always");
  await click(205, 147, "always");
  expect(sessions.encoded).toBe(2);
  for (const x of [20, 60, 340, 380, 10]) await click(x, 20, "always");
  expect(sessions.held).toBe(5);
  await predictor.releaseImage("a");
  await looks.release("a");
  expect(sessions.held).toBe(0);
});

test("a region that made room for other images is encoded again", async () => {
  const { sessions, predictor, click } = await looking(disc(400, 300, 200, 150, 15).pixels, { budget: 10 });
  await click(200, 150, "always");
  await click(200, 150, "always");
  // the image, its region, and both once more
  expect(sessions.encoded).toBe(4);
  expect(sessions.held).toBe(1);
  await predictor.releaseImage("a");
});

test("an image that may be dropped outlives its second looks, also where one embedding is all there is room for", async () => {
  const { pixels } = disc(400, 300, 200, 150, 15);
  const { sessions, predictor, looks, click } = await looking(pixels, { budget: 10, isDisposable: true });
  const points = { point_coords: [[[195, 150]], [[20, 20]]], point_labels: [[1], [1]] };
  for (const more of [{}, points]) {
    const { closeUps } = await click(200, 150, "always", more);
    expect(closeUps).not.toContain(null);
  }
  await predictor.releaseImage("a");
  await looks.release("a");
  expect(sessions.held).toBe(0);
});

test.each([0, 2, 4, 6])(
  "second looks at two images, one begun %i turns after the other, where there is room for one embedding: both are answered",
  async (later) => {
    const { pixels } = disc(400, 300, 200, 150, 15);
    const { sessions, predictor, looks } = await looking(pixels, { budget: 10 });
    const picture = async (): Promise<Picture> => pictureOf(pixels);
    await predictor.setImage("b", picture, () => undefined);
    // as the runtimes do: one run after the other, and each takes its time
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
    let queue: Promise<unknown> = Promise.resolve();
    for (const name of ["encode", "decode", "release"] as const) {
      const run = sessions[name].bind(sessions) as (...given: unknown[]) => Promise<unknown>;
      Object.assign(sessions, {
        [name]: (...given: unknown[]) => {
          const ran = queue.then(turn).then(() => run(...given));
          queue = ran.catch(() => undefined);
          return ran;
        },
      });
    }
    const prompt = { point_coords: [[200, 150]], point_labels: [1] };
    const look = (id: string) => looks.predict(id, prompt, "always", picture);
    const first = look("a");
    for (let passed = 0; passed < later; passed++) await turn();
    const found = await Promise.all([first, look("b")]);
    for (const answer of found) expect(answer.closeUps).toEqual([expect.anything()]);
    expect([sessions.held, open]).toEqual([1, 0]);
  },
);

test("a region that is dropped before each answer is not encoded for ever", async () => {
  const { sessions, predictor, click } = await looking(disc(400, 300, 200, 150, 15).pixels);
  const answer = predictor.answer.bind(predictor);
  const dropped = new Sam2Error("ImageReleasedError", "the image is no longer kept");
  predictor.answer = (id, prompt) => (id === "a" ? answer(id, prompt) : Promise.reject(dropped));
  await expect(click(200, 150, "always")).rejects.toBe(dropped);
  // the image, and ten times its region
  expect(sessions.encoded).toBe(11);
});

test("several objects: each is looked at by itself, from one opening of the picture", async () => {
  const { pixels } = disc(400, 300, 200, 150, 15);
  const { sessions, looks } = await looking(pixels);
  let opened = 0;
  const prompt = { point_coords: [[[195, 150]], [[205, 150]], [[20, 20]]], point_labels: [[1], [1], [1]] };
  const { closeUps } = await looks.predict("a", prompt, "always", async () => {
    opened++;
    return pictureOf(pixels);
  });
  expect(closeUps.map((closeUp) => closeUp !== null)).toEqual([true, true, true]);
  expect([opened, sessions.encoded]).toEqual([1, 3]);
});

test("an image that is released while its region is encoded: nothing stays", async () => {
  const { sessions, predictor, looks, click } = await looking(disc(400, 300, 200, 150, 15).pixels);
  const encode = sessions.encode.bind(sessions);
  sessions.encode = async (...given) => {
    const seen = await encode(...given);
    await predictor.releaseImage("a");
    await looks.release("a");
    return seen;
  };
  await expect(click(200, 150, "always")).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect(sessions.held).toBe(0);
});

test("a caller that has gone: its picture is not given, and nothing is encoded", async () => {
  const { sessions, looks } = await looking(disc(400, 300, 200, 150, 15).pixels);
  const gone = looks.predict("a", { point_coords: [[200, 150]], point_labels: [1] }, "always", async () => {
    throw new DOMException("gone", "AbortError");
  });
  await expect(gone).rejects.toMatchObject({ name: "AbortError" });
  expect([sessions.encoded, open]).toEqual([1, 0]);
});
