/** When a CPU runs a model in int8: where a trial shows that it is right and faster, and the result can be kept. */
import { Sam2Error } from "sam2-contract";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ModelForm, ModelForms } from "../../src/model/forms.ts";
import { publishedSpec } from "../../src/model/spec.ts";
import { cpuForm, isForCpus } from "../../src/runtime/cpu-form.ts";
import type { Sessions } from "../../src/runtime/sessions.ts";
import { ModelCache } from "../../src/storage/cache.ts";
import type { Store } from "../../src/storage/store.ts";

/** How int8 behaves on the CPU of a test. */
interface Behavior {
  /** The encoder's time in int8, where fp32 takes 10. */
  readonly time?: number;
  /** By how much of the largest value its embedding is off. */
  readonly error?: number;
  /** What opening it throws. */
  readonly fault?: Error;
  /** Whether notes can be kept. */
  readonly keeps?: boolean;
}

let clock = 0;
/** The forms that were opened. */
let opened: ModelForm[];
let closed: number;

beforeEach(() => {
  [opened, closed] = [[], 0];
  vi.spyOn(performance, "now").mockImplementation(() => clock);
});
afterEach(() => vi.restoreAllMocks());

const form = (dtype: "fp32" | "int8"): ModelForm => ({
  attention: "decomposed",
  dtype,
  load: () => expect.fail("the platform loads it"),
});

const MODEL: ModelForms = {
  forms: [form("fp32"), form("fp32")],
  int8: { form: form("int8"), trial: { fp32: form("fp32"), int8: form("int8") }, weights: "abc" },
  fingerprint: "abc-1024",
  half: [],
  dtypeReason: null,
  settle: async () => undefined,
};

function memory(keeps: boolean): ModelCache {
  const files = new Map<string, Uint8Array>();
  const store: Store = {
    read: async (key) => files.get(key) ?? null,
    write: async (key, bytes) => {
      if (!keeps) throw new Error("no room");
      files.set(key, bytes);
    },
    remove: async (key) => void files.delete(key),
    list: async () => [],
    alone: (_, task) => task(),
  };
  return new ModelCache(store);
}

/** A CPU that encodes and decodes as the test says. */
function cpu({ time = 6, error = 0.02, fault }: Behavior) {
  return async (opens: ModelForm) => {
    opened.push(opens);
    const isInt8 = opens.dtype === "int8";
    if (isInt8 && fault) throw fault;
    const values = Float32Array.of(1, -1, 0.5);
    const sessions = {
      encode: async () => {
        clock += isInt8 ? time : 10;
        return {};
      },
      decode: async () => ({ masks: { data: values }, scores: { data: values } }),
      read: async () => ({ image_embed: { data: values.map((value) => value + (isInt8 ? error : 0)) } }),
      release: async () => undefined,
      dispose: async () => void closed++,
    };
    return { spec: publishedSpec("fake", 64), sessions: sessions as unknown as Sessions };
  };
}

test.each<[string, Behavior, "fp32" | "int8", RegExp]>([
  ["it is faster, and off by what rounding explains", { time: 6, error: 0.02 }, "int8", /^int8 took 0\.60 of fp32/],
  ["it is slower", { time: 12 }, "fp32", /^int8 is not taken: it took 1\.20 of fp32's time/],
  ["it is wrong", { error: 0.3 }, "fp32", /^int8 is not taken: its image_embed differs from the CPU's by 30\.0 %/],
  ["it is not a number", { error: Number.NaN }, "fp32", /^int8 is not taken: its image_embed differs/],
  ["it does not open", { fault: new Error("no such operator") }, "fp32", /^int8 is not taken: no such operator/],
])("%s: decided once", async (_, behavior, dtype, reason) => {
  const cache = memory(true);
  for (const trials of [2, 0]) {
    opened = [];
    const chosen = await cpuForm(MODEL, cache, cpu(behavior));
    expect(chosen.form.dtype).toBe(dtype);
    expect(chosen.reason).toMatch(reason);
    expect(opened.length).toBe(trials);
  }
  expect(closed).toBe(behavior.fault ? 1 : 2);
});

test("where nothing can be kept, it is not tried", async () => {
  const chosen = await cpuForm(MODEL, memory(false), cpu({}));
  expect(chosen).toMatchObject({
    form: { dtype: "fp32" },
    reason: expect.stringContaining("only where the result can be kept"),
  });
  expect(opened).toEqual([]);
});

const WEEK = 7 * 24 * 3600 * 1000;

/** Begins a trial in a page that is closed before it ends. */
async function beginTrial(cache: ModelCache): Promise<void> {
  await new Promise<void>((resolve) => {
    void cpuForm(MODEL, cache, () => {
      resolve();
      return new Promise(() => undefined);
    });
  });
}

test("a trial that ended with its page is made once more, and after the second time not before a week has passed", async () => {
  const cache = memory(true);
  await beginTrial(cache);
  await beginTrial(cache);
  const chosen = await cpuForm(MODEL, cache, cpu({}));
  expect(chosen).toMatchObject({ form: { dtype: "fp32" }, reason: "int8 is not taken: its trial did not end" });
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + WEEK);
  expect(await cpuForm(MODEL, cache, cpu({}))).toMatchObject({ form: { dtype: "int8" } });
});

test.each<[string, Behavior, "fp32" | "int8", number]>([
  ["that failed is made again", { fault: new Error("no such operator") }, "int8", 2],
  ["that showed it to be slower is not made again", { time: 12 }, "fp32", 0],
  ["that showed it to be wrong is not made again", { error: 0.3 }, "fp32", 0],
  ["that went well is not made again", {}, "int8", 0],
])("a week later, a trial %s", async (_, before, dtype, trials) => {
  const cache = memory(true);
  await cpuForm(MODEL, cache, cpu(before));
  opened = [];
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + WEEK);
  expect(await cpuForm(MODEL, cache, cpu({}))).toMatchObject({ form: { dtype } });
  expect(opened.length).toBe(trials);
});

test("a runtime that does not start says nothing about int8: another worker tries it", async () => {
  const cache = memory(true);
  const fault = new Sam2Error("RuntimeStartError", "onnxruntime-web's threads did not start in 10 s");
  await beginTrial(cache);
  await expect(cpuForm(MODEL, cache, cpu({ fault }))).rejects.toBe(fault);
  expect(await cpuForm(MODEL, cache, cpu({}))).toMatchObject({ form: { dtype: "int8" } });
});

test("without a network the trial waits for another time", async () => {
  const cache = memory(true);
  const offline = cpu({ fault: new Sam2Error("DownloadError", "the network failed") });
  expect(await cpuForm(MODEL, cache, offline)).toMatchObject({ form: { dtype: "fp32" }, reason: null });
  expect(await cpuForm(MODEL, cache, cpu({}))).toMatchObject({ form: { dtype: "int8" } });
});

test.each<[string, ModelForms, boolean]>([
  ["in fp32", { ...MODEL, int8: null }, false],
  ["in int8", { ...MODEL, forms: [form("int8")], int8: null }, true],
])("a model %s only is opened in that, without a trial", async (_, model, forCpus) => {
  expect(await cpuForm(model, memory(true), cpu({}))).toEqual({ form: model.forms.at(-1), reason: null });
  expect(opened).toEqual([]);
  expect(isForCpus(model)).toBe(forCpus);
});
