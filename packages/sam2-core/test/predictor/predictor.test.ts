/** What a predictor keeps, when images are released while they are encoded and when a GPU is lost. */
import { describe, expect, test } from "vitest";
import type { Picture } from "../../src/image/picture.ts";
import { Predictor } from "../../src/predictor/predictor.ts";
import type { Tensor } from "../../src/prompt/prompt.ts";
import type { Sessions } from "../../src/runtime/sessions.ts";
import { FakeSessions, SPEC } from "../fake-sessions.ts";

const POINT = { point_coords: [[1, 1]], point_labels: [1] };

function make(budget = 1000): { sessions: FakeSessions; next: FakeSessions; predictor: Predictor } {
  const [sessions, next] = [new FakeSessions(), new FakeSessions()];
  return {
    sessions,
    next,
    predictor: new Predictor(SPEC, sessions, async () => next, { embeddingBudget: budget }),
  };
}

let open = 0;
const picture = async (): Promise<Picture> => {
  open++;
  const made: Picture = {
    width: 4,
    height: 4,
    stretched: async () => new Uint8ClampedArray(3 * 16),
    crop: async () => made,
    close: () => open--,
  };
  return made;
};
const ignore = (): void => undefined;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

test.each([
  ["decode", 0],
  ["preprocess", 0],
  ["encode", 0],
] as const)("released in the phase %s: what comes after is not begun, and nothing is kept", async (phase, encoded) => {
  const { sessions, predictor } = make();
  const call = predictor.setImage("a", picture, (now) => {
    if (now === phase) void predictor.releaseImage("a");
  });
  await expect(call).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect([sessions.encoded, sessions.held, open]).toEqual([encoded, 0, 0]);
  expect(() => predictor.sizeOf("a")).toThrow(/no longer kept/);
});

test("released while the encoder runs: its answer is freed", async () => {
  const { sessions, predictor } = make();
  sessions.slow = true;
  const call = predictor.setImage("a", picture, ignore);
  await turn();
  await predictor.releaseImage("a");
  sessions.waiting[0]?.();
  await expect(call).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect([sessions.encoded, sessions.held]).toEqual([1, 0]);
});

test("an encoding's time is that of the encoder", async () => {
  const { timings } = await make().predictor.setImage("a", picture, ignore);
  expect(timings.encode).toBe(7);
});

test("an encoding that was given up does not drive out an image that is kept", async () => {
  const { predictor } = make(10);
  await predictor.setImage("kept", picture, ignore);
  const call = predictor.setImage("given up", picture, (phase) => {
    if (phase === "encode") void predictor.releaseImage("given up");
  });
  await expect(call).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect(predictor.sizeOf("kept")).toMatchObject({ width: 4 });
});

test("500 images, every second given up: those are gone, and what is held is of the last of the others", async () => {
  const { sessions, predictor } = make(50);
  const ways = ["decode", "preprocess", "encode", "while the encoder runs"] as const;
  const ids = Array.from({ length: 500 }, (_, i) => `${i}`);
  const [kept, givenUp] = [0, 1].map((odd) => ids.filter((_, i) => i % 2 === odd)) as [string[], string[]];
  for (const [i, id] of ids.entries()) {
    const way = i % 2 === 0 ? null : ways[(i >> 1) % ways.length];
    sessions.slow = way === "while the encoder runs";
    const call = predictor.setImage(id, picture, (phase) => {
      if (phase === way) void predictor.releaseImage(id);
    });
    const ended = call.then(
      () => null,
      (error: Error) => error.name,
    );
    if (sessions.slow) {
      await expect.poll(() => sessions.waiting.length, { interval: 1 }).toBe(1);
      await predictor.releaseImage(id);
      sessions.waiting.pop()?.();
    }
    expect([id, await ended]).toEqual([id, way === null ? null : "ImageReleasedError"]);
    expect(sessions.held).toBe(Math.min((i >> 1) + 1, 5));
  }
  for (const id of givenUp) expect(() => predictor.sizeOf(id)).toThrow(/no longer kept/);
  const { encoded } = sessions;
  for (const id of kept.slice(-5)) await predictor.predict(id, POINT);
  expect(sessions.encoded).toBe(encoded);
  for (const id of kept) await predictor.releaseImage(id);
  expect([sessions.held, open]).toEqual([0, 0]);
});

test("an embedding that made room is made again when its image is used; what is held stays within the budget", async () => {
  const { sessions, predictor } = make(20);
  for (const id of ["a", "b", "c"]) await predictor.setImage(id, picture, ignore);
  expect([sessions.encoded, sessions.held]).toEqual([3, 2]);
  for (const id of ["a", "b", "c", "c"]) {
    await predictor.predict(id, POINT);
    expect(sessions.held).toBeLessThanOrEqual(2);
  }
  expect(sessions.encoded).toBe(6);
});

test("prompts for three images at once, where there is room for one embedding: all are answered", async () => {
  const { sessions, predictor } = make(10);
  for (const id of ["a", "b", "c"]) await predictor.setImage(id, picture, ignore);
  await Promise.all(["a", "b", "c", "a"].map((id) => predictor.predict(id, POINT)));
  expect(sessions.held).toBe(1);
});

test("a disposable image is dropped with its embedding, and says so", async () => {
  const { sessions, predictor } = make(10);
  await predictor.setImage("a", picture, ignore, { isDisposable: true });
  await predictor.setImage("b", picture, ignore);
  await expect(predictor.predict("a", POINT)).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect(sessions.held).toBe(1);
});

test.each(["released", "replaced"])("%s while it is encoded again: nothing of it is held", async (how) => {
  const { sessions, predictor } = make(10);
  for (const id of ["a", "b"]) await predictor.setImage(id, picture, ignore);
  sessions.slow = true;
  const click = predictor.predict("a", POINT);
  await turn();
  if (how === "released") await predictor.releaseImage("a");
  const replaced = how === "replaced" ? predictor.setImage("a", picture, ignore) : null;
  await turn();
  for (const end of sessions.waiting) end();
  await replaced;
  await expect(click).rejects.toMatchObject({ name: "ImageReleasedError" });
  await predictor.releaseImage("a");
  await predictor.releaseImage("b");
  expect(sessions.held).toBe(0);
});

test("after a lost GPU an image is encoded again once, however many prompts wait for it", async () => {
  const { sessions, next, predictor } = make();
  await predictor.setImage("a", picture, ignore);
  sessions.lost = "gone";
  const answers = await Promise.all(Array.from({ length: 5 }, () => predictor.predict("a", POINT)));
  expect(answers).toHaveLength(5);
  expect([next.encoded, next.held]).toEqual([1, 1]);
});

describe("an image whose embedding is given", () => {
  const size = { width: 4, height: 4 };
  const known = async () => ({ ...size, tensors: async (): Promise<Record<string, Tensor>> => ({}) });

  test("is not encoded, and is loaded again where its embedding made room", async () => {
    const { sessions, predictor } = make(10);
    for (const id of ["a", "b"]) await predictor.setEmbedding(id, known);
    for (const id of ["a", "b", "b"]) await predictor.predict(id, POINT);
    expect([sessions.encoded, sessions.loaded, sessions.held]).toEqual([0, 4, 1]);
    await predictor.releaseImage("b");
    expect(sessions.held).toBe(0);
  });

  test("takes the place of an encoding of the same id that is under way", async () => {
    const { sessions, predictor } = make();
    sessions.slow = true;
    const call = predictor.setImage("a", picture, ignore);
    await turn();
    await predictor.setEmbedding("a", known);
    sessions.waiting[0]?.();
    await expect(call).rejects.toMatchObject({ name: "ImageReleasedError" });
    expect([sessions.held, open]).toEqual([1, 0]);
  });

  test("whose tensors are refused is not kept, and what was kept as it stays", async () => {
    const { predictor } = make();
    await predictor.setEmbedding("a", known);
    const refusing = () => Promise.reject(new Error("refused"));
    const refused = predictor.setEmbedding("a", async () => ({ width: 9, height: 9, tensors: refusing }));
    await expect(refused).rejects.toThrow("refused");
    expect(predictor.sizeOf("a")).toMatchObject(size);
  });

  test("goes on to new sessions after a lost GPU", async () => {
    const { sessions, next, predictor } = make();
    await predictor.setEmbedding("a", known);
    sessions.lost = "gone";
    await predictor.predict("a", POINT);
    expect([next.loaded, next.encoded]).toEqual([1, 0]);
  });
});

describe("the decoder alone", () => {
  const size = { width: 4, height: 4 };
  const known = async () => ({ ...size, tensors: async (): Promise<Record<string, Tensor>> => ({}) });

  test("answers until a picture has to be encoded; both graphs are then opened, once", async () => {
    const { sessions, next, predictor } = make();
    sessions.encodes = false;
    await predictor.setEmbedding("a", known);
    await predictor.predict("a", POINT);
    expect([sessions.loaded, next.loaded, sessions.disposed]).toEqual([1, 0, 0]);
    await Promise.all(["b", "c"].map((id) => predictor.setImage(id, picture, ignore)));
    await Promise.all(["a", "b", "c"].map((id) => predictor.predict(id, POINT)));
    expect([next.encoded, next.loaded, sessions.disposed]).toEqual([2, 1, 1]);
  });

  test("answers while the encoder is opened, and stays where that fails", async () => {
    const sessions = new FakeSessions();
    sessions.encodes = false;
    let fail: (reason: Error) => void = ignore;
    const reopen = (): Promise<Sessions> =>
      new Promise((_, reject) => {
        fail = reject;
      });
    const predictor = new Predictor(SPEC, sessions, reopen, { embeddingBudget: 1000 });
    await predictor.setEmbedding("a", known);
    const call = predictor.setImage("b", picture, ignore);
    await turn();
    await predictor.predict("a", POINT);
    fail(new Error("the network failed"));
    await expect(call).rejects.toThrow("the network failed");
    await predictor.predict("a", POINT);
    expect([sessions.disposed, open]).toEqual([0, 0]);
  });
});
