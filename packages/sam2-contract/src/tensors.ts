/**
 * The tensors of encoder and decoder. Names and shapes are those of the exports that people already
 * have (samexporter and its kin), so that their files load too.
 *
 * All tensors are float32. `S` is the side of the model's input, `C` its hidden size, `K` the number of
 * mask tokens; all three are in model.json. `B`, the number of objects, and `N`, the points of each, are free.
 */

/** Axes of a tensor: numbers, or expressions in the letters above. */
export type TensorShape = readonly (number | string)[];

/** Input of the image encoder, which runs once for each image. */
export const ENCODER_INPUTS: Readonly<Record<"image", TensorShape>> = {
  /** The image stretched to S×S, RGB, normalized. */
  image: [1, 3, "S", "S"],
};

/** Outputs of the image encoder; all are inputs of the decoder. */
export const ENCODER_OUTPUTS: Readonly<Record<"image_embed" | "high_res_feats_0" | "high_res_feats_1", TensorShape>> = {
  /** With `no_memory_embedding` added. */
  image_embed: [1, "C", "S/16", "S/16"],
  high_res_feats_0: [1, "C/8", "S/4", "S/4"],
  high_res_feats_1: [1, "C/4", "S/8", "S/8"],
};

/** The prompt decoder's other inputs; it runs once for each prompt. */
export const DECODER_INPUTS: Readonly<
  Record<"point_coords" | "point_labels" | "mask_input" | "has_mask_input", TensorShape>
> = {
  /** x, y in pixels of the S×S image. The graph adds half a pixel and the one padding point. */
  point_coords: ["B", "N", 2],
  /** 1 on the object, 0 not on it, 2 and 3 the corners of a box, −1 padding. */
  point_labels: ["B", "N"],
  /** Low-resolution logits of an earlier answer. */
  mask_input: ["B", 1, "S/4", "S/4"],
  /** 1 if `mask_input` is used, else 0. */
  has_mask_input: ["B"],
};

/** Outputs of the prompt decoder. */
export const DECODER_OUTPUTS: Readonly<Record<"masks" | "iou_predictions" | "object_score_logits", TensorShape>> = {
  /** Logits; the token for a single mask comes first. */
  masks: ["B", "K", "S/4", "S/4"],
  /** The model's own estimate of each mask's IoU. */
  iou_predictions: ["B", "K"],
  /** Over 0 if there is an object at the prompt. */
  object_score_logits: ["B", 1],
};
