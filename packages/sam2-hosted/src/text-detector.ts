/** Words → boxes, by zero-shot object detection; loaded only when it is used. */
import type { BoxXYWH } from "sam2-web";

/** Something that was found. */
export interface Detection {
  /** Left, top, width, height in pixels of the picture. */
  readonly box: BoxXYWH;
  /** 0 to 1. */
  readonly score: number;
}

/** Finds what words name in a picture. */
export interface TextDetector {
  /** Best first; empty where nothing was found. */
  detect(picture: Blob, text: string, signal: AbortSignal): Promise<readonly Detection[]>;
}

/** Options of `createTextDetector`. */
export interface TextDetectorOptions {
  /** A zero-shot object detection model of the Hugging Face hub, or of `localModelPath`; OWL-ViT by default. */
  readonly model?: string | undefined;
  /** Detections under this score are dropped; 0.1 by default. */
  readonly threshold?: number | undefined;
  /** Folder of models that are taken in place of the hub's. */
  readonly localModelPath?: string | undefined;
  /** Addresses of onnxruntime's files; the library takes them from a public network of servers otherwise. */
  readonly wasmPaths?: { readonly mjs: string; readonly wasm: string } | undefined;
  /** Precision of the weights, as `@huggingface/transformers` names it; its own choice by default. */
  readonly dtype?: "fp32" | "fp16" | "q8" | "q4" | undefined;
}

/**
 * A detector over `@huggingface/transformers`, which must be installed beside this package. The
 * library and the model are loaded by the first request.
 *
 * @example
 * ```ts
 * const hostedFetch = createHostedFetch(segmenter, { segmind: { textDetector: createTextDetector() } });
 * ```
 */
export function createTextDetector({
  model = "Xenova/owlvit-base-patch32",
  threshold = 0.1,
  localModelPath,
  wasmPaths,
  dtype,
}: TextDetectorOptions = {}): TextDetector {
  const load = async () => {
    const { env, pipeline } = await import("@huggingface/transformers");
    if (localModelPath !== undefined) {
      env.localModelPath = localModelPath;
      env.allowLocalModels = true;
      env.allowRemoteModels = false;
    }
    if (wasmPaths && env.backends.onnx.wasm) env.backends.onnx.wasm.wasmPaths = { ...wasmPaths };
    return pipeline("zero-shot-object-detection", model, dtype === undefined ? {} : { dtype });
  };
  let loading: ReturnType<typeof load> | undefined;
  return {
    async detect(picture, text, signal) {
      loading ??= load();
      const detector = await loading.catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      signal.throwIfAborted();
      const address = URL.createObjectURL(picture);
      try {
        const found = (await detector(address, [text], { threshold })).flat();
        signal.throwIfAborted();
        return found
          .map(
            ({ score, box: { xmin, ymin, xmax, ymax } }): Detection => ({
              score,
              box: [xmin, ymin, xmax - xmin, ymax - ymin],
            }),
          )
          .filter(({ box: [, , width, height] }) => width > 0 && height > 0)
          .sort((a, b) => b.score - a.score);
      } finally {
        URL.revokeObjectURL(address);
      }
    },
  };
}
