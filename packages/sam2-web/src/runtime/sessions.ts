/**
 * onnxruntime-web sessions. The only file that knows the runtime.
 *
 * One `OrtSessions` is an encoder and a decoder on given devices. Calls are queued: concurrent runs
 * on WebGPU hang forever.
 */
import type * as Ort from "onnxruntime-web";
import { Sam2Error } from "sam2-contract";
import {
  type Decoded,
  detectLayout,
  type Embedding,
  type GraphInput,
  type Layout,
  type ModelBytes,
  type ModelPrompt,
  type ModelSpec,
  type Sessions,
} from "sam2-core";

/** Where a graph runs. */
export type Backend = "webgpu" | "wasm";

/** What runs where, and why. */
export interface DeviceInfo {
  /** Where the image encoder runs. */
  readonly encoder: Backend;
  /** Where the prompt decoder runs. */
  readonly decoder: Backend;
  /** Threads of the WASM provider. */
  readonly threads: number;
  /** The GPU's name, as far as the browser tells. */
  readonly adapter: string | null;
  /** Why it runs there, for a status line. */
  readonly reason: string;
}

/** An encoded image, in the runtime's tensors. */
interface OrtEmbedding extends Embedding {
  readonly tensors: Readonly<Record<string, Ort.Tensor>>;
}

type Runtime = typeof Ort;

/** If the runtime has not started with several threads after this time, it hangs; in milliseconds, download included. */
const STARTED = 45_000;

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
  const count = threadCount(threads);
  runtime.env.wasm.numThreads = count;
  // in Firefox, starting threads sometimes hangs; with a single thread nothing can hang, so there is no timeout
  runtime.env.wasm.initTimeout = count > 1 ? STARTED : 0;
  runtime.env.logLevel = "error";
  return runtime;
}

/** One thread without cross-origin isolation; otherwise as many as asked for, or up to four. */
function threadCount(wish: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
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
  /** Threads of the WASM provider; the runtime's default when absent. */
  readonly threads?: number | undefined;
  /** Why, for `DeviceInfo.reason`. */
  readonly reason: string;
}

/** How long a GPU may take to answer whether it is lost; in milliseconds. */
const LATEST_WORD = 5_000;

/**
 * Whether a GPU is lost. The browser says so only some time after runs have failed. It answers in order: once it has
 * answered a question that is asked now, it has told of any loss before.
 */
export async function isLost(device: GPUDevice): Promise<boolean> {
  let lost = false;
  const told = device.lost.then(() => {
    lost = true;
  });
  device.pushErrorScope("validation");
  const answered = device.popErrorScope().catch(() => null);
  const late = new Promise((resolve) => setTimeout(resolve, LATEST_WORD));
  await Promise.race([told, answered, late]);
  // what was told at the same time as the answer
  await new Promise((resolve) => setTimeout(resolve));
  return lost;
}

/** Encoder and decoder of one model on one device. */
export class OrtSessions implements Sessions {
  readonly device: DeviceInfo;
  readonly #layout: Layout;
  #lost: string | null = null;
  readonly #runtime: Runtime;
  readonly #spec: ModelSpec;
  readonly #encoder: Ort.InferenceSession;
  readonly #decoder: Ort.InferenceSession;
  readonly #gpu: Gpu | null;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(parts: {
    runtime: Runtime;
    spec: ModelSpec;
    encoder: Ort.InferenceSession;
    decoder: Ort.InferenceSession;
    gpu: Gpu | null;
    device: DeviceInfo;
  }) {
    this.#runtime = parts.runtime;
    this.#spec = parts.spec;
    this.#encoder = parts.encoder;
    this.#decoder = parts.decoder;
    this.#gpu = parts.gpu;
    this.device = parts.device;
    this.#layout = detectLayout(parts.encoder.inputNames, parts.decoder.inputNames);
    parts.gpu?.device.lost.then(({ reason, message }) => {
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
      where: Backend,
      outputs: "cpu" | "gpu-buffer",
    ): Promise<Ort.InferenceSession> =>
      runtime.InferenceSession.create(bytes[part], sessionOptions(where, outputs)).catch((cause: unknown) => {
        if ((cause as Error).message.includes("due to timeout")) {
          throw new Sam2Error("RuntimeStartError", `onnxruntime-web did not start in ${STARTED / 1000} s`, { cause });
        }
        if (gpu) throw cause;
        throw new Sam2Error(
          "InvalidModelError",
          `${spec.id}: the ${part} could not be opened: ${(cause as Error).message}`,
          { cause },
        );
      });
    const encoder = await create("encoder", backend, decoderBackend === "webgpu" ? "gpu-buffer" : "cpu");
    const decoder = await create("decoder", decoderBackend, "cpu");
    const threads = runtime.env.wasm.numThreads ?? 1;
    const isolation = globalThis.crossOriginIsolated ? "" : "; one thread, since the page is not cross-origin isolated";
    const device: DeviceInfo = {
      encoder: backend,
      decoder: decoderBackend,
      threads,
      adapter: gpu?.name ?? null,
      reason: reason + isolation,
    };
    return new OrtSessions({ runtime, spec, encoder, decoder, gpu, device });
  }

  /** Why the GPU is gone, or null while it is there. */
  get lost(): string | null {
    return this.#lost;
  }

  /** Whether a run failed because the GPU was lost. Waits a moment: the browser may report the loss after the failure. */
  async wasLost(): Promise<boolean> {
    if (this.#gpu && this.#lost === null && (await isLost(this.#gpu.device))) this.#lost ??= "the GPU was lost";
    return this.#lost !== null;
  }

  /** Whether the decoder can take a mask as a prompt. */
  get takesMaskInput(): boolean {
    return this.#layout.takesMaskInput;
  }

  /**
   * Encodes a normalized image [3,S,S].
   *
   * @param signal checked when this call's turn comes; if it is aborted by then, nothing is encoded
   */
  encode(pixels: Float32Array, signal?: AbortSignal): Promise<OrtEmbedding> {
    const size = this.#spec.imageSize;
    return this.#enqueue(async () => {
      signal?.throwIfAborted();
      const tensor = new this.#runtime.Tensor("float32", pixels, [1, 3, size, size]);
      const outputs = await this.#encoder.run({ [this.#layout.imageInput]: tensor });
      const bytes = Object.values(outputs).reduce((total, output) => total + 4 * output.size, 0);
      return { tensors: outputs, bytes };
    });
  }

  /** Decodes one batch of prompts against an encoded image. */
  decode(embedding: OrtEmbedding, prompt: ModelPrompt): Promise<Decoded> {
    if (prompt.mask !== null && !this.takesMaskInput) {
      return Promise.reject(
        new Sam2Error(
          "UnsupportedPromptError",
          `${this.#spec.id}: this model's files take no mask_input (${this.#layout.name} layout)`,
        ),
      );
    }
    return this.#enqueue(async () => {
      const inputs = Object.entries(this.#layout.feeds(prompt, this.#spec.maskSize));
      const feeds = inputs.map(([name, input]) => [name, this.#tensor(input)]);
      const outputs = await this.#decoder.run({ ...embedding.tensors, ...Object.fromEntries(feeds) });
      return this.#readOutputs(outputs, prompt.coords.dims[0] as number);
    });
  }

  #tensor(input: GraphInput): Ort.Tensor {
    const { Tensor } = this.#runtime;
    const dims = [...input.dims];
    return input.type === "int64" ? new Tensor("int64", input.data, dims) : new Tensor("float32", input.data, dims);
  }

  #readOutputs(outputs: Record<string, Ort.Tensor>, batch: number): Decoded {
    const names = this.#layout.outputs;
    const [masks, scores, objects] = [outputs[names.masks], outputs[names.scores], outputs[names.objectScores]];
    if (!masks || !scores) {
      throw new Sam2Error(
        "InvalidModelError",
        `${this.#spec.id}: expected outputs ${names.masks} and ${names.scores}, got ${Object.keys(outputs).join(", ")}`,
      );
    }
    const side = this.#spec.maskSize;
    const count = masks.size / (batch * side * side);
    if (!Number.isInteger(count)) {
      throw new Sam2Error(
        "InvalidModelError",
        `${this.#spec.id}: expected masks of ${side}×${side}, got [${masks.dims}]`,
      );
    }
    return {
      masks: { data: masks.data as Float32Array, dims: [batch, count, side, side] },
      scores: { data: scores.data as Float32Array, dims: [batch, count] },
      objectScores: {
        data: (objects?.data as Float32Array | undefined) ?? new Float32Array(batch).fill(Number.NaN),
        dims: [batch, 1],
      },
    };
  }

  /** Frees an embedding's memory. */
  release(embedding: OrtEmbedding): Promise<void> {
    return this.#enqueue(async () => {
      for (const tensor of Object.values(embedding.tensors)) tensor.dispose();
    });
  }

  /** Reads an embedding's values. For checks only: on a GPU this copies them back to the CPU. */
  read(embedding: OrtEmbedding): Promise<Record<string, Float32Array>> {
    return this.#enqueue(async () => {
      const values: Record<string, Float32Array> = {};
      for (const [name, tensor] of Object.entries(embedding.tensors))
        values[name] = (await tensor.getData()) as Float32Array;
      return values;
    });
  }

  /** Runs `task` on the GPU between the sessions' own runs; null where there is none. */
  onGpu<T>(task: (device: GPUDevice) => Promise<T>): Promise<T> | null {
    const gpu = this.#gpu;
    return gpu && this.#enqueue(() => task(gpu.device));
  }

  /** Gives up on sessions that hang. Nothing may be called after this. */
  abandon(): void {
    this.#gpu?.device.destroy();
  }

  /** Frees everything. Nothing may be called after this. */
  async dispose(): Promise<void> {
    await this.#enqueue(async () => {
      await this.#encoder.release();
      await this.#decoder.release();
    }).catch(async (error: unknown) => {
      // after the device is lost, releasing fails; its memory is gone anyway
      if (!(await this.wasLost())) throw error;
    });
    this.#gpu?.device.destroy();
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
