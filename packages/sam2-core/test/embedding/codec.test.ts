/** Embeddings as files: what comes back, and that no bytes are taken for an embedding that is none. */
import fc from "fast-check";
import { isSam2Error, type Sam2ErrorName } from "sam2-contract";
import { writeSafetensors } from "sam2-export/safetensors";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type EmbeddingInfo,
  type EmbeddingTensors,
  readEmbedding,
  readEmbeddingInfo,
  writeEmbedding,
} from "../../src/embedding/codec.ts";
import { digest } from "../../src/storage/digest.ts";

const HASH = "ab".repeat(32);
const INFO: EmbeddingInfo = {
  contract: 1,
  model: HASH,
  modelId: "toy",
  width: 480,
  height: 320,
  sha256: HASH,
  dtype: "fp16",
};

/** Tensors of any values that a float32 and a half both hold, [1,C,H,W]. */
const tensors = fc
  .dictionary(
    fc.stringMatching(/^[a-z_0-9]{1,12}$/),
    fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    { minKeys: 1, maxKeys: 3 },
  )
  .chain((shapes) =>
    fc.record(
      Object.fromEntries(
        Object.entries(shapes).map(([name, [c, h, w]]) => [
          name,
          fc
            .float32Array({ minLength: c * h * w, maxLength: c * h * w, min: -60_000, max: 60_000, noNaN: true })
            .map((data) => ({ data, dims: [1, c, h, w] })),
        ]),
      ),
    ),
  ) as fc.Arbitrary<EmbeddingTensors>;

const info = fc.record({
  contract: fc.constant(1),
  model: fc.constantFrom(HASH, `${HASH}-1024`),
  modelId: fc.string({ minLength: 1 }).filter((text) => /./.test(text)),
  width: fc.integer({ min: 1, max: 16_384 }),
  height: fc.integer({ min: 1, max: 16_384 }),
  sha256: fc.constantFrom(HASH, null),
});

describe("a round trip", () => {
  test("in half precision: every value within half a step", async () => {
    await fc.assert(
      fc.asyncProperty(tensors, info, async (given, about) => {
        const file = await writeEmbedding(given, { ...about, dtype: "fp16" });
        const stored = await readEmbedding(file);
        expect(stored.info).toEqual({ ...about, dtype: "fp16" });
        const came = await stored.tensors();
        expect(Object.keys(came).sort()).toEqual(Object.keys(given).sort());
        for (const [name, { data, dims }] of Object.entries(given)) {
          expect(came[name]?.dims).toEqual(dims);
          for (const [i, value] of data.entries()) {
            const error = Math.abs((came[name]?.data[i] as number) - value);
            expect(error).toBeLessThanOrEqual(Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
          }
        }
      }),
    );
  });

  test("in eight bits: every value within half a step of its channel", async () => {
    await fc.assert(
      fc.asyncProperty(tensors, info, async (given, about) => {
        const stored = await readEmbedding(new Blob([await writeEmbedding(given, { ...about, dtype: "int8" })]));
        expect(stored.info).toEqual({ ...about, dtype: "int8" });
        const came = await stored.tensors();
        for (const [name, { data, dims }] of Object.entries(given)) {
          const size = data.length / (dims[1] as number);
          for (let from = 0; from < data.length; from += size) {
            const channel = data.subarray(from, from + size);
            const step = (Math.max(...channel) - Math.min(...channel)) / 254;
            const largest = Math.max(...channel.map(Math.abs));
            for (const [i, value] of channel.entries()) {
              const error = Math.abs((came[name]?.data[from + i] as number) - value);
              // beside rounding, scale and center are float32 themselves
              expect(error).toBeLessThanOrEqual(step * 0.5001 + largest * 2 ** -22 + 1e-37);
            }
          }
        }
      }),
    );
  });

  test("in eight bits: a channel far from 0, whose center is rounded", async () => {
    const data = Float32Array.of(-59999.83203125, -59999.3671875);
    const file = await writeEmbedding({ a: { data, dims: [1, 1, 2, 1] } }, { ...INFO, dtype: "int8" });
    const [least = 0, most = 0] = (await (await readEmbedding(file)).tensors()).a?.data ?? [];
    expect([least, most]).toEqual([expect.closeTo(-59999.832, 1), expect.closeTo(-59999.367, 1)]);
  });

  test("what was read and is written again in half precision is the same file", async () => {
    await fc.assert(
      fc.asyncProperty(tensors, async (given) => {
        const file = await writeEmbedding(given, INFO);
        expect(await writeEmbedding(await (await readEmbedding(file)).tensors(), INFO)).toEqual(file);
      }),
    );
  });

  test("of a Blob the info needs the header alone", async () => {
    const file = await writeEmbedding({ a: { data: new Float32Array(4), dims: [1, 1, 2, 2] } }, INFO);
    expect(await readEmbeddingInfo(new Blob([file]))).toEqual(INFO);
    const cut = new Blob([file]).slice(0, file.length - 8);
    expect(await readEmbeddingInfo(cut)).toEqual(INFO);
  });
});

describe("damage", () => {
  const given: EmbeddingTensors = {
    image_embed: { data: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)), dims: [1, 2, 4, 4] },
    high_res_feats_0: { data: Float32Array.from({ length: 16 }, (_, i) => i), dims: [1, 1, 4, 4] },
  };
  const NAMES: readonly Sam2ErrorName[] = ["InvalidSafetensorsError", "InvalidEmbeddingError", "IntegrityError"];

  test.each(["fp16", "int8"] as const)("%s: any byte changed is noticed, or changes no value", async (dtype) => {
    const whole = await writeEmbedding(given, { ...INFO, dtype });
    const before = await (await readEmbedding(whole)).tensors();
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const file = whole.slice();
        file[at] = (file[at] as number) ^ mask;
        try {
          // a tensor's name and its picture's size are what the caller compares
          const came = Object.values(await (await readEmbedding(file)).tensors());
          expect(came.map(({ data }) => data)).toEqual(Object.values(before).map(({ data }) => data));
        } catch (error) {
          if (!NAMES.some((name) => isSam2Error(error, name))) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each(["fp16", "int8"] as const)("%s: cut off anywhere, or with bytes after it, it is refused", async (dtype) => {
    const whole = await writeEmbedding(given, { ...INFO, dtype });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        const thrown: unknown = await readEmbedding(whole.subarray(0, length)).catch((error: unknown) => error);
        expect(NAMES.some((name) => isSam2Error(thrown, name))).toBe(true);
      }),
    );
    const longer = new Uint8Array(whole.length + 1);
    longer.set(whole);
    await expect(readEmbedding(longer)).rejects.toMatchObject({ name: "IntegrityError" });
  });

  test("no bytes at all make it fail otherwise", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const thrown: unknown = await readEmbedding(bytes).catch((error: unknown) => error);
        expect(isSam2Error(thrown, "InvalidSafetensorsError")).toBe(true);
      }),
    );
  });
});

describe("refused", () => {
  const about = {
    format: "sam2-embedding",
    contract: "1",
    model: HASH,
    model_id: "toy",
    width: "4",
    height: "4",
    dtype: "fp16",
  };
  /** SHA-256 of no bytes, and of two zeros. */
  const [NONE, ZEROS] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
  ];
  const half = { name: "a", dtype: "F16", shape: [1, 1, 1, 1], bytes: new Uint8Array(2) } as const;
  let good: Uint8Array;
  beforeAll(async () => {
    good = writeSafetensors([half], { ...about, data_sha256: ZEROS });
    expect((await readEmbedding(good)).info).toMatchObject({ width: 4, sha256: null });
  });

  test.each<[string, () => Uint8Array, Sam2ErrorName, RegExp]>([
    [
      "a web page",
      () => new TextEncoder().encode("<!doctype html><p>Not found"),
      "InvalidSafetensorsError",
      /header length/,
    ],
    [
      "a checkpoint",
      () => writeSafetensors([half], { format: "pt" }),
      "InvalidEmbeddingError",
      /expected an embedding, got a safetensors file of the format "pt"/,
    ],
    ["a file that says nothing", () => writeSafetensors([half], {}), "InvalidEmbeddingError", /format null/],
    [
      "another contract",
      () => writeSafetensors([half], { ...about, contract: "2" }),
      "InvalidEmbeddingError",
      /contract: expected 1, got 2/,
    ],
    [
      "a width that is no number",
      () => writeSafetensors([half], { ...about, width: "0x4" }),
      "InvalidEmbeddingError",
      /width: expected a whole number over 0, got "0x4"/,
    ],
    [
      "another dtype",
      () => writeSafetensors([half], { ...about, dtype: "int4" }),
      "InvalidEmbeddingError",
      /dtype: expected fp16 or int8, got "int4"/,
    ],
    [
      "a picture's hash that is none",
      () => writeSafetensors([half], { ...about, picture_sha256: "abc" }),
      "InvalidEmbeddingError",
      /picture_sha256: expected 64 hexadecimal digits/,
    ],
    ["a file without its hash", () => writeSafetensors([half], about), "IntegrityError", /none in its metadata/],
    [
      "another hash",
      () => writeSafetensors([half], { ...about, data_sha256: NONE }),
      "IntegrityError",
      /have the SHA-256 96a2.*got e3b0/,
    ],
    [
      "a tensor of another dtype",
      () => writeSafetensors([{ ...half, dtype: "I8", shape: [1, 1, 1, 2] }], { ...about, data_sha256: ZEROS }),
      "InvalidEmbeddingError",
      /tensor "a": expected F16 of four axes, got I8/,
    ],
    [
      "eight bits without a scale",
      () =>
        writeSafetensors([{ ...half, dtype: "I8", shape: [1, 1, 1, 2] }], {
          ...about,
          dtype: "int8",
          data_sha256: ZEROS,
        }),
      "InvalidEmbeddingError",
      /tensor "a.scale": expected a value for each channel, F32 \[1\], got none/,
    ],
  ])("%s", async (_, file, name, message) => {
    await expect(readEmbedding(file())).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });

  test("values of a channel that are not finite", async () => {
    const floats = (value: number) => new Uint8Array(Float32Array.of(value).buffer);
    const scale = { name: "a.scale", dtype: "F32", shape: [1], bytes: floats(1e38) } as const;
    const center = { ...scale, name: "a.center", bytes: floats(0) };
    const bytes = { name: "a", dtype: "I8", shape: [1, 1, 1, 1], bytes: new Uint8Array(1) } as const;
    const data_sha256 = await digest(Uint8Array.of(...scale.bytes, ...center.bytes, 0));
    const file = writeSafetensors([scale, center, bytes], { ...about, dtype: "int8", data_sha256 });
    const { tensors } = await readEmbedding(file);
    await expect(tensors()).rejects.toMatchObject({ name: "TensorValueError" });
  });

  test.each([
    ["fp16", Number.NaN],
    ["int8", Number.POSITIVE_INFINITY],
    ["fp16", 65_520],
  ] as const)("written as %s: the value %d", async (dtype, value) => {
    const written = writeEmbedding({ a: { data: Float32Array.of(0, value), dims: [1, 1, 1, 2] } }, { ...INFO, dtype });
    await expect(written).rejects.toMatchObject({ name: "TensorValueError" });
  });
});
