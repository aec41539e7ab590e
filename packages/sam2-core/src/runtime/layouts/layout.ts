/** A layout: the names and types of the tensors in a pair of ONNX files, as some exporter chose them. */
import type { TensorShape } from "sam2-contract";
import type { ModelPrompt } from "../../prompt/prompt.ts";

/** An input of a graph, for a runtime to make its own tensor of. */
export type GraphInput = { readonly dims: readonly number[] } & (
  | { readonly type: "float32"; readonly data: Float32Array }
  | { readonly type: "int64"; readonly data: BigInt64Array }
);

/** An input whose values are all 0 and whose content is not looked at: the place of a mask that was not given. */
export interface NoInput {
  readonly type: "none";
  readonly dims: readonly number[];
}

/** The tensor names of one layout. */
export interface Layout {
  /** Name of the layout, for messages. */
  readonly name: string;
  /** The encoder's only input. */
  readonly imageInput: string;
  /** The encoder's outputs, which are inputs of the decoder: shapes in the letters of `sam2-contract`. */
  readonly embedding: Readonly<Record<string, TensorShape>>;
  /** Names of the decoder's outputs. Some files have no `objectScores`. */
  readonly outputs: { readonly masks: string; readonly scores: string; readonly objectScores: string };
  /** Whether the decoder takes a mask as a prompt. */
  readonly takesMaskInput: boolean;
  /**
   * The decoder's inputs for a prompt, beside the encoder's outputs.
   *
   * @param maskSize side of the low-resolution masks
   */
  feeds(prompt: ModelPrompt, maskSize: number): Record<string, GraphInput | NoInput>;
}
