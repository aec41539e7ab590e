/** An image that is set with its embedding: released before that was read, or larger than images may be. */
import { encode } from "fast-png";
import { expect, test } from "vitest";
import { writeEmbedding } from "../../src/embedding/codec.ts";
import { Predictor } from "../../src/predictor/predictor.ts";
import { digest } from "../../src/storage/digest.ts";
import { Embeddings } from "../../src/worker/embeddings.ts";
import { FakeSessions, SPEC } from "../fake-sessions.ts";

const SIZE = { width: 4, height: 3 };

test("released while its embedding is read: it is not kept", async () => {
  const sessions = new FakeSessions();
  const picture = encode({ ...SIZE, channels: 3, data: new Uint8Array(3 * SIZE.width * SIZE.height) });
  const file = await writeEmbedding(
    { embedding: { data: new Float32Array(4), dims: [1, 1, 2, 2] } },
    { contract: 1, model: "of the model", modelId: "fake", ...SIZE, sha256: await digest(picture), dtype: "fp16" },
  );
  let goOn = (_: Blob): void => undefined;
  const predictor = new Predictor(SPEC, sessions, async () => sessions, { embeddingBudget: 1000 });
  const embeddings = new Embeddings<Uint8Array<ArrayBuffer>>({
    predictor,
    fingerprint: "of the model",
    platform: {
      fileOf: async (source) => new Blob([source]),
      openPath: () =>
        new Promise((resolve) => {
          goOn = resolve;
        }),
    },
    base: "",
    decode: () => Promise.reject(new Error("a file is not decoded")),
    maxPixels: undefined,
  });
  const set = async (isReleased: boolean): Promise<unknown> => {
    const call = embeddings.set("a", new Uint8Array(picture), "a.safetensors", {});
    if (isReleased) await predictor.releaseImage("a");
    goOn(new Blob([file]));
    return call;
  };
  await expect(set(true)).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect(() => predictor.sizeOf("a")).toThrow(/no longer kept/);
  expect(sessions.held).toBe(0);
  expect(await set(false)).toMatchObject(SIZE);
  expect([predictor.sizeOf("a"), sessions.held]).toMatchObject([SIZE, 1]);
});

test.each([
  ["as large as images may be", 12, null],
  ["larger", 11, "expected 1 to 16384 pixels a side and at most 11 in all, got 4×3"],
])("a picture that is %s: %i pixels", async (_, maxPixels, message) => {
  const sessions = new FakeSessions();
  const picture = encode({ ...SIZE, channels: 3, data: new Uint8Array(3 * SIZE.width * SIZE.height) });
  const file = await writeEmbedding(
    { embedding: { data: new Float32Array(4), dims: [1, 1, 2, 2] } },
    { contract: 1, model: "of the model", modelId: "fake", ...SIZE, sha256: null, dtype: "fp16" },
  );
  const embeddings = new Embeddings<Uint8Array<ArrayBuffer>>({
    predictor: new Predictor(SPEC, sessions, async () => sessions, { embeddingBudget: 1000 }),
    fingerprint: "of the model",
    platform: { fileOf: async (source) => new Blob([source]), openPath: async () => null },
    base: "",
    decode: () => Promise.reject(new Error("a file is not decoded")),
    maxPixels,
  });
  const set = embeddings.set("a", new Uint8Array(picture), new Blob([file]), {});
  if (message === null) expect(await set).toMatchObject(SIZE);
  else await expect(set).rejects.toMatchObject({ name: "InvalidImageError", message });
});
