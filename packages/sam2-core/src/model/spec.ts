/** The part of a model's manifest that preprocessing and prompts need; files of other exporters get it from here. */
import { IMAGE_MEAN, IMAGE_STD, type ModelManifest } from "sam2-contract";

/** A model's sizes and constants. */
export type ModelSpec = Pick<
  ModelManifest,
  "id" | "imageSize" | "maskSize" | "mean" | "std" | "dynamicMultimask" | "canary"
>;

/** The constants of SAM 2.1, for files that come without a model.json. */
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
