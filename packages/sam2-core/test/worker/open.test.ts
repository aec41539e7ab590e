/** A checkpoint whose encoder is opened only when it is needed: what is kept meanwhile. */
import { openAsBlob } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { decoderOf, type ModelForm, type ModelForms } from "../../src/model/forms.ts";
import { ModelCache } from "../../src/storage/cache.ts";
import type { Store } from "../../src/storage/store.ts";
import { type OpenedSessions, type OpenRequest, openModel, type WorkerPlatform } from "../../src/worker/open.ts";
import { FakeSessions } from "../fake-sessions.ts";

const TOY = fileURLToPath(new URL("../../../../models/reference/fixtures/toy/", import.meta.url));
const MODEL = {
  id: "toy",
  config: await openAsBlob(`${TOY}config.json`),
  weights: [await openAsBlob(`${TOY}model.safetensors`)],
};
const REQUEST: OpenRequest = {
  model: MODEL,
  device: "auto",
  dtype: "fp32",
  base: "https://example.com/",
  draft: false,
  lazyEncoder: true,
  keepsWeights: false,
  acceptChanges: false,
  embeddingBudget: 1000,
  maxPixels: undefined,
};

class FakeDevice extends FakeSessions {
  readonly device = { encoder: "cpu", decoder: "cpu", dtype: "fp32", threads: 1, adapter: null, reason: "" } as const;
  readonly takesMaskInput = true;
}

test.each<[Partial<OpenRequest>, string]>([
  [{ maxPixels: Number.NaN }, "maxPixels: expected a number over 0, got NaN"],
  [{ maxPixels: 0 }, "maxPixels: expected a number over 0, got 0"],
  [{ maxPixels: "40e6" as never }, 'maxPixels: expected a number over 0, got "40e6"'],
  [{ embeddingBudget: Number.NaN }, "embeddingBudget: expected a number over 0, got NaN"],
  [{ embeddingBudget: null as never }, "embeddingBudget: expected a number over 0, got null"],
])("a limit that is none is refused before anything is opened: %j", async (limits, message) => {
  const platform = {} as WorkerPlatform<Blob, FakeDevice["device"], FakeDevice>;
  const request = { ...REQUEST, ...limits } as OpenRequest<FakeDevice["device"]>;
  await expect(openModel(platform, request, () => undefined)).rejects.toMatchObject({
    name: "InvalidPromptError",
    message,
  });
});

test("a checkpoint whose decoder alone was opened is kept as it was converted", async () => {
  const files = new Map<string, Uint8Array>();
  const store: Store = {
    read: async (key) => files.get(key) ?? null,
    write: async (key, bytes) => void files.set(key, bytes),
    remove: async (key) => void files.delete(key),
    list: async () => Array.from(files, ([key, { length }]) => ({ key, bytes: length })),
    alone: (_, task) => task(),
  };
  const open = async (form: ModelForm): Promise<OpenedSessions<FakeDevice>> => {
    const { spec } = await form.load();
    return { spec, sessions: new FakeDevice(), form };
  };
  const last = ({ forms }: ModelForms): ModelForm => forms.at(-1) as ModelForm;
  const platform: WorkerPlatform<Blob, FakeDevice["device"], FakeDevice> = {
    openCache: async () => new ModelCache(store),
    localSource: async (source) => source,
    openSessions: (model) => open(last(model)),
    openDecoder: (model) => open(decoderOf(last(model))),
    fileOf: async (source) => source,
    openPath: async () => null,
    decode: () => Promise.reject(new Error("no picture comes")),
  };
  await openModel(platform, REQUEST as OpenRequest<FakeDevice["device"]>, () => undefined);
  const kept = [...files.keys()].filter((key) => key.startsWith("model/toy/converted/"));
  expect(kept.map((key) => key.split("/").at(-1))).toEqual(["encoder.onnx", "decoder.onnx", "head"]);
});
