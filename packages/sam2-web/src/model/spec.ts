/** What preprocessing and prompts need to know of a model, whatever files it is in. */
import { IMAGE_MEAN, IMAGE_STD, type ModelManifest } from "sam2-contract";

/** A model's sizes and constants. */
export type ModelSpec = Pick<
  ModelManifest,
  "id" | "imageSize" | "maskSize" | "mean" | "std" | "dynamicMultimask" | "canary"
>;

/** The constants of SAM 2.1, for files that bring no model.json. */
export function publishedSpec(id: string, imageSize = 1024): ModelSpec {
  return {
    id,
    imageSize,
    maskSize: imageSize / 4,
    mean: IMAGE_MEAN,
    std: IMAGE_STD,
    dynamicMultimask: { enabled: true, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
  };
}
