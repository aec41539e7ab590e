/** From words to boxes, by zero-shot object detection. Library and model are loaded only when they are used. */
import { Sam2Error } from "sam2-contract";
import type { BoxXYWH } from "sam2-core";

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
  /** Addresses of onnxruntime's files; without them the library loads them from a public CDN. */
  readonly wasmPaths?: { readonly mjs: string; readonly wasm: string } | undefined;
  /** Precision of the weights, as `@huggingface/transformers` names it; its own choice by default. */
  readonly dtype?: "fp32" | "fp16" | "q8" | "q4" | undefined;
}

/**
 * A detector over `@huggingface/transformers`, which must be installed beside this package. The
 * library and the model are loaded by the first request.
 *
 * Its `detect` rejects with a MissingPackageError without that library, with an InvalidModelError where the model cannot
 * be loaded, with a DeviceError where it fails, and with the signal's reason.
 *
 * @example
 * ```ts
 * const textDetector = createTextDetector({ threshold: 0.2 });
 * const hosted = createHostedFetch(segmenter, { segmind: { textDetector } });
 * ```
 */
export function createTextDetector(options: TextDetectorOptions = {}): TextDetector {
  const { threshold = 0.1 } = options;
  let loading: ReturnType<typeof load> | undefined;
  return {
    async detect(picture, text, signal) {
      signal.throwIfAborted();
      loading ??= load(options);
      const detector = await loading.catch((error: unknown) => {
        // the next request tries again
        loading = undefined;
        throw error;
      });
      signal.throwIfAborted();
      const address = URL.createObjectURL(picture);
      try {
        const found = await detector(address, [text], { threshold }).catch((cause: Error) => {
          throw new Sam2Error("DeviceError", `the text detector failed: ${cause.message}`, { cause });
        });
        signal.throwIfAborted();
        return found
          .flat()
          .map(toDetection)
          .filter(hasArea)
          .sort((a, b) => b.score - a.score);
      } finally {
        URL.revokeObjectURL(address);
      }
    },
  };
}

async function load({ model = "Xenova/owlvit-base-patch32", localModelPath, wasmPaths, dtype }: TextDetectorOptions) {
  const { env, pipeline } = await import("@huggingface/transformers").catch((cause: unknown) => {
    throw new Sam2Error("MissingPackageError", "a text detector needs @huggingface/transformers: install it", {
      cause,
    });
  });
  try {
    if (localModelPath !== undefined) {
      env.localModelPath = localModelPath;
      env.allowLocalModels = true;
      env.allowRemoteModels = false;
    }
    if (wasmPaths && env.backends.onnx.wasm) env.backends.onnx.wasm.wasmPaths = { ...wasmPaths };
    return await pipeline("zero-shot-object-detection", model, dtype === undefined ? {} : { dtype });
  } catch (cause) {
    const { message } = cause as Error;
    throw new Sam2Error("InvalidModelError", `the text detector "${model}" could not be loaded: ${message}`, { cause });
  }
}

/** A detection as the library gives it: the corners of its box. */
interface Found {
  readonly score: number;
  readonly box: { readonly xmin: number; readonly ymin: number; readonly xmax: number; readonly ymax: number };
}

function toDetection({ score, box: { xmin, ymin, xmax, ymax } }: Found): Detection {
  return { score, box: [xmin, ymin, xmax - xmin, ymax - ymin] };
}

function hasArea({ box: [, , width, height] }: Detection): boolean {
  return width > 0 && height > 0;
}
