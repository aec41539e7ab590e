/** Which device a model is opened on: GPUs that are missing, emulated, wrong in parts, slow, or lost while it opens. */
import { type CanaryAnswer, canaryQuestion, sampleCanary } from "sam2-contract";
import type { ModelForms } from "sam2-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openDecoder, openSessions } from "../../src/runtime/device.ts";
import { OrtSessions } from "../../src/runtime/sessions.ts";
import { FakeStorage } from "../storage/fake-storage.ts";

// the storage of a page that has opened none yet
vi.resetModules();
const { openCache } = await import("../../src/storage/store.ts");

/** How the GPU of a test behaves. */
interface Behavior {
  /** There is no adapter. */
  readonly isMissing?: boolean;
  readonly isEmulated?: boolean;
  /** Why no device can be had. */
  readonly refusal?: string;
  /** It can compute in float16. */
  readonly hasHalf?: boolean;
  /** The encoder is wrong in these forms. */
  readonly wrongEncoder?: readonly string[];
  /** The decoder is wrong on the GPU in these forms. */
  readonly wrongDecoder?: readonly string[];
  /** How often the device is lost, and in which phase. */
  readonly losses?: { readonly phase: "compile" | "check"; readonly times: number; readonly silently?: boolean };
}

let behavior: Behavior;
/** What was opened: form, encoder's and decoder's place. */
let tried: string[];
let losses: number;
/** Devices that were made, less those that were destroyed. */
let devices: number;
/** Another model for each test: nothing is known of it. */
let model = 0;

interface FakeDevice {
  isGone: boolean;
  pushErrorScope(): void;
  /** Resolves once the browser has told what there was to tell. */
  popErrorScope(): Promise<null>;
  lost: Promise<{ message: string; reason: string }>;
  lose(message: string): void;
  destroy(): void;
}

function makeDevice(): FakeDevice {
  devices++;
  let tell: (loss: { message: string; reason: string }) => void = () => undefined;
  const lost = new Promise<{ message: string; reason: string }>((resolve) => {
    tell = resolve;
  });
  const device: FakeDevice = {
    isGone: false,
    pushErrorScope: () => undefined,
    popErrorScope: () => new Promise((resolve) => setTimeout(resolve, 10, null)),
    lost,
    // browsers tell of a loss only after runs have failed
    lose(message) {
      device.isGone = true;
      setTimeout(() => tell({ message, reason: "unknown" }), 5);
    },
    destroy: () => void devices--,
  };
  return device;
}

interface Placement {
  gpu: { device: FakeDevice } | null;
  dtype: string;
  decoder: "webgpu" | "wasm";
  reason: string;
}

/** Sessions that answer as the test's GPU does; on WASM they are right. */
class FakeSessions {
  readonly device: object;
  readonly #placement: Placement;
  readonly #form: string;

  constructor(form: string, placement: Placement) {
    this.#form = form;
    this.#placement = placement;
    const { gpu, decoder, dtype, reason } = placement;
    this.device = { encoder: gpu ? "webgpu" : "wasm", decoder: gpu ? decoder : "wasm", dtype, reason };
  }

  static async create(_: unknown, { encoder }: { encoder: string }, placement: Placement): Promise<FakeSessions> {
    if (!/for (the check|a trial)$/.test(placement.reason)) {
      tried.push(`${encoder} ${placement.gpu ? "webgpu" : "wasm"}/${placement.gpu ? placement.decoder : "wasm"}`);
    }
    if (placement.gpu) loseIn("compile", placement.gpu.device);
    return new FakeSessions(encoder, placement);
  }

  async encode(): Promise<object> {
    if (this.#placement.gpu) loseIn("check", this.#placement.gpu.device);
    return {};
  }

  async read(): Promise<Record<string, { data: Float32Array }>> {
    const { gpu } = this.#placement;
    const isWrong = gpu && (gpu.device.isGone || behavior.wrongEncoder?.includes(this.#form));
    return { image_embed: { data: answer(isWrong ? 0 : 1) } };
  }

  async decode(): Promise<object> {
    const { gpu, decoder } = this.#placement;
    const isWrong = gpu && decoder === "webgpu" && behavior.wrongDecoder?.includes(this.#form);
    return { masks: { data: answer(isWrong ? 0.5 : 1) }, scores: { data: answer(1) } };
  }

  async release(): Promise<void> {}
  abandon(): void {}
  async dispose(): Promise<void> {}
}

const answer = (factor: number): Float32Array => Float32Array.from({ length: 64 }, (_, i) => factor * Math.sin(i + 1));

/** Loses the device where the test wants it; silently: it goes on, with wrong answers, and says so only later. */
function loseIn(phase: "compile" | "check", device: FakeDevice): void {
  const { losses: wanted } = behavior;
  if (wanted?.phase !== phase || losses >= wanted.times) return;
  losses++;
  device.lose("the laptop slept");
  if (!wanted.silently) throw new Error("a run failed");
}

beforeEach(() => {
  model++;
  vi.spyOn(OrtSessions, "create").mockImplementation(FakeSessions.create as never);
  [tried, losses, devices] = [[], 0, 0];
  new FakeStorage("private files");
  const adapter = () => ({
    info: { vendor: "acme", isFallbackAdapter: behavior.isEmulated ?? false },
    limits: {},
    features: new Set(behavior.hasHalf ? ["shader-f16"] : []),
    requestDevice: async ({ requiredFeatures }: { requiredFeatures: string[] }) => {
      if (behavior.refusal) throw new Error(behavior.refusal);
      return Object.assign(makeDevice(), { features: new Set(requiredFeatures) });
    },
  });
  const gpu = { requestAdapter: async () => (behavior.isMissing ? null : adapter()) };
  Object.assign(navigator, { gpu, userAgent: "test" });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const SPEC = { id: "fake", imageSize: 64, canary: undefined as CanaryAnswer | undefined };

/** A checkpoint: it can be opened with fused and with decomposed attention. */
const form = (attention: "fused" | "decomposed", dtype: "fp32" | "fp16-compute" | "int8" = "fp32") => {
  const name = dtype === "fp16-compute" ? `${attention} half` : attention;
  const loaded = { spec: SPEC as never, bytes: { encoder: name, decoder: name } as never, dtype };
  return { attention, dtype, load: async () => loaded };
};

async function open(
  given: Behavior,
  options: { device?: "webgpu"; softwareGpu?: true; threads?: number } = {},
  precision: Partial<ModelForms> = {},
) {
  behavior = given;
  const forms = [form("fused"), form("decomposed")] as const;
  const opened = await openSessions(
    {
      forms,
      half: [],
      int8: null,
      fingerprint: `${model}`,
      dtypeReason: null,
      settle: async () => undefined,
      ...precision,
    },
    { cache: await openCache(), device: "auto", ...options },
    () => undefined,
  );
  return opened.sessions.device;
}

const ON_GPU = { encoder: "webgpu", decoder: "webgpu" };
const MIXED = { encoder: "webgpu", decoder: "wasm" };
const ON_WASM = { encoder: "wasm", decoder: "wasm" };
const LOST = "with fused attention, it was lost while the model opened";
const BOTH = ["fused", "decomposed"];

describe("auto", () => {
  test.each<[string, Behavior, object, RegExp, string[]]>([
    ["a good GPU", {}, ON_GPU, /^runs on acme$/, ["fused webgpu/webgpu"]],
    ["no GPU", { isMissing: true }, ON_WASM, /no WebGPU here/, ["decomposed wasm/wasm"]],
    ["an emulated one", { isEmulated: true }, ON_WASM, /emulated in software/, ["decomposed wasm/wasm"]],
    [
      "one that cannot be opened",
      { refusal: "too many devices" },
      ON_WASM,
      /acme could not be opened: too many devices/,
      ["decomposed wasm/wasm"],
    ],
    [
      "fused attention is wrong",
      { wrongEncoder: ["fused"] },
      ON_GPU,
      /^runs on acme; with fused attention, its image_embed differs from the CPU's by 100\.\d %$/,
      ["fused webgpu/webgpu", "decomposed webgpu/webgpu"],
    ],
    [
      "the decoder is wrong",
      { wrongDecoder: BOTH },
      MIXED,
      /with fused attention, its masks differs .*; with decomposed attention, its masks differs/,
      ["fused webgpu/webgpu", "decomposed webgpu/webgpu", "decomposed webgpu/wasm"],
    ],
    [
      "all is wrong",
      { wrongEncoder: BOTH },
      ON_WASM,
      /^acme was not used: with fused attention, its image_embed .*; with decomposed attention, its image_embed/,
      ["fused webgpu/webgpu", "decomposed webgpu/webgpu", "decomposed wasm/wasm"],
    ],
  ])("%s", async (_, given, where, reason, attempts) => {
    const device = await open(given);
    expect(device).toMatchObject(where);
    expect((device as { reason: string }).reason).toMatch(reason);
    expect(tried).toEqual(attempts);
    // what was found out is remembered: what failed is not tried again, the right answer is not asked for again
    tried = [];
    expect(await open(given)).toEqual(device);
    expect(tried).toEqual(attempts.slice(-1));
  });

  const DAY = 24 * 3600 * 1000;
  test.each<[string, () => unknown, boolean]>([
    ["is remembered six days later", () => vi.setSystemTime(Date.now() + 6 * DAY), false],
    ["is forgotten eight days later", () => vi.setSystemTime(Date.now() + 8 * DAY), true],
    ["is forgotten by another version of the browser", () => Object.assign(navigator, { userAgent: "test 2" }), true],
  ])("what a GPU did wrong, %s", async (_, pass, isTried) => {
    await open({ wrongEncoder: BOTH });
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      pass();
      tried = [];
      expect(await open({})).toMatchObject(isTried ? ON_GPU : ON_WASM);
      expect(tried).toEqual([isTried ? "fused webgpu/webgpu" : "decomposed wasm/wasm"]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("an emulated GPU may be allowed", async () => {
    expect(await open({ isEmulated: true }, { softwareGpu: true })).toMatchObject(ON_GPU);
  });
});

describe.each(["compile", "check"] as const)("a GPU that is lost while the model opens, in the phase %s", (phase) => {
  test.each([false, true])("once: WASM for now, and the next time the GPU (silently: %s)", async (silently) => {
    const losses = { phase, times: 1, silently };
    const device = await open({ losses });
    expect(device).toMatchObject({ ...ON_WASM, reason: expect.stringContaining(LOST) });
    // a run that was cut off may have left the runtime unusable
    expect(tried).toEqual(["fused webgpu/webgpu", "decomposed wasm/wasm"]);
    tried = [];
    expect(await open({ losses })).toMatchObject({ ...ON_GPU, reason: "runs on acme" });
    expect(tried).toEqual(["fused webgpu/webgpu"]);
  });

  test("twice in the same attempt: that attempt is not made again", async () => {
    const losses = { phase, times: 2 };
    await open({ losses });
    await open({ losses });
    tried = [];
    const device = await open({ losses });
    expect(device).toMatchObject({ ...ON_GPU, reason: expect.stringContaining(LOST) });
    expect(tried).toEqual(["decomposed webgpu/webgpu"]);
  });

  test("where the GPU was asked for: a named error, and no device stays", async () => {
    const asked = open({ losses: { phase, times: 1 } }, { device: "webgpu" });
    await expect(asked).rejects.toMatchObject({ name: "DeviceError", message: expect.stringContaining(LOST) });
    expect(devices).toBe(0);
  });
});

test("the decoder alone is opened on WASM, in the form that is right there, and nothing is checked", async () => {
  behavior = {};
  const forms = [form("fused"), form("decomposed")] as const;
  const options = { device: "webgpu", threadsReason: "one thread" } as const;
  const given = { forms, half: [], int8: null, fingerprint: "x", dtypeReason: null, settle: async () => undefined };
  const { sessions } = await openDecoder(given, options, () => undefined);
  expect(sessions.device).toMatchObject({
    ...ON_WASM,
    reason: expect.stringMatching(/^the decoder alone, .*; one thread$/),
  });
  expect([tried, devices]).toEqual([["null wasm/wasm"], 0]);
});

test("a model that brings its answer is checked against that", async () => {
  const { pixels } = canaryQuestion(SPEC.imageSize);
  expect(pixels.length).toBeGreaterThan(0);
  SPEC.canary = sampleCanary({ image_embed: answer(3) });
  const device = await open({});
  SPEC.canary = undefined;
  expect(device).toMatchObject({ ...ON_WASM, reason: expect.stringContaining("its image_embed differs") });
});

test.each<[string, Behavior]>([
  ["no GPU", { isMissing: true }],
  ["one that cannot be opened", { refusal: "too many devices" }],
  ["one that is wrong", { wrongEncoder: BOTH }],
])("where the GPU is asked for and there is %s: a named error", async (_, given) => {
  await expect(open(given, { device: "webgpu" })).rejects.toMatchObject({ name: "DeviceError" });
});

test("a device that no browser has: a named error, and nothing is opened", async () => {
  await expect(open({}, { device: "cpu" as "webgpu" })).rejects.toMatchObject({
    name: "DeviceError",
    message: 'device: expected auto, webgpu, wasm, got "cpu"',
  });
  expect([tried, devices]).toEqual([[], 0]);
});

test.each([0, 2.5, -1, Number.NaN, 1000, "4" as unknown as number])(
  "%j threads: a named error, and nothing is opened",
  async (threads) => {
    const message = expect.stringMatching(/^threads: expected a whole number from 1 to 64, got /);
    await expect(open({}, { threads })).rejects.toMatchObject({ name: "InvalidPromptError", message });
    const given = {
      forms: [form("fused")],
      half: [],
      int8: null,
      fingerprint: "x",
      dtypeReason: null,
    } as unknown as ModelForms;
    const decoder = openDecoder(given, { device: "auto", threads }, () => undefined);
    await expect(decoder).rejects.toMatchObject({ name: "InvalidPromptError", message });
    expect([tried, devices]).toEqual([[], 0]);
  },
);

describe("a model in int8", () => {
  const int8 = form("decomposed", "int8");

  test("is opened on WASM where there is a good GPU, too", async () => {
    const device = await open({}, {}, { forms: [int8] });
    expect(device).toMatchObject({ ...ON_WASM, dtype: "int8", reason: "int8 is for CPUs" });
    expect(tried).toEqual(["decomposed wasm/wasm"]);
  });

  test("is refused by name where the GPU is asked for", async () => {
    const opening = open({}, { device: "webgpu" }, { forms: [int8] });
    await expect(opening).rejects.toMatchObject({
      name: "DeviceError",
      message: "webgpu: expected a model in fp32 or fp16, got one in int8, which is for CPUs",
    });
  });

  const choice = { form: int8, trial: { fp32: form("decomposed"), int8 }, weights: "w" };

  test("is chosen on WASM where its trial went well", async () => {
    const cache = await openCache();
    await cache.keepNote("int8/w", { problem: null, share: 0.55 });
    const device = await open({ isMissing: true }, {}, { int8: choice });
    expect(device).toMatchObject({
      ...ON_WASM,
      dtype: "int8",
      reason: "no WebGPU here; int8 took 0.55 of fp32's time here",
    });
  });

  test("is not looked at where the GPU is good", async () => {
    expect(await open({}, {}, { int8: choice })).toMatchObject({ ...ON_GPU, dtype: "fp32", reason: "runs on acme" });
  });
});

describe("half precision", () => {
  const half = [form("fused", "fp16-compute"), form("decomposed", "fp16-compute")];

  test.each<[string, Behavior, string, string[], RegExp]>([
    ["where the GPU can", { hasHalf: true }, "fp16-compute", ["fused half webgpu/webgpu"], /^runs on acme$/],
    ["nowhere else", {}, "fp32", ["fused webgpu/webgpu"], /^runs on acme; fp16-compute was asked for/],
    [
      "in the form that is right",
      { hasHalf: true, wrongEncoder: ["fused half"] },
      "fp16-compute",
      ["fused half webgpu/webgpu", "decomposed half webgpu/webgpu"],
      /with fused attention in half precision, its image_embed differs from the CPU's by 100.0 %$/,
    ],
    [
      "not where it is wrong",
      { hasHalf: true, wrongEncoder: ["fused half"], wrongDecoder: ["decomposed half"] },
      "fp32",
      ["fused half webgpu/webgpu", "decomposed half webgpu/webgpu", "fused webgpu/webgpu"],
      /with decomposed attention in half precision, its masks differs .*; fp16-compute was asked for/,
    ],
    [
      "not on WASM",
      { isMissing: true },
      "fp32",
      ["decomposed wasm/wasm"],
      /no WebGPU here; fp16-compute was asked for/,
    ],
  ])("is taken %s", async (_, given, dtype, attempts, reason) => {
    const device = await open(given, {}, { half, dtypeReason: "fp16-compute was asked for" });
    expect(tried).toEqual(attempts);
    expect(device).toMatchObject({ dtype, reason: expect.stringMatching(reason) });
  });

  test("rounds more than float32, which is no fault", async () => {
    const [values] = [sampleCanary({ image_embed: answer(1.03), masks: answer(1), iou_predictions: answer(1) })];
    SPEC.canary = values;
    const device = await open({ hasHalf: true }, {}, { half });
    expect(device).toMatchObject({ dtype: "fp16-compute" });
    model++;
    await expect(open({}, { device: "webgpu" })).rejects.toMatchObject({ name: "DeviceError" });
    SPEC.canary = undefined;
  });

  test("files in it: on WASM where the GPU cannot; a named error where that GPU was asked for", async () => {
    const forms = [form("fused", "fp16-compute")] as const;
    const device = await open({}, {}, { forms });
    expect(device).toMatchObject({
      encoder: "wasm",
      reason: expect.stringMatching(/acme was not used: it has no shader-f16/),
    });
    await expect(open({}, { device: "webgpu" }, { forms })).rejects.toThrow(
      /webgpu on acme: it has no shader-f16, which a model in fp16-compute needs/,
    );
    expect(devices).toBe(0);
  });
});

test("why a model is in another precision than the one asked for is told", async () => {
  const precision = { dtypeReason: "int8 was asked for" };
  expect(await open({}, {}, precision)).toMatchObject({ ...ON_GPU, reason: "runs on acme; int8 was asked for" });
  expect(await open({ isMissing: true }, {}, precision)).toMatchObject({
    ...ON_WASM,
    reason: "no WebGPU here; int8 was asked for",
  });
});
