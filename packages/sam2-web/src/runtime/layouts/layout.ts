/** A layout: the names and types of the tensors in a pair of ONNX files, as some exporter chose them. */
import type * as Ort from "onnxruntime-web";
import type { ModelPrompt } from "../../prompt/prompt.ts";

/** onnxruntime-web's tensor class. Its bundles (WASM, WebGPU) each have their own, so it is passed in. */
export type TensorClass = typeof Ort.Tensor;

/** The tensor names of one layout. */
export interface Layout {
  /** Name of the layout, for messages. */
  readonly name: string;
  /** The encoder's only input. */
  readonly imageInput: string;
  /** Names of the decoder's outputs. Some files have no `objectScores`. */
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
