/**
 * Chooses where a model runs: on the GPU if its results are correct there, else on WASM.
 *
 * The options are tried fastest first: fused attention on the GPU, decomposed attention on the GPU (both in half
 * precision before float32, where the GPU can), the encoder on the GPU with the decoder on WASM, and everything on WASM. A failure is remembered for this model, adapter
 * and browser, and that option is skipped for a week.
 */
import { isSam2Error, Sam2Error, shown } from "sam2-contract";
import {
  type CanaryFault,
  type DeviceOptions as CoreDeviceOptions,
  checkCanary,
  checkCount,
  cpuForm,
  DECODER_ALONE,
  decoderOf,
  isForCpus,
  type ModelCache,
  type ModelForm,
  type ModelForms,
  type OpenedSessions,
  type OpenPhase,
  REMEMBERED,
  reasonOf,
  rightAnswer,
} from "sam2-core";
import { type Backend, type DeviceInfo, type Gpu, isLost, OrtSessions } from "./sessions.ts";

/** The device to use: `auto` takes a GPU whose results are correct, and WASM otherwise. */
export type DeviceChoice = "auto" | Backend;

const CHOICES: readonly DeviceChoice[] = ["auto", "webgpu", "wasm"];

/** What to open sessions on, and where verdicts about GPUs are kept. */
interface DeviceOptions extends CoreDeviceOptions<DeviceInfo> {
  readonly cache: ModelCache;
}

/** If the GPU has not answered after this time, it is considered hung; in milliseconds. */
const HUNG = 120_000;

/**
 * Requests a GPU device; a string says why there is none. The device is requested here, not by the runtime, to leave
 * out the feature `subgroups`: with it, onnxruntime's fused attention gave wrong results.
 */
async function requestGpu({ device: choice, softwareGpu = false }: DeviceOptions): Promise<Gpu | string> {
  if (choice === "wasm") return "asked for WASM";
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return "no WebGPU here";
  const { info, limits } = adapter;
  if (choice === "auto" && info?.isFallbackAdapter && !softwareGpu) return "WebGPU is emulated in software here";
  const features = (["shader-f16"] as GPUFeatureName[]).filter((feature) => adapter.features.has(feature));
  const name = [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(" ") || "unnamed GPU";
  try {
    const device = await adapter.requestDevice({
      requiredFeatures: features,
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        maxTextureDimension2D: limits.maxTextureDimension2D,
      },
    });
    return { device, name };
  } catch (error) {
    return `${name} could not be opened: ${(error as Error).message}`;
  }
}

/** One way to use a GPU. */
interface Attempt {
  readonly form: ModelForm;
  readonly decoder: Backend;
  readonly name: string;
}

/** Whether a form is computed in float16, which not every GPU can. */
const isHalf = ({ dtype }: ModelForm): boolean => dtype === "fp16-compute";

/** The ways to use this GPU, the fastest first; none for a model in float16 where it cannot compute in that. */
function attemptsOf({ half, forms }: ModelForms, { device }: Gpu): Attempt[] {
  const whole = [...half, ...forms].map((form): Attempt => {
    const name = `${form.attention} attention${isHalf(form) ? " in half precision" : ""}`;
    return { form, decoder: "webgpu", name };
  });
  const last = forms.at(-1) as ModelForm;
  const all: Attempt[] = [...whole, { form: last, decoder: "wasm", name: "the decoder on WASM" }];
  return device.features.has("shader-f16") ? all : all.filter(({ form }) => !isHalf(form));
}

/**
 * The failures of a model on an adapter, by name of the attempt. They expire when the browser's version changes and
 * after a week: the fault may be gone, and driver updates cannot be detected.
 */
interface Verdicts {
  /** User agent of the browser. */
  readonly browser: string;
  /** When the failures were seen, in milliseconds since 1970. */
  readonly at: number;
  readonly faults: Record<string, CanaryFault>;
  /**
   * Attempts during which the GPU was lost, once. That may be no fault of its own, as when a laptop went to sleep; the
   * second time it counts as one. Absent where there were none.
   */
  readonly losses?: readonly string[];
}

/** @throws InvalidPromptError */
function checkThreads({ threads }: CoreDeviceOptions<DeviceInfo>): void {
  if (threads !== undefined) checkCount("threads", threads, navigator.hardwareConcurrency ?? 1);
}

/**
 * Opens a model on the device asked for.
 *
 * @throws InvalidModelError; DeviceError when the GPU was asked for and cannot be used, or no device of a browser was;
 *   InvalidPromptError for a number of threads that is none
 */
export async function openSessions(
  model: ModelForms,
  options: DeviceOptions,
  onPhase: (phase: OpenPhase) => void,
): Promise<OpenedSessions<OrtSessions>> {
  if (!CHOICES.includes(options.device)) {
    throw new Sam2Error("DeviceError", `device: expected ${CHOICES.join(", ")}, got ${shown(options.device)}`);
  }
  checkThreads(options);
  const because = (isHalf: boolean, ...reasons: (string | null | undefined)[]): string =>
    [...reasons, isHalf ? null : model.dtypeReason, options.threadsReason].filter(Boolean).join("; ");
  const onWasm = async (why: string): Promise<OpenedSessions<OrtSessions>> => {
    const open = (form: ModelForm, reason: string): Promise<OpenedSessions<OrtSessions>> =>
      openOnWasm(form, options, because(false, why, reason));
    onPhase("compile");
    const { form, reason } = await cpuForm(model, options.cache, (trial) => open(trial, "for a trial"));
    return open(form, reason ?? "");
  };
  if (isForCpus(model)) {
    if (options.device !== "webgpu") return onWasm("int8 is for CPUs");
    throw new Sam2Error("DeviceError", `webgpu: expected a model in fp32 or fp16, got one in int8, which is for CPUs`);
  }
  const first = await requestGpu(options);
  if (typeof first === "string") {
    if (options.device === "webgpu") throw new Sam2Error("DeviceError", `webgpu: ${first}`);
    return onWasm(first);
  }
  const { name: adapter } = first;
  const key = model.fingerprint && `verdict/${model.fingerprint}/${adapter}`;
  const kept = key ? await options.cache.readNote<Verdicts>(key) : null;
  const holds = kept?.browser === navigator.userAgent && Date.now() - kept.at < REMEMBERED;
  const faults = holds ? { ...kept.faults } : {};
  const losses = holds ? [...(kept.losses ?? [])] : [];
  let gpu: Gpu | string | undefined = first;
  let brokenEncoder: ModelForm | undefined;
  let lost: string | undefined;
  const attempts = attemptsOf(model, first);
  if (attempts.length === 0) lost = "it has no shader-f16, which a model in fp16-compute needs";
  for (const attempt of attempts) {
    let fault: CanaryFault | undefined = faults[attempt.name];
    if (!fault) {
      // this form's encoder is wrong: moving only the decoder to WASM would not help
      if (brokenEncoder === attempt.form) continue;
      gpu ??= await requestGpu(options);
      if (typeof gpu === "string") break;
      const reason = because(isHalf(attempt.form), `runs on ${adapter}`, ...described(faults));
      const outcome = await openOnGpu(gpu, attempt, model, { ...options, reason }, onPhase).catch((error: unknown) => {
        // what is kept may be enough for WASM
        if (options.device === "webgpu" || !isSam2Error(error, "DownloadError")) throw error;
        return error;
      });
      if (outcome instanceof Error) {
        lost = `${outcome.name}: ${outcome.message}`;
        break;
      }
      if ("sessions" in outcome) return outcome;
      gpu = undefined;
      fault = outcome.fault;
      if (outcome.isLost) lost = `with ${attempt.name}, ${fault.problem}`;
      if (outcome.isLost && !losses.includes(attempt.name)) losses.push(attempt.name);
      else faults[attempt.name] = fault;
      const verdicts: Verdicts = { browser: navigator.userAgent, at: Date.now(), faults, losses };
      if (key) await options.cache.keepNote(key, verdicts);
      // a run that was cut off may leave the runtime unusable: the GPU is tried again by another worker
      if (outcome.isLost) break;
    }
    if (fault.part === "encoder") brokenEncoder = attempt.form;
  }
  if (typeof gpu === "object") gpu.device.destroy();
  const last = typeof gpu === "string" ? gpu : lost;
  const problem = [...new Set([...described(faults), ...(last === undefined ? [] : [last])])].join("; ");
  if (options.device === "webgpu") throw new Sam2Error("DeviceError", `webgpu on ${adapter}: ${problem}`);
  return onWasm(`${adapter} was not used: ${problem}`);
}

/**
 * Opens the decoder alone, on WASM.
 *
 * @throws InvalidModelError, InvalidPromptError
 */
export async function openDecoder(
  { forms }: ModelForms,
  options: CoreDeviceOptions<DeviceInfo>,
  onPhase: (phase: OpenPhase) => void,
): Promise<OpenedSessions<OrtSessions>> {
  checkThreads(options);
  onPhase("compile");
  const reason = [DECODER_ALONE, options.threadsReason].filter(Boolean).join("; ");
  return openOnWasm(decoderOf(forms.at(-1) as ModelForm), options, reason);
}

/** A reason, and what was wrong with kept files. */
function withFault(reason: string, fault: string | undefined): string {
  return fault === undefined ? reason : `${reason}; ${fault}`;
}

async function openOnWasm(
  form: ModelForm,
  { threads }: CoreDeviceOptions<DeviceInfo>,
  reason: string,
): Promise<OpenedSessions<OrtSessions>> {
  const { spec, bytes, dtype, fault } = await form.load();
  const placement = { gpu: null, decoder: "wasm", dtype, threads, reason: withFault(reason, fault) } as const;
  return { spec, sessions: await OrtSessions.create(spec, bytes, placement), form };
}

/** Why a GPU is not used for a model, and whether it was lost meanwhile. */
interface Refusal {
  readonly fault: CanaryFault;
  readonly isLost: boolean;
}

/** Errors that say nothing about a GPU. */
const NO_FAULT = ["InvalidModelError", "RuntimeStartError", "DownloadError"] as const;

/** Opens a model on a GPU in one way, and checks its answer; the GPU is destroyed if it does not pass. */
async function openOnGpu(
  gpu: Gpu,
  { form, decoder }: Attempt,
  model: ModelForms,
  options: DeviceOptions & { readonly reason: string },
  onPhase: (phase: OpenPhase) => void,
): Promise<OpenedSessions<OrtSessions> | Refusal> {
  onPhase("compile");
  const { spec, bytes, dtype, fault: keptFault } = await form.load();
  const loss = gpu.device.lost.then((): never => {
    throw new Error("the GPU was lost");
  });
  loss.catch(() => undefined);
  const alive = <T>(task: Promise<T>): Promise<T> => within(HUNG, Promise.race([task, loss]));
  let sessions: OrtSessions | undefined;
  try {
    const { threads } = options;
    const reason = withFault(options.reason, keptFault);
    sessions = await alive(OrtSessions.create(spec, bytes, { gpu, decoder, dtype, threads, reason }));
    onPhase("check");
    const onWasm = (right: ModelForm): ReturnType<typeof openOnWasm> => openOnWasm(right, options, "for the check");
    const expected = spec.canary ?? (await rightAnswer(model, options.cache, onWasm));
    const fault = await alive(checkCanary(sessions, spec, expected, { dtype, timed: options.device === "auto" }));
    if (fault === null) return { spec, sessions, form };
    // a GPU that is lost may answer with zeros before it says so
    if (await isLost(gpu.device)) throw new Error("the GPU was lost");
    await sessions.dispose();
    return { fault, isLost: false };
  } catch (error) {
    // files that do not fit the contract are wrong on every device; threads that hang, and files of the runtime that are
    // missing, are no fault of the GPU
    if (NO_FAULT.some((name) => isSam2Error(error, name))) throw error;
    const gone = await isLost(gpu.device);
    sessions?.abandon();
    gpu.device.destroy();
    const problem = gone ? "it was lost while the model opened" : reasonOf(error);
    return { fault: { part: "decoder", problem }, isLost: gone };
  }
}

function described(faults: Readonly<Record<string, CanaryFault>>): string[] {
  return Object.entries(faults).map(([name, { problem }]) => `with ${name}, ${problem}`);
}

function within<T>(limit: number, task: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer in ${limit / 1000} s`)), limit);
  });
  return Promise.race([task, late]).finally(() => clearTimeout(timer));
}
