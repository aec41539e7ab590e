/** What graphs do on WebGPU: their time, how many kernels they start, and how much is written and uploaded. */
import type * as Ort from "onnxruntime-web";
import mjs from "../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs?url";
import wasm from "../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm?url";
import { type Comparison, compare } from "../measure.ts";

/** A tensor that a graph is fed: where it is, and its shape. */
export interface GpuInput {
  readonly on: "gpu" | "cpu";
  readonly type: "float32" | "int64";
  readonly dims: readonly number[];
  /** Every value; a wave where absent. */
  readonly fill?: number;
}

/** A graph, and what it is fed. */
export interface GpuGraph {
  /** Address of the ONNX file. */
  readonly url: string;
  readonly inputs: Readonly<Record<string, GpuInput>>;
}

/** What one run does. */
export interface GpuWork {
  /** Kernels that are started. */
  readonly dispatches: number;
  /** Bytes of the buffers that these write to. */
  readonly written: number;
  /** Bytes that come from the CPU, without the kernels' own parameters. */
  readonly uploaded: number;
}

/** Both sides of a comparison. */
export interface GpuComparison extends Comparison {
  readonly ours: GpuWork;
  readonly theirs: GpuWork;
}

type Binding = { readonly buffer: GPUBuffer; readonly offset?: number; readonly size?: number };

/** Watches what is asked of WebGPU by this page. */
class Meter {
  #work = { dispatches: 0, written: 0, uploaded: 0 };

  constructor() {
    /** Bindings that a shader may write to, as `group.binding`. */
    const writable = new WeakMap<object, Set<string>>();
    const sizes = new WeakMap<GPUBindGroup, Map<number, number>>();
    interface Pass {
      pipeline?: GPUComputePipeline;
      readonly groups: Map<number, GPUBindGroup>;
    }
    const bound = new WeakMap<object, Pass>();
    const stateOf = (pass: object): Pass => {
      const state: Pass = bound.get(pass) ?? { groups: new Map() };
      bound.set(pass, state);
      return state;
    };
    const isStorage = ({ usage }: GPUBuffer): boolean => (usage & GPUBufferUsage.STORAGE) !== 0;
    this.#watch(GPUDevice.prototype, "createShaderModule", ([{ code }], module) => {
      const found = code.matchAll(/@group\((\d+)\)\s*@binding\((\d+)\)\s*var<storage,\s*read_write>/g);
      writable.set(module, new Set([...found].map(([, group, binding]) => `${group}.${binding}`)));
    });
    this.#watch(GPUDevice.prototype, "createComputePipeline", ([{ compute }], pipeline) => {
      writable.set(pipeline, writable.get(compute.module) ?? new Set());
    });
    this.#watch(GPUDevice.prototype, "createComputePipelineAsync", ([{ compute }], made) => {
      void made.then((pipeline) => writable.set(pipeline, writable.get(compute.module) ?? new Set()));
    });
    this.#watch(GPUDevice.prototype, "createBindGroup", ([{ entries }], group) => {
      const each = [...entries].map(({ binding, resource }): [number, number] => {
        const { buffer, offset = 0, size } = resource as Binding;
        return [binding, size ?? buffer.size - offset];
      });
      sizes.set(group, new Map(each));
    });
    this.#watch(GPUComputePassEncoder.prototype, "setPipeline", ([pipeline], _, pass) => {
      stateOf(pass).pipeline = pipeline;
    });
    this.#watch(GPUComputePassEncoder.prototype, "setBindGroup", ([index, group], _, pass) => {
      if (group) stateOf(pass).groups.set(index, group);
    });
    this.#watch(GPUComputePassEncoder.prototype, "dispatchWorkgroups", (_, __, pass) => {
      const { pipeline, groups } = stateOf(pass);
      this.#work.dispatches++;
      for (const name of (pipeline && writable.get(pipeline)) ?? []) {
        const [group = 0, binding = 0] = name.split(".").map(Number);
        this.#work.written += sizes.get(groups.get(group) as GPUBindGroup)?.get(binding) ?? 0;
      }
    });
    this.#watch(GPUQueue.prototype, "writeBuffer", ([buffer, , data, , size]) => {
      if (isStorage(buffer)) this.#work.uploaded += size ?? data.byteLength;
    });
    this.#watch(GPUCommandEncoder.prototype, "copyBufferToBuffer", (args) => {
      const [from, , to, , size] = args as [GPUBuffer, number, GPUBuffer, number, number];
      if ((from.usage & GPUBufferUsage.MAP_WRITE) !== 0 && isStorage(to)) this.#work.uploaded += size;
    });
  }

  #watch<T extends object, K extends keyof T>(
    prototype: T,
    name: K,
    see: T[K] extends (...args: infer A) => infer R ? (args: A, result: R, self: T) => void : never,
  ): void {
    const original = prototype[name] as (...args: unknown[]) => unknown;
    prototype[name] = function (this: T, ...args: unknown[]) {
      const result = original.apply(this, args);
      (see as (args: unknown[], result: unknown, self: T) => void)(args, result, this);
      return result;
    } as T[K];
  }

  /** What was asked for since the last call. */
  take(): GpuWork {
    const work = this.#work;
    this.#work = { dispatches: 0, written: 0, uploaded: 0 };
    return work;
  }
}

/** A GPU's name, whether it is emulated, and whether it computes in float16; null where there is none. */
export async function adapterHere(): Promise<{ name: string; isEmulated: boolean; hasHalf: boolean } | null> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return null;
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = [vendor, architecture, description].filter(Boolean).join(" ") || "unnamed GPU";
  return { name, isEmulated: isFallbackAdapter ?? false, hasHalf: adapter.features.has("shader-f16") };
}

let opened: Promise<{ runtime: typeof Ort; device: GPUDevice; meter: Meter }> | undefined;

async function openRuntime(): Promise<{ runtime: typeof Ort; device: GPUDevice; meter: Meter }> {
  const meter = new Meter();
  const runtime: typeof Ort = await import("onnxruntime-web/webgpu");
  runtime.env.wasm.wasmPaths = { mjs: new URL(mjs, location.href).href, wasm: new URL(wasm, location.href).href };
  runtime.env.wasm.numThreads = 1;
  const adapter = (await navigator.gpu.requestAdapter()) as GPUAdapter;
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: (["shader-f16"] as GPUFeatureName[]).filter((feature) => adapter.features.has(feature)),
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
  return { runtime, device, meter };
}

/**
 * Runs two graphs in turns on one device; milliseconds of a run, the outputs staying on the GPU.
 *
 * @param atOnce how many runs share one wait for their end, which is noticed late: by up to 100 ms in Firefox
 */
export async function compareOnGpu(
  ours: GpuGraph,
  theirs: GpuGraph,
  repeats: number,
  atOnce: number,
): Promise<GpuComparison> {
  opened ??= openRuntime();
  const { runtime, device, meter } = await opened;
  const values = ({ type, dims, fill }: GpuInput) => {
    const count = dims.reduce((product, size) => product * size, 1);
    if (type === "int64") return new BigInt64Array(count).fill(BigInt(fill ?? 0));
    return Float32Array.from({ length: count }, (_, i) => fill ?? Math.sin(0.37 * i));
  };
  const tensor = (input: GpuInput): Ort.Tensor => {
    const dims = [...input.dims];
    const data = values(input);
    if (input.on === "cpu") return new runtime.Tensor(input.type, data as Float32Array & BigInt64Array, dims);
    const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
    const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_DST | COPY_SRC });
    device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    return runtime.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims, dispose: () => buffer.destroy() });
  };
  const open = async ({ url, inputs }: GpuGraph) => {
    const session = await runtime.InferenceSession.create(new Uint8Array(await (await fetch(url)).arrayBuffer()), {
      executionProviders: [{ name: "webgpu", device } as unknown as Ort.InferenceSession.ExecutionProviderConfig],
      preferredOutputLocation: "gpu-buffer",
      logSeverityLevel: 3,
    });
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, tensor(input)]));
    const run = async (times: number): Promise<number> => {
      const start = performance.now();
      for (let i = 0; i < times; i++) {
        for (const output of Object.values(await session.run(feeds))) output.dispose();
      }
      await device.queue.onSubmittedWorkDone();
      return (performance.now() - start) / times;
    };
    const count = async (): Promise<GpuWork> => {
      // the first run also makes the shaders
      await run(1);
      meter.take();
      await run(1);
      return meter.take();
    };
    const close = async (): Promise<void> => {
      await session.release();
      for (const [name, { on }] of Object.entries(inputs)) if (on === "gpu") feeds[name]?.dispose();
    };
    return { run, count, close };
  };
  const [mine, peer] = [await open(ours), await open(theirs)];
  const [counted, peerCounted] = [await mine.count(), await peer.count()];
  const times = await compare({ ours: () => mine.run(atOnce), theirs: () => peer.run(atOnce) }, repeats);
  await mine.close();
  await peer.close();
  return { ...times, ours: counted, theirs: peerCounted };
}
