/** What is measured on a device: which models, on what, in which precision. */
import type { DtypeChoice } from "sam2-web";

/** A model that can be measured. */
export interface MeasuredModel {
  /** Its name in the catalog. */
  readonly id: string;
  readonly title: string;
  /** Bytes to download from elsewhere; 0 for the built-in model. */
  readonly download: number;
  /** The precisions that differ in speed on WASM. */
  readonly dtypes: readonly DtypeChoice[];
}

/** What a device has. */
export interface Abilities {
  /** The most threads that WASM has here. */
  readonly threads: number;
  /** Whether there is a GPU for WebGPU that is not emulated. */
  readonly hasGpu: boolean;
  /** Whether that GPU computes in float16. */
  readonly hasHalf: boolean;
}

/** One row to measure. */
export interface Run {
  readonly model: MeasuredModel;
  readonly device: "wasm" | "webgpu";
  readonly threads: number;
  readonly dtype: DtypeChoice;
}

const auto = ["auto"] as const;

/** The models, the smallest download first. An export, such as the built-in model, is in one precision. */
export const MODELS: readonly MeasuredModel[] = [
  { id: "sam2-mini", title: "sam2-mini", download: 0, dtypes: auto },
  { id: "edgetam", title: "EdgeTAM", download: 55_800_000, dtypes: ["fp32"] },
  { id: "sam2.1-tiny", title: "SAM 2.1 tiny", download: 156_000_000, dtypes: ["fp32", "int8"] },
];

/**
 * The rows of the table, in order: each model on WASM with one thread, with all threads, and on the GPU; there in half
 * precision, too, where the GPU can and the model is a checkpoint.
 */
export function plan(models: readonly MeasuredModel[], { threads, hasGpu, hasHalf }: Abilities): Run[] {
  return models.flatMap((model) => {
    const counts = threads > 1 ? [1, threads] : [1];
    const onWasm = model.dtypes.flatMap((dtype) =>
      counts.map((count): Run => ({ model, device: "wasm", threads: count, dtype })),
    );
    const first = model.dtypes[0] as DtypeChoice;
    const inHalf: DtypeChoice[] = hasHalf && first !== "auto" ? ["fp16-compute"] : [];
    const onGpu = [first, ...inHalf].map((dtype): Run => ({ model, device: "webgpu", threads, dtype }));
    return hasGpu ? [...onWasm, ...onGpu] : onWasm;
  });
}

/** What a browser has. */
export async function abilities(): Promise<Abilities> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const threads = crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency ?? 1) : 1;
  const hasGpu = !!adapter && !adapter.info?.isFallbackAdapter;
  return { threads, hasGpu, hasHalf: hasGpu && adapter.features.has("shader-f16") };
}
