/** The layout of transformers.js: one image with B objects, int64 labels, and no mask prompt. */
import { ENCODER_OUTPUTS } from "sam2-contract";
import type { Layout } from "./layout.ts";

/**
 * Boxes are given as two corner points (labels 2 and 3), as in the other layouts.
 *
 * @param takesBoxes whether the decoder has an input for boxes; such a decoder does not add the padding point
 *   itself
 */
export function transformersJsLayout(takesBoxes: boolean): Layout {
  return {
    name: "transformers.js",
    imageInput: "pixel_values",
    embedding: {
      "image_embeddings.0": ENCODER_OUTPUTS.high_res_feats_0,
      "image_embeddings.1": ENCODER_OUTPUTS.high_res_feats_1,
      "image_embeddings.2": ENCODER_OUTPUTS.image_embed,
    },
    outputs: { masks: "pred_masks", scores: "iou_scores", objectScores: "object_score_logits" },
    takesMaskInput: false,
    feeds({ coords, labels }) {
      const [batch = 1, points = 1] = coords.dims;
      const padded = points + (takesBoxes ? 1 : 0);
      const allCoords = new Float32Array(batch * padded * 2);
      const allLabels = new BigInt64Array(batch * padded).fill(-1n);
      for (let b = 0; b < batch; b++) {
        allCoords.set(coords.data.subarray(2 * b * points, 2 * (b + 1) * points), 2 * b * padded);
        for (let p = 0; p < points; p++) allLabels[b * padded + p] = BigInt(labels.data[b * points + p] as number);
      }
      return {
        input_points: { type: "float32", data: allCoords, dims: [1, batch, padded, 2] },
        input_labels: { type: "int64", data: allLabels, dims: [1, batch, padded] },
        ...(takesBoxes ? { input_boxes: { type: "float32", data: new Float32Array(0), dims: [1, 0, 4] } } : {}),
      };
    },
  };
}
