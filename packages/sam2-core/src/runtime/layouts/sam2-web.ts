/** The layout of this project's exporter, and of samexporter and its kin; see `sam2-contract`. */
import { ENCODER_OUTPUTS } from "sam2-contract";
import type { Layout } from "./layout.ts";

/** float32 throughout; the graph pads the points by itself. */
export const sam2WebLayout: Layout = {
  name: "sam2-web",
  imageInput: "image",
  embedding: ENCODER_OUTPUTS,
  outputs: { masks: "masks", scores: "iou_predictions", objectScores: "object_score_logits" },
  takesMaskInput: true,
  feeds({ coords, labels, mask }, maskSize) {
    const [batch = 1] = coords.dims;
    const dims = [batch, 1, maskSize, maskSize];
    return {
      point_coords: { type: "float32", ...coords },
      point_labels: { type: "float32", ...labels },
      mask_input: mask ? { type: "float32", data: mask.data, dims } : { type: "none", dims },
      has_mask_input: { type: "float32", data: new Float32Array(batch).fill(mask ? 1 : 0), dims: [batch] },
    };
  },
};
