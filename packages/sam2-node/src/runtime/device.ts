/**
 * Chooses where a model runs: on a GPU if its results are correct there, else on the CPU.
 *
 * The GPU providers of this build are tried, the fastest first; with each, both forms of the attention, and then the
 * encoder alone. A failure is remembered for this model and runtime, and that way is skipped for a week.
 */
import { existsSync, readdirSync } from "node:fs";
import { isSam2Error, Sam2Error } from "sam2-contract";
import {
  type CanaryFault,
  type DeviceOptions as CoreDeviceOptions,
  checkCanary,
  cpuForm,
  DECODER_ALONE,
  type DeviceChoiceOf,
  decoderOf,
  isForCpus,
  type ModelCache,
  type ModelForm,
  type ModelForms,
  type OpenedSessions,
  type OpenPhase,
  REMEMBERED,
  rightAnswer,
} from "sam2-core";
import { type Backend, type DeviceInfo, gpuProviders, OrtSessions } from "./sessions.ts";

/** The device to use: `auto` takes a GPU whose results are correct, and the CPU otherwise. */
export type DeviceChoice = DeviceChoiceOf<DeviceInfo>;

/** What to open sessions on, and where verdicts about GPUs are kept. */
interface DeviceOptions extends CoreDeviceOptions<DeviceInfo> {
  readonly cache: ModelCache;
}

/** One way to use a GPU. */
interface Attempt {
  readonly form: ModelForm;
  readonly encoder: Backend;
  readonly decoder: Backend;
  readonly name: string;
}

/** The ways in which a model failed, by name of the attempt. They expire: the fault may be gone with a new driver. */
interface Verdicts {
  /** When the failures were seen, in milliseconds since 1970. */
  readonly at: number;
  readonly faults: Record<string, CanaryFault>;
}

/** Whether there is a GPU at all: on Linux, an emulation answers where there is none, a hundred times slower than the CPU. */
function hasGpu(): boolean {
  if (process.platform !== "linux") return true;
  const renders = existsSync("/dev/dri") && readdirSync("/dev/dri").some((name) => name.startsWith("renderD"));
  return renders || existsSync("/dev/nvidiactl") || existsSync("/dev/dxg");
}

/** Whether a form is computed in float16. */
const isHalf = ({ dtype }: ModelForm): boolean => dtype === "fp16-compute";

function attemptsOf({ half, forms }: ModelForms, gpu: Backend): Attempt[] {
  // WebGPU says by an error whether it can; what other providers do with float16 is not known
  const whole = [...(gpu === "webgpu" ? half : []), ...forms].map((form): Attempt => {
    const name = `${gpu}, ${form.attention} attention${isHalf(form) ? " in half precision" : ""}`;
    return { form, encoder: gpu, decoder: gpu, name };
  });
  const last = forms.at(-1) as ModelForm;
  return [...whole, { form: last, encoder: gpu, decoder: "cpu", name: `${gpu} for the encoder alone` }];
}

/**
 * Opens a model on the device asked for.
 *
 * @throws InvalidModelError, or DeviceError when a GPU was asked for and cannot be used
 */
export async function openSessions(
  model: ModelForms,
  options: DeviceOptions,
  onPhase: (phase: OpenPhase) => void,
): Promise<OpenedSessions<OrtSessions>> {
  const { device, cache, threads } = options;
  const onCpu = async (why: string): Promise<OpenedSessions<OrtSessions>> => {
    onPhase("compile");
    const { form, reason } = await cpuForm(model, cache, (trial) => openOnCpu(trial, threads, "for a trial"));
    return openOnCpu(form, threads, [why, reason, model.dtypeReason].filter(Boolean).join("; "));
  };
  if (device === "cpu") return onCpu("asked for the CPU");
  const providers = gpuProviders();
  if (device === "auto" && !options.softwareGpu && !hasGpu()) return onCpu("no GPU here");
  if (device !== "auto" && !providers.includes(device)) {
    const built = ["cpu", ...providers].join(", ");
    throw new Sam2Error("DeviceError", `device: expected one that this onnxruntime-node has, ${built}; got ${device}`);
  }
  if (isForCpus(model)) {
    if (device === "auto") return onCpu("int8 is for CPUs");
    throw new Sam2Error(
      "DeviceError",
      `${device}: expected a model in fp32 or fp16, got one in int8, which is for CPUs`,
    );
  }
  const key = model.fingerprint && `verdict/${model.fingerprint}/node`;
  const kept = key ? await cache.readNote<Verdicts>(key) : null;
  const faults = kept && Date.now() - kept.at < REMEMBERED ? { ...kept.faults } : {};
  let brokenEncoder: ModelForm | undefined;
  let offline: string | undefined;
  const attempts = (device === "auto" ? providers : [device]).flatMap((gpu) => attemptsOf(model, gpu));
  for (const attempt of attempts) {
    let fault: CanaryFault | undefined = faults[attempt.name];
    if (!fault) {
      // when this form's encoder is wrong, moving only the decoder to the CPU does not help
      if (attempt.decoder === "cpu" && brokenEncoder === attempt.form) continue;
      const outcome = await open(attempt, model, options, onPhase).catch((error: unknown) => {
        // what is kept may be enough for the CPU
        if (device !== "auto" || !isSam2Error(error, "DownloadError")) throw error;
        return error;
      });
      if (outcome instanceof Error) {
        offline = `${outcome.name}: ${outcome.message}`;
        break;
      }
      if ("sessions" in outcome) return outcome;
      fault = outcome;
      faults[attempt.name] = fault;
      if (key) await cache.keepNote(key, { at: Date.now(), faults } satisfies Verdicts);
    }
    brokenEncoder = fault.part === "encoder" ? attempt.form : undefined;
  }
  const problem = Object.entries(faults).map(([name, fault]) => `${name}: ${fault.problem}`);
  if (offline !== undefined) problem.push(offline);
  if (device !== "auto") throw new Sam2Error("DeviceError", problem.join("; "));
  return onCpu(problem.length === 0 ? "this onnxruntime-node has no GPU provider" : problem.join("; "));
}

/**
 * Opens the decoder alone, on the CPU.
 *
 * @throws InvalidModelError
 */
export async function openDecoder(
  { forms }: ModelForms,
  { threads }: CoreDeviceOptions<DeviceInfo>,
  onPhase: (phase: OpenPhase) => void,
): Promise<OpenedSessions<OrtSessions>> {
  onPhase("compile");
  return openOnCpu(decoderOf(forms.at(-1) as ModelForm), threads, DECODER_ALONE);
}

async function openOnCpu(
  form: ModelForm,
  threads: number | undefined,
  reason: string,
): Promise<OpenedSessions<OrtSessions>> {
  const { spec, bytes, dtype, fault } = await form.load();
  const because = [reason, fault].filter(Boolean).join("; ");
  const placement = { encoder: "cpu", decoder: "cpu", dtype, threads, reason: because } as const;
  return { spec, sessions: await OrtSessions.create(spec, bytes, placement), form };
}

/** Opens a model in one way, and checks its answer. @throws InvalidModelError, DownloadError, which say nothing about a GPU */
async function open(
  { form, encoder, decoder }: Attempt,
  model: ModelForms,
  { device, cache, threads }: DeviceOptions,
  onPhase: (phase: OpenPhase) => void,
): Promise<OpenedSessions<OrtSessions> | CanaryFault> {
  onPhase("compile");
  const { spec, bytes, dtype, fault: keptFault } = await form.load();
  let sessions: OrtSessions | undefined;
  try {
    sessions = await OrtSessions.create(spec, bytes, {
      encoder,
      decoder,
      dtype,
      threads,
      reason: [`its results on ${encoder} are right`, isHalf(form) ? null : model.dtypeReason, keptFault]
        .filter(Boolean)
        .join("; "),
    });
    onPhase("check");
    const onCpu = (right: ModelForm): ReturnType<typeof openOnCpu> => openOnCpu(right, threads, "for the check");
    const expected = spec.canary ?? (await rightAnswer(model, cache, onCpu));
    const fault = await checkCanary(sessions, spec, expected, { dtype, timed: device === "auto" });
    if (fault === null) return { spec, sessions, form };
    await sessions.dispose();
    return fault;
  } catch (error) {
    await sessions?.dispose().catch(() => undefined);
    if (isSam2Error(error, "InvalidModelError") || isSam2Error(error, "DownloadError")) throw error;
    return { part: "decoder", problem: (error as Error).message };
  }
}
