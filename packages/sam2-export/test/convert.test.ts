/** Converting as a whole: bad checkpoints, folders, the manifest, memory. */
import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXPORTER_VERSION } from "sam2-contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { byteSource, exportModel, exportToMemory, type ModelFile } from "../src/index.ts";
import { exportFolder } from "../src/node.ts";
import { fixtureFolder, readExpected } from "./fixtures.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-export-"));
  await cp(fixtureFolder("toy"), join(folder, "checkpoint"), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const checkpoint = (): string => join(folder, "checkpoint");
const out = (): string => join(folder, "out");
const weightsPath = (): string => join(checkpoint(), "model.safetensors");

async function editConfig(edit: (config: Record<string, any>) => void): Promise<void> {
  const path = join(checkpoint(), "config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  edit(config);
  await writeFile(path, JSON.stringify(config));
}

/** Rewrites the header of the weights; the data stay. */
async function editHeader(edit: (header: Record<string, any>) => void): Promise<void> {
  const bytes = await readFile(weightsPath());
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, end).toString());
  edit(header);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(weightsPath(), Buffer.concat([length, text, bytes.subarray(end)]));
}

async function poison(name: string, value: number): Promise<void> {
  const bytes = await readFile(weightsPath());
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, end).toString());
  bytes.writeFloatLE(value, end + header[name].data_offsets[0]);
  await writeFile(weightsPath(), bytes);
}

const QKV = "vision_encoder.backbone.blocks.0.attn.qkv.weight";

describe("bad checkpoints leave the model that was there", () => {
  test.each<[string, () => Promise<unknown>, string, RegExp]>([
    [
      "unknown model_type",
      () =>
        editConfig((c) => {
          c.model_type = "sam";
        }),
      "InvalidConfigError",
      /model_type: expected "sam2", "sam2_video", "edgetam" or "edgetam_video", got "sam"/,
    ],
    [
      "another activation",
      () =>
        editConfig((c) => {
          c.vision_config.backbone_config.hidden_act = "relu";
        }),
      "InvalidConfigError",
      /hidden_act: expected "gelu", got "relu"/,
    ],
    [
      "text where a number belongs",
      () =>
        editConfig((c) => {
          c.mask_decoder_config.mlp_dim = "64";
        }),
      "InvalidConfigError",
      /mlp_dim: expected a whole number from 1 to 65536, got "64"/,
    ],
    [
      "three stages",
      () =>
        editConfig((c) => {
          c.vision_config.backbone_config.blocks_per_stage = [1, 2, 3];
        }),
      "InvalidConfigError",
      /four stages/,
    ],
    [
      "hidden sizes differ",
      () =>
        editConfig((c) => {
          c.mask_decoder_config.hidden_size = 64;
        }),
      "InvalidConfigError",
      /hidden_size 32, got 64/,
    ],
    [
      "truncated weights",
      async () => writeFile(weightsPath(), (await readFile(weightsPath())).subarray(0, 500_000)),
      "InvalidSafetensorsError",
      /lie outside/,
    ],
    [
      "missing tensor",
      () =>
        editHeader((h) => {
          delete h[QKV];
        }),
      "MissingTensorError",
      new RegExp(`"${QKV}" \\[24,8\\]`),
    ],
    [
      "wrong shape",
      () =>
        editHeader((h) => {
          h[QKV].shape = [8, 24];
        }),
      "TensorShapeError",
      /expected shape \[24,8\], got \[8,24\]/,
    ],
    [
      "a shape of a million sizes",
      () =>
        editHeader((h) => {
          h[QKV].shape = [24, 8, ...Array(1e6).fill(1)];
        }),
      "TensorShapeError",
      /expected shape \[24,8\], got \[24,8(,1){50,60},?…$/,
    ],
    ["NaN", () => poison(QKV, Number.NaN), "TensorValueError", new RegExp(`"${QKV}": element 0 is NaN`)],
    [
      "infinity",
      () => poison("no_memory_embedding", Number.NEGATIVE_INFINITY),
      "TensorValueError",
      /element 0 is -Infinity/,
    ],
  ])("%s", async (_, spoil, name, message) => {
    await exportFolder(checkpoint(), out());
    const before = await readFile(join(out(), "model.json"), "utf8");
    await spoil();
    await expect(exportFolder(checkpoint(), out())).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
    expect((await readdir(folder)).sort()).toEqual(["checkpoint", "out"]);
    expect(await readFile(join(out(), "model.json"), "utf8")).toBe(before);
  });

  test("a weight over the range of half precision", async () => {
    await poison(QKV, 1e6);
    await expect(exportFolder(checkpoint(), out(), { dtype: "fp16" })).rejects.toMatchObject({
      name: "TensorValueError",
      message: expect.stringMatching(/over the largest half-precision number/),
    });
    expect(await readdir(folder)).toEqual(["checkpoint"]);
  });

  test("a tensor that the index lists and no file holds", async () => {
    const sharded = fixtureFolder("toy-sharded");
    const config = JSON.parse(await readFile(join(sharded, "config.json"), "utf8"));
    const index = JSON.parse(await readFile(join(sharded, "model.safetensors.index.json"), "utf8"));
    const first = byteSource(new Uint8Array(await readFile(join(sharded, "model-00001-of-00003.safetensors"))));
    await expect(exportToMemory({ config, weights: [first], index }, { id: "x" })).rejects.toMatchObject({
      name: "MissingTensorError",
    });
  });

  test.each<[string, unknown]>([
    ["100", 100],
    ["0", 0],
    ["1.5", 1.5],
    ['"64"', "64"],
    ["a bigint", 64n],
    ["[64]", [64]],
  ])("image size %s", async (came, imageSize) => {
    await expect(exportFolder(checkpoint(), out(), { imageSize: imageSize as number })).rejects.toMatchObject({
      name: "InvalidConfigError",
      message: `image size: expected a multiple of 32, got ${came}`,
    });
  });
});

describe("options that no model can have, before anything is written", () => {
  test.each<[string, object, RegExp]>([
    ["an empty id", { id: "" }, /id: expected a text, got ""/],
    ["an id that is no text", { id: 7 }, /id: expected a text, got 7/],
    ["an empty source", { source: "" }, /source: expected a text, got ""/],
    ["a precision of another name", { dtype: "float16" }, /dtype: expected "fp32", .* or "int8", got "float16"/],
    ["a name of the prototype", { dtype: "constructor" }, /dtype: expected .*, got "constructor"/],
    ["another attention", { attention: "flash" }, /attention: expected "fused" or "decomposed", got "flash"/],
  ])("%s", async (_, options, message) => {
    await expect(exportFolder(checkpoint(), out(), options)).rejects.toMatchObject({
      name: "InvalidConfigError",
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder)).toEqual(["checkpoint"]);
  });
});

test("options that are undefined are those that are not given", async () => {
  const options = { id: undefined, source: undefined, dtype: undefined, attention: undefined, canary: undefined };
  expect(await exportFolder(checkpoint(), out(), options)).toMatchObject({
    id: "checkpoint",
    source: "checkpoint",
    dtype: "fp32",
    attention: "decomposed",
  });
});

test("a canary of a model that overflows is refused", async () => {
  await poison("vision_encoder.backbone.patch_embed.projection.bias", 1e30);
  await poison("vision_encoder.neck.convs.0.bias", 1e5);
  await expect(exportFolder(checkpoint(), out(), { dtype: "fp16-compute", canary: true })).rejects.toMatchObject({
    name: "TensorValueError",
    message: expect.stringMatching(
      /^canary: expected finite numbers in the output \w+, got (NaN|Infinity): in fp16-compute/,
    ),
  });
  expect(await readdir(folder)).toEqual(["checkpoint"]);
});

test("model.json says what was written", async () => {
  const manifest = await exportFolder(checkpoint(), out(), { imageSize: 96 * 2, dtype: "fp16" });
  expect(JSON.parse(await readFile(join(out(), "model.json"), "utf8"))).toEqual(manifest);
  expect(manifest).toMatchObject({
    contract: 1,
    id: "checkpoint",
    imageSize: 192,
    hiddenSize: 32,
    maskSize: 48,
    maskTokens: 4,
    dtype: "fp16",
  });
  for (const file of Object.values(manifest.files) as ModelFile[]) {
    const bytes = await readFile(join(out(), file.name));
    expect(file.bytes).toBe(bytes.length);
    expect(file.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
});

test("a canary holds samples of every output, as the runtime answers them", async () => {
  const { canary } = await exportFolder(fixtureFolder("toy"), join(folder, "canary"), { canary: true });
  const written = JSON.parse(await readFile(join(folder, "canary", "model.json"), "utf8"));
  expect(written.canary).toEqual(canary);
  const expected = await readExpected("toy");
  for (const name of ["image_embed", "high_res_feats_0", "high_res_feats_1"]) {
    const { data } = expected.get(name) as { data: Float32Array };
    const values = Array.from({ length: 32 }, (_, i) => data[Math.floor((i * data.length) / 32)] as number);
    for (const [i, value] of values.entries()) expect(canary?.[name]?.values[i]).toBeCloseTo(value, 3);
  }
  expect(canary?.masks?.values).toHaveLength(32);
  expect(new Set(canary?.iou_predictions?.values).size).toBe(4);
});

test.each([
  { dtype: "fp16", encoder: 0.75, decoder: 0.75 },
  { dtype: "int8", encoder: 0.55, decoder: 0.75 },
] as const)("$dtype makes smaller files", async ({ dtype, encoder, decoder }) => {
  const full = await exportFolder(checkpoint(), out());
  const smaller = await exportFolder(checkpoint(), out(), { dtype });
  expect(smaller.dtype).toBe(dtype);
  expect(smaller.files.encoder.bytes).toBeLessThan(encoder * full.files.encoder.bytes);
  expect(smaller.files.decoder.bytes).toBeLessThan(decoder * full.files.decoder.bytes);
});

test("files are those of this version of the exporter: if they change, EXPORTER_VERSION must, too", async () => {
  const hashes: string[] = [];
  for (const [dtype, attention] of [
    ["fp32", "fused"],
    ["fp32", "decomposed"],
    ["fp16", "decomposed"],
    ["int8", "decomposed"],
  ] as const) {
    const { files } = await exportFolder(checkpoint(), out(), { dtype, attention });
    hashes.push(files.encoder.sha256, files.decoder.sha256);
  }
  const all = createHash("sha256").update(hashes.join()).digest("hex");
  expect([EXPORTER_VERSION, all]).toEqual([4, "7d9dd5684efdf913673d13ce3dd0475ac6b6530880cbbe22a51ba5b779f75272"]);
});

test("int8 is refused for a trunk of convolutions, before anything is read or written", async () => {
  const config = JSON.parse(await readFile(new URL("../../../models/sam2-mini/config.json", import.meta.url), "utf8"));
  const write = async (): Promise<never> => {
    throw new Error("written");
  };
  await expect(exportModel({ config, weights: [] }, { id: "x", dtype: "int8" }, write)).rejects.toMatchObject({
    name: "InvalidConfigError",
    message: expect.stringContaining("efficientnet-lite"),
  });
});

test("tensors are read one at a time, when they are written", async () => {
  const bytes = new Uint8Array(await readFile(weightsPath()));
  const config = JSON.parse(await readFile(join(checkpoint(), "config.json"), "utf8"));
  const inner = byteSource(bytes);
  let reads = 0;
  const read = (start: number, end: number): Promise<Uint8Array> => {
    reads++;
    return inner.read(start, end);
  };
  const weights = [{ size: inner.size, read }];
  const seen: number[] = [];
  await exportModel({ config, weights }, { id: "x" }, async (_, pieces) => {
    seen.push(reads);
    for await (const piece of pieces) void piece;
  });
  expect(seen[0]).toBe(2); // length and header: nothing else before the first file is written
  expect(seen[1]).toBeGreaterThan(50);
});
