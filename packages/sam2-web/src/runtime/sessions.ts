/**
 * onnxruntime-web sessions. The only file that knows the runtime.
 *
 * One `OrtSessions` is an encoder and a decoder on given devices.
 */
import type * as Ort from "onnxruntime-web";
import { type Dtype, isSam2Error, Sam2Error, seeGuide } from "sam2-contract";
import {
  type DeviceInfoOf,
  type DeviceSessions,
  fetchFault,
  type GraphInput,
  type GraphPair,
  GraphSessions,
  type ModelBytes,
  type ModelSpec,
  reasonOf,
} from "sam2-core";
import { startRuntime } from "./start.ts";

/** Where a graph runs. */
export type Backend = "webgpu" | "wasm";

/** What runs where, and why. */
export interface DeviceInfo extends DeviceInfoOf<Backend> {
  /** What the page can do to have it run faster; null if nothing is known. */
  readonly hint: string | null;
}

type Runtime = typeof Ort;

/** How a page gets threads. */
const ISOLATION_HINT =
  "for more threads, send the page with the headers Cross-Origin-Opener-Policy: same-origin and " +
  `Cross-Origin-Embedder-Policy: require-corp. ${seeGuide("one-thread-only")}`;

async function loadRuntime(backend: Backend, threads: number | undefined): Promise<Runtime> {
  // both imports are literals so that bundlers find them
  const runtime: Runtime =
    backend === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  runtime.env.wasm.wasmPaths =
    backend === "webgpu"
      ? {
          mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs", import.meta.url).href,
          wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm", import.meta.url).href,
        }
      : {
          mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.mjs", import.meta.url).href,
          wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href,
        };
  runtime.env.wasm.numThreads = threadCount(threads);
  runtime.env.logLevel = "error";
  await startRuntime(runtime, String(runtime.env.wasm.wasmPaths.wasm)).catch(async (cause: unknown) => {
    throw isSam2Error(cause) ? cause : await startError(runtime, cause);
  });
  return runtime;
}

/** Why there can be only one thread here; null where there can be more. */
export function whyOneThread(): string | null {
  if (!globalThis.crossOriginIsolated) return "one thread, since the page is not cross-origin isolated";
  // WebKitGTK has none, isolated or not
  if (typeof SharedArrayBuffer === "undefined") return "one thread, since this browser has no SharedArrayBuffer";
  return null;
}

/** Why the runtime did not start: a file of it that is missing, or what it says itself. */
async function startError(runtime: Runtime, cause: unknown): Promise<Sam2Error> {
  const files = Object.values(runtime.env.wasm.wasmPaths as Ort.Env.WasmFilePaths).map(String);
  const guide = seeGuide("a-wasm-file-is-missing");
  for (const file of files) {
    const fault = await fetchFault(file);
    if (fault)
      return new Sam2Error("DownloadError", `${file}: expected a file of onnxruntime-web, ${fault}. ${guide}`, {
        cause,
      });
  }
  return new Sam2Error("RuntimeStartError", `onnxruntime-web did not start: ${reasonOf(cause)}. ${guide}`, { cause });
}

/** One thread where there can be only one; otherwise as many as asked for, or up to four. */
function threadCount(wish: number | undefined): number {
  if (whyOneThread() !== null) return 1;
  return Math.max(1, wish ?? Math.min(4, navigator.hardwareConcurrency ?? 1));
}

/** A GPU device, and its adapter's name. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly name: string;
}

/** Which part runs where. Without a GPU, both run on WASM. */
export interface Placement {
  readonly gpu: Gpu | null;
  /** Where the decoder runs beside an encoder on the GPU. */
  readonly decoder: Backend;
  /** Precision of the files that are opened. */
  readonly dtype: Dtype | null;
  /** Threads of the WASM provider; the runtime's default when absent. */
  readonly threads?: number | undefined;
  /** Why, for `DeviceInfo.reason`. */
  readonly reason: string;
}

/** How long a GPU may take to answer whether it is lost; in milliseconds. */
const LATEST_WORD = 5_000;
/** How long after that answer the browser may still tell of a loss; in milliseconds. */
const AFTERTHOUGHT = 500;

/**
 * Whether a GPU is lost. The browser says so only some time after runs have failed. Chromium answers in order: once a
 * question that is asked now is answered, it has told of any loss before. Firefox answers for a lost GPU at once, and
 * tells a moment later.
 */
export async function isLost(device: GPUDevice): Promise<boolean> {
  let lost = false;
  const told = device.lost.then(() => {
    lost = true;
  });
  device.pushErrorScope("validation");
  const pause = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));
  const answered = device.popErrorScope().catch(() => null);
  await Promise.race([told, answered.then(() => pause(AFTERTHOUGHT)), pause(LATEST_WORD)]);
  return lost;
}

/** Encoder and decoder of one model on one device. */
export class OrtSessions extends GraphSessions<Ort.Tensor> implements DeviceSessions<DeviceInfo> {
  readonly device: DeviceInfo;
  readonly #gpu: Gpu | null;
  #lost: string | null = null;

  private constructor(graphs: GraphPair<Ort.Tensor>, device: DeviceInfo, gpu: Gpu | null) {
    super(graphs);
    this.device = device;
    this.#gpu = gpu;
    gpu?.device.lost.then(({ reason, message }) => {
      this.#lost = message || reason;
    });
  }

  /**
   * Opens a model where `placement` says.
   *
   * @throws RuntimeStartError when the threads hang at their start; a new worker with one thread is then needed;
   *   InvalidModelError when the files cannot be opened on WASM; on a GPU, the runtime's own error
   */
  static async create(spec: ModelSpec, bytes: ModelBytes, placement: Placement): Promise<OrtSessions> {
    const { gpu, reason } = placement;
    const backend: Backend = gpu ? "webgpu" : "wasm";
    const decoderBackend = gpu ? placement.decoder : "wasm";
    const runtime = await loadRuntime(backend, placement.threads);
    // a new object each time: the runtime modifies the options that it is given
    const sessionOptions = (where: Backend, outputs: "cpu" | "gpu-buffer"): Ort.InferenceSession.SessionOptions => ({
      executionProviders:
        gpu && where === "webgpu"
          ? [{ name: "webgpu", device: gpu.device } as unknown as Ort.InferenceSession.ExecutionProviderConfig]
          : ["wasm"],
      preferredOutputLocation: outputs,
      graphOptimizationLevel: "all",
      enableCpuMemArena: true,
      enableMemPattern: where === "wasm",
    });
    const create = (
      part: keyof ModelBytes,
      graph: Uint8Array,
      where: Backend,
      outputs: "cpu" | "gpu-buffer",
    ): Promise<Ort.InferenceSession> =>
      runtime.InferenceSession.create(graph, sessionOptions(where, outputs)).catch(async (cause: unknown) => {
        const reason = reasonOf(cause);
        if (reason.includes("no available backend")) throw await startError(runtime, cause);
        if (gpu) throw cause;
        throw new Sam2Error("InvalidModelError", `${spec.id}: the ${part} could not be opened: ${reason}`, { cause });
      });
    const outputs = decoderBackend === "webgpu" ? "gpu-buffer" : "cpu";
    const encoder = bytes.encoder && (await create("encoder", bytes.encoder, backend, outputs));
    const decoder = await create("decoder", bytes.decoder, decoderBackend, "cpu");
    const threads = runtime.env.wasm.numThreads ?? 1;
    const oneThread = whyOneThread();
    const device: DeviceInfo = {
      encoder: backend,
      decoder: decoderBackend,
      dtype: placement.dtype,
      threads,
      adapter: gpu?.name ?? null,
      reason: oneThread === null ? reason : `${reason}; ${oneThread}`,
      hint: globalThis.crossOriginIsolated ? null : ISOLATION_HINT,
    };
    const tensor = ({ type, data, dims }: GraphInput): Ort.Tensor => new runtime.Tensor(type, data, dims);
    const zeros = (dims: readonly number[]): Ort.Tensor => {
      const count = dims.reduce((product, size) => product * size, 1);
      if (!gpu || decoderBackend === "wasm") return new runtime.Tensor("float32", new Float32Array(count), dims);
      // a new buffer holds zeros
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const buffer = gpu.device.createBuffer({ size: 4 * count, usage });
      return runtime.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims, dispose: () => buffer.destroy() });
    };
    return new OrtSessions({ spec, encoder, decoder, tensor, zeros }, device, gpu);
  }

  override get lost(): string | null {
    return this.#lost;
  }

  /** Whether a run failed because the GPU was lost. Waits a moment: the browser may report the loss after the failure. */
  override async wasLost(): Promise<boolean> {
    if (this.#gpu && this.#lost === null && (await isLost(this.#gpu.device))) this.#lost ??= "the GPU was lost";
    return this.#lost !== null;
  }

  /** Runs `task` on the GPU between the sessions' own runs; null where there is none. */
  onGpu<T>(task: (device: GPUDevice) => Promise<T>): Promise<T> | null {
    const gpu = this.#gpu;
    return gpu && this.enqueue(() => task(gpu.device));
  }

  /** Gives up on sessions that hang. Nothing may be called after this. */
  abandon(): void {
    this.#gpu?.device.destroy();
  }

  override async dispose(): Promise<void> {
    await super.dispose().catch(async (error: unknown) => {
      // after the device is lost, releasing fails; its memory is gone anyway
      if (!(await this.wasLost())) throw error;
    });
    this.#gpu?.device.destroy();
  }
}
