/** model.json: what a runtime must know before it opens the ONNX files. */
import type { CanaryAnswer } from "./canary.ts";
import type { Sam2Config } from "./config.ts";
import type { AttentionForm } from "./graph.ts";

/** Raised when the tensors' names, shapes or meanings change. */
export const CONTRACT_VERSION = 1;

/** Normalisation of the input picture, RGB in [0,1] (ImageNet's, as in `Sam2Processor`). */
export const IMAGE_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** See `IMAGE_MEAN`. */
export const IMAGE_STD: readonly number[] = [0.229, 0.224, 0.225];

/** One file of a model: its name beside model.json, size and hash. */
export interface ModelFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 in lower-case hexadecimal. */
  readonly sha256: string;
  /** Operations in the graph, before the runtime optimises it. */
  readonly nodes: number;
}

/** Precision of the stored weights; arithmetic, inputs and outputs are float32 in both. */
export type Dtype = "fp32" | "fp16";

/** The content of model.json. */
export interface ModelManifest {
  readonly contract: number;
  readonly id: string;
  /** Name of the checkpoint that it was made from. */
  readonly source: string;
  /** Side of the square model input, in pixels. */
  readonly imageSize: number;
  /** Channels of `image_embed`. */
  readonly hiddenSize: number;
  /** Side of the low-resolution masks: a quarter of `imageSize`. */
  readonly maskSize: number;
  /** Masks the decoder gives; the first is the single-mask token. */
  readonly maskTokens: number;
  readonly dynamicMultimask: Sam2Config["dynamicMultimask"];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly dtype: Dtype;
  readonly attention: AttentionForm;
  readonly parameters: number;
  readonly files: { readonly encoder: ModelFile; readonly decoder: ModelFile };
  /** What a device that computes rightly answers; the runtime finds out by itself where it is absent. */
  readonly canary?: CanaryAnswer;
}
