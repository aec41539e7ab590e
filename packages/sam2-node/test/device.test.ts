/** On which device a model is opened in Node, and what of it is asked again at the next start. */
import { Sam2Error } from "sam2-contract";
import { ModelCache, type ModelForm, type ModelForms } from "sam2-core";
import { beforeEach, expect, test, vi } from "vitest";

/** What was loaded, and for what: form and place of the encoder. */
let loaded: string[];
let notes: Map<string, Uint8Array>;
/** The forms that cannot be had, since there is no network. */
let missing: readonly string[];
/** Whether the GPU answers wrongly. */
let isWrong: boolean;

const values = (factor: number): { data: Float32Array } => ({ data: Float32Array.of(factor, 2, 3) });

vi.mock("../src/runtime/sessions.ts", () => ({
  gpuProviders: () => ["cuda"],
  OrtSessions: {
    create: async (_spec: unknown, { encoder: name }: { encoder: string }, placement: { encoder: string }) => {
      loaded.push(`${name} on ${placement.encoder}`);
      return {
        device: placement,
        encode: async () => ({}),
        read: async () => ({ image_embed: values(isWrong && placement.encoder !== "cpu" ? 9 : 1) }),
        decode: async () => ({ masks: values(1), scores: values(1) }),
        release: async () => undefined,
        dispose: async () => undefined,
      };
    },
  },
}));
const { openSessions } = await import("../src/runtime/device.ts");

beforeEach(() => {
  [loaded, notes, missing, isWrong] = [[], new Map(), [], false];
});

const form = (attention: ModelForm["attention"]): ModelForm => ({
  attention,
  dtype: "fp32",
  load: async () => {
    if (missing.includes(attention)) throw new Sam2Error("DownloadError", "no network");
    const bytes = { encoder: attention, decoder: attention } as never;
    return { spec: { id: "fake", imageSize: 64 } as never, bytes, dtype: "fp32" };
  },
});

const MODEL: ModelForms = {
  forms: [form("fused"), form("decomposed")],
  half: [],
  int8: null,
  fingerprint: "abc-64",
  dtypeReason: null,
  settle: async () => undefined,
};

/** Starts anew: what was noted is all that is known. */
async function start(device: "auto" | "cuda" = "auto") {
  loaded = [];
  const cache = new ModelCache({
    read: async (key) => notes.get(key) ?? null,
    write: async (key, bytes) => void notes.set(key, bytes),
    remove: async (key) => void notes.delete(key),
    list: async () => [],
    alone: (_, task) => task(),
  });
  const opened = await openSessions(MODEL, { device, cache, softwareGpu: true }, () => undefined);
  return opened.sessions.device;
}

test("the right answer is computed on the CPU once; at later starts only what the GPU takes is loaded", async () => {
  await start();
  expect(loaded).toEqual(["fused on cuda", "decomposed on cpu"]);
  missing = ["decomposed"];
  expect(await start()).toMatchObject({ encoder: "cuda" });
  expect(loaded).toEqual(["fused on cuda"]);
});

test("without a network and without the GPU's form: the CPU takes what is kept, and nothing is noted of the GPU", async () => {
  missing = ["fused"];
  expect(await start()).toMatchObject({
    encoder: "cpu",
    reason: expect.stringContaining("DownloadError: no network"),
  });
  expect(loaded).toEqual(["decomposed on cpu"]);
  expect(notes.size).toBe(0);
  await expect(start("cuda")).rejects.toMatchObject({ name: "DownloadError" });
});

test("without a network and without the right answer, nothing is noted of the GPU", async () => {
  missing = ["decomposed"];
  await expect(start()).rejects.toMatchObject({ name: "DownloadError" });
  expect([loaded, notes.size]).toEqual([["fused on cuda"], 0]);
  missing = [];
  expect(await start()).toMatchObject({ encoder: "cuda" });
});

test("a GPU that is wrong is not tried again", async () => {
  isWrong = true;
  await start();
  expect(loaded).toEqual(["fused on cuda", "decomposed on cpu", "decomposed on cuda", "decomposed on cpu"]);
  expect(await start()).toMatchObject({ encoder: "cpu", reason: expect.stringContaining("its image_embed differs") });
  expect(loaded).toEqual(["decomposed on cpu"]);
});
