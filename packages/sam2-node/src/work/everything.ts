/** Everything in one picture, as COCO has it. */
import type { BoxXYWH, CallOptions, Rle, SegmentEverythingOptions } from "sam2-core";
import type { ImageSource } from "../image/source.ts";
import type { Segmenter } from "../segmenter.ts";

/** What is looked for, and how: plain data, which a queue can hold. */
export type EverythingAsked = Omit<SegmentEverythingOptions, "output_mode" | "signal" | "onProgress">;

/** One thing that was found. */
export interface FoundMask {
  readonly segmentation: Rle;
  readonly area: number;
  readonly bbox: BoxXYWH;
  /** Predicted IoU. */
  readonly score: number;
  readonly stability_score: number;
}

/** What was found in a picture. */
export interface FoundThings {
  readonly width: number;
  readonly height: number;
  readonly masks: readonly FoundMask[];
}

/**
 * Segments everything in a picture.
 *
 * @throws what `setImage` and `segmentEverything` throw
 */
export async function findEverything(
  segmenter: Segmenter,
  picture: ImageSource,
  options: EverythingAsked & CallOptions = {},
): Promise<FoundThings> {
  const image = await segmenter.setImage(picture, { signal: options.signal });
  try {
    const masks = await segmenter.segmentEverything(image, { ...options, output_mode: "coco_rle" });
    return {
      width: image.width,
      height: image.height,
      masks: masks.map(({ segmentation, area, bbox, predicted_iou, stability_score }) => ({
        segmentation: segmentation as Rle,
        area,
        bbox,
        score: predicted_iou,
        stability_score,
      })),
    };
  } finally {
    await image.release();
  }
}
