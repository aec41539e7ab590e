/** The layout of this project's exporter, and of samexporter and its kin; see `sam2-contract`. */
import type { Layout } from "./layout.ts";

/** float32 throughout; the graph pads the points by itself. */
export const sam2WebLayout: Layout = {
  name: "sam2-web",
  imageInput: "image",
  outputs: { masks: "masks", scores: "iou_predictions", objectScores: "object_score_logits" },
  takesMaskInput: true,
  feeds(Tensor, { coords, labels, mask }, maskSize) {
    const [batch = 1] = coords.dims;
    const maskData = mask?.data ?? new Float32Array(batch * maskSize * maskSize);
    return {
      point_coords: new Tensor("float32", coords.data, [...coords.dims]),
      point_labels: new Tensor("float32", labels.data, [...labels.dims]),
      mask_input: new Tensor("float32", maskData, [batch, 1, maskSize, maskSize]),
      has_mask_input: new Tensor("float32", new Float32Array(batch).fill(mask ? 1 : 0), [batch]),
    };
  },
};
