/** A layout: the names and types of the tensors in a pair of ONNX files, as some exporter chose them. */
import type * as Ort from "onnxruntime-web";
import type { ModelPrompt } from "../../prompt/prompt.ts";

/** The runtime's tensor class; each of its bundles has one of its own. */
export type TensorClass = typeof Ort.Tensor;

/** How to speak to the files of one layout. */
export interface Layout {
  /** For messages. */
  readonly name: string;
  /** The encoder's only input. */
  readonly imageInput: string;
  /** Names of the decoder's outputs. The last is missing in some files. */
  readonly outputs: { readonly masks: string; readonly scores: string; readonly objectScores: string };
  /** Whether the decoder takes a mask as a prompt. */
  readonly takesMaskInput: boolean;
  /**
   * The decoder's inputs for a prompt, beside the encoder's outputs.
   *
   * @param maskSize side of the low-resolution masks
   */
  feeds(Tensor: TensorClass, prompt: ModelPrompt, maskSize: number): Record<string, Ort.Tensor>;
}
