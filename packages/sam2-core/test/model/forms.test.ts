/** Which precisions a model can be opened in: by what it is, and by what is asked for. */
import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Dtype } from "sam2-contract";
import { byteSource, exportToMemory } from "sam2-export";
import { expect, test } from "vitest";
import type { DtypeChoice } from "../../src/model/forms.ts";
import { loadModel } from "../../src/model/load.ts";
import type { ModelSource } from "../../src/model/source.ts";
import { ModelCache } from "../../src/storage/cache.ts";
import type { Store } from "../../src/storage/store.ts";

const FIXTURES = fileURLToPath(new URL("../../../../models/reference/fixtures/", import.meta.url));

const SAM2 = {
  config: await openAsBlob(`${FIXTURES}toy/config.json`),
  weights: [await openAsBlob(`${FIXTURES}toy/model.safetensors`)],
};
const EDGETAM = {
  config: await openAsBlob(`${FIXTURES}edgetam/repvit_m1/config.json`),
  weights: [new Blob(["read only when it is converted"])],
};

async function exported(dtype: Dtype): Promise<ModelSource> {
  const config: unknown = JSON.parse(await readFile(`${FIXTURES}toy/config.json`, "utf8"));
  const weights = [byteSource(SAM2.weights[0] as Blob)];
  const { files } = await exportToMemory({ config, weights }, { id: "toy", dtype });
  const file = (name: string): Blob => files.get(name) as Blob;
  return { manifest: file("model.json"), encoder: file("encoder.onnx"), decoder: file("decoder.onnx") };
}

const nowhere: Store = {
  read: async () => null,
  write: async () => undefined,
  remove: async () => undefined,
  list: async () => [],
  alone: (_, task) => task(),
};

const load = (source: ModelSource, dtype: DtypeChoice) =>
  loadModel(source, {
    cache: new ModelCache(nowhere),
    base: "https://example.com/",
    draft: false,
    decoderAlone: false,
    dtype,
    keepsWeights: false,
    acceptChanges: false,
    onProgress: () => undefined,
  });

const OWN = /was asked for, but these files are in/;

test.each<[string, () => ModelSource | Promise<ModelSource>, DtypeChoice, Dtype[], boolean, RegExp | null]>([
  ["SAM 2", () => SAM2, "auto", ["fp32", "fp32"], true, null],
  ["SAM 2", () => SAM2, "fp32", ["fp32", "fp32"], false, null],
  ["SAM 2", () => SAM2, "fp16", ["fp16", "fp16"], false, null],
  ["SAM 2", () => SAM2, "fp16-compute", ["fp16", "fp16"], false, /but needs a GPU that computes right in float16/],
  ["SAM 2", () => SAM2, "int8", ["int8"], false, null],
  ["EdgeTAM", () => EDGETAM, "auto", ["fp32", "fp32"], false, null],
  [
    "EdgeTAM",
    () => EDGETAM,
    "int8",
    ["fp32", "fp32"],
    false,
    /but speeds up matrix products, of which this model's trunk has none/,
  ],
  ["an export in fp16", () => exported("fp16"), "auto", ["fp16"], false, null],
  ["an export in int8", () => exported("int8"), "int8", ["int8"], false, null],
  ["an export in int8", () => exported("int8"), "fp32", ["int8"], false, OWN],
])("%s, asked for %s: %j, int8 to be tried: %s", async (_, source, asked, dtypes, tries, reason) => {
  const { forms, half, int8, dtypeReason } = await load(await source(), asked);
  expect(forms.map(({ dtype }) => dtype)).toEqual(dtypes);
  const triesHalf = asked === "fp16-compute" || (asked === "auto" && dtypes.length > 1);
  const wanted = triesHalf ? ["fused fp16-compute", "decomposed fp16-compute"] : [];
  expect(half.map(({ attention, dtype }) => `${attention} ${dtype}`)).toEqual(wanted);
  expect(int8 !== null).toBe(tries);
  if (reason) expect(dtypeReason).toMatch(reason);
  else expect(dtypeReason).toBeNull();
});

test("a checkpoint is converted to the precision of its form; the trial is small", async () => {
  const { forms, int8 } = await load(SAM2, "auto");
  const whole = await forms[0].load();
  const trial = int8?.trial ?? expect.fail("SAM 2 gains by int8");
  expect((await trial.fp32.load()).spec.imageSize).toBe(32);
  expect((await trial.int8.load()).spec.imageSize).toBe(32);
  for (const [dtype, most] of [
    ["fp16", 0.75],
    ["int8", 0.6],
  ] as const) {
    const { bytes } = await (await load(SAM2, dtype)).forms[0].load();
    expect((bytes.encoder?.length ?? 0) / (whole.bytes.encoder?.length ?? 0), dtype).toBeLessThan(most);
  }
});
