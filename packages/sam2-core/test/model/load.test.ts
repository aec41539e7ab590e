/** Exports whose files are at hand: taken if they are those that model.json names. */
import { openAsBlob } from "node:fs";
import { fileURLToPath } from "node:url";
import { byteSource, exportToMemory } from "sam2-export";
import { expect, test } from "vitest";
import { loadModel } from "../../src/model/load.ts";
import { ModelCache } from "../../src/storage/cache.ts";

const TOY = fileURLToPath(new URL("../../../../models/reference/fixtures/toy/", import.meta.url));

/** An export, by file. */
async function exported(imageSize: number): Promise<{ manifest: Blob; encoder: Blob; decoder: Blob }> {
  const config: unknown = JSON.parse(await (await openAsBlob(`${TOY}config.json`)).text());
  const weights = [byteSource(await openAsBlob(`${TOY}model.safetensors`))];
  const { files } = await exportToMemory({ config, weights }, { id: "toy", imageSize });
  const file = (name: string): Blob => files.get(name) as Blob;
  return { manifest: file("model.json"), encoder: file("encoder.onnx"), decoder: file("decoder.onnx") };
}

const MODEL = await exported(128);
const OTHER = await exported(256);

const nothingKept = new ModelCache({
  read: async () => null,
  write: async () => undefined,
  remove: async () => undefined,
  list: async () => [],
  alone: (_, task) => task(),
});

const load = (source: typeof MODEL, decoderAlone = false) =>
  loadModel(source, {
    cache: nothingKept,
    base: "https://example.com/",
    draft: false,
    decoderAlone,
    dtype: "auto",
    keepsWeights: false,
    acceptChanges: false,
    onProgress: () => undefined,
  });

test.each<[unknown, string]>([
  [42, "42"],
  [null, "null"],
  [undefined, "undefined"],
  [[], "[]"],
  [{}, "an object"],
  [{ encoder: MODEL.encoder }, "an object"],
  [{ config: MODEL.manifest }, "an object"],
])("%j is no model", async (source, got) => {
  const expected = "model: expected a model's name or address, an export or a checkpoint";
  await expect(load(source as typeof MODEL)).rejects.toMatchObject({
    name: "UnknownModelError",
    message: `${expected}; got ${got}`,
  });
});

test.each<[string, Partial<typeof MODEL>, boolean, RegExp | null]>([
  ["the files of one export", {}, false, null],
  ["its decoder alone", { encoder: OTHER.encoder }, true, null],
  ["another export's encoder", { encoder: OTHER.encoder }, false, /^encoder\.onnx: expected SHA-256 .* got /],
  ["another export's decoder", { decoder: OTHER.decoder }, false, /^decoder\.onnx: expected SHA-256 .* got /],
  ["another export's decoder, alone", { decoder: OTHER.decoder }, true, /^decoder\.onnx: /],
  ["a file that was cut off", { decoder: MODEL.decoder.slice(0, 1000) }, false, /^decoder\.onnx: /],
])("%s", async (_, files, decoderAlone, message) => {
  const loading = load({ ...MODEL, ...files }, decoderAlone);
  if (!message) return expect((await loading).forms).toHaveLength(1);
  await expect(loading).rejects.toMatchObject({ name: "IntegrityError", message: expect.stringMatching(message) });
});
