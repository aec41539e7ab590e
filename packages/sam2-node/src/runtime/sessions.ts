/** onnxruntime-node sessions. The only file that knows the runtime. */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import * as Ort from "onnxruntime-node";
import { type Dtype, Sam2Error } from "sam2-contract";
import {
  type DeviceInfoOf,
  type DeviceSessions,
  type Graph,
  type GraphInput,
  type GraphPair,
  GraphSessions,
  type ModelBytes,
  type ModelSpec,
} from "sam2-core";
import { interlock } from "./interlock.ts";

/** Where a graph runs: the CPU, or a GPU by way of WebGPU, CUDA (NVIDIA), Core ML (Apple) or DirectML (Windows). */
export type Backend = "cpu" | "cuda" | "coreml" | "dml" | "webgpu";

/** What runs where, and why. The GPU's name is not told by onnxruntime-node. */
export interface DeviceInfo extends DeviceInfoOf<Backend> {}

/** Which part runs where. */
export interface Placement {
  readonly encoder: Backend;
  readonly decoder: Backend;
  /** Precision of the files that are opened. */
  readonly dtype: Dtype | null;
  /** Threads of the CPU provider; as many as cores when absent. */
  readonly threads?: number | undefined;
  /** Why, for `DeviceInfo.reason`. */
  readonly reason: string;
}

/** GPU providers, the fastest first. */
const GPU_PROVIDERS: readonly Backend[] = ["cuda", "coreml", "dml", "webgpu"];

/** The GPU providers of this build of onnxruntime-node. */
export function gpuProviders(): Backend[] {
  const supported = Ort.listSupportedBackends();
  return GPU_PROVIDERS.filter((name) =>
    supported.some((backend) => backend.name === name && (backend.bundled || isInstalled(name))),
  );
}

/** Whether the library of a provider that is not bundled lies beside the runtime. */
function isInstalled(provider: string): boolean {
  const runtime = dirname(dirname(createRequire(import.meta.url).resolve("onnxruntime-node")));
  const folder = join(runtime, "bin", "napi-v6", process.platform, process.arch);
  return existsSync(folder) && readdirSync(folder).some((file) => file.includes(`providers_${provider}.`));
}

/** A session whose thread is not ended while it runs. */
function guarded(session: Ort.InferenceSession): Graph<Ort.Tensor> {
  return {
    inputNames: session.inputNames,
    run: (inputs) => interlock.inside(() => session.run(inputs)),
    release: () => interlock.inside(() => session.release()),
  };
}

/** Encoder and decoder of one model, in onnxruntime-node. */
export class OrtSessions extends GraphSessions<Ort.Tensor> implements DeviceSessions<DeviceInfo> {
  readonly device: DeviceInfo;

  private constructor(graphs: GraphPair<Ort.Tensor>, device: DeviceInfo) {
    super(graphs);
    this.device = device;
  }

  /**
   * Opens a model where `placement` says.
   *
   * @throws InvalidModelError when the files cannot be opened on the CPU; on a GPU, the runtime's own error
   */
  static async create(spec: ModelSpec, bytes: ModelBytes, placement: Placement): Promise<OrtSessions> {
    const { reason } = placement;
    const threads = placement.threads ?? availableParallelism();
    Ort.env.logLevel = "fatal";
    const create = async (part: "encoder" | "decoder", file: Uint8Array): Promise<Graph<Ort.Tensor>> => {
      const options: Ort.InferenceSession.SessionOptions = {
        executionProviders: [placement[part]],
        graphOptimizationLevel: "all",
        intraOpNumThreads: threads,
        logSeverityLevel: 4,
      };
      try {
        return guarded(await interlock.inside(() => Ort.InferenceSession.create(file, options)));
      } catch (error) {
        if (placement[part] !== "cpu") throw error;
        const { message } = error as Error;
        throw new Sam2Error("InvalidModelError", `${spec.id}: the ${part} could not be opened: ${message}`, {
          cause: error,
        });
      }
    };
    const encoder = bytes.encoder && (await create("encoder", bytes.encoder));
    const decoder = await create("decoder", bytes.decoder);
    const tensor = ({ type, data, dims }: GraphInput): Ort.Tensor => new Ort.Tensor(type, data, dims);
    const { encoder: runsEncoder, decoder: runsDecoder, dtype } = placement;
    const device = { encoder: runsEncoder, decoder: runsDecoder, dtype, threads, adapter: null, reason };
    const zeros = (dims: readonly number[]): Ort.Tensor =>
      new Ort.Tensor("float32", new Float32Array(dims.reduce((product, size) => product * size, 1)), dims);
    return new OrtSessions({ spec, encoder, decoder, tensor, zeros }, device);
  }
}
