/** Everything mode on an image that a predictor holds: its crops are encoded like images of their own. */
import { Sam2Error } from "sam2-contract";
import type { Picture } from "../image/picture.ts";
import type { Predictor } from "../predictor/predictor.ts";
import { type EverythingMask, type EverythingProgress, type PointDecoder, segmentEverything } from "./everything.ts";
import type { EverythingOptions } from "./options.ts";
import type { BoxXYXY } from "./suppression.ts";

/** Counts crops, so that each gets an id of its own. */
let crops = 0;

/**
 * Segments everything in an image that was set.
 *
 * @param id the image
 * @param picture the image's picture, for crops; null unless they are asked for
 * @param onProgress called after each batch; if it throws or rejects, everything mode stops
 * @throws ImageReleasedError, InvalidImageError, InvalidPromptError
 */
export async function segmentImage(
  predictor: Predictor,
  id: string,
  picture: Picture | null,
  options: EverythingOptions,
  onProgress: (progress: EverythingProgress) => Promise<void>,
): Promise<EverythingMask[]> {
  const size = predictor.sizeOf(id);
  const open = async ([x0, y0, x1, y1]: BoxXYXY): Promise<PointDecoder> => {
    const [width, height] = [x1 - x0, y1 - y0];
    if (width === size.width && height === size.height) return pointDecoder(predictor, id, async () => undefined);
    if (!picture)
      throw new Sam2Error(
        "InvalidImageError",
        "crops need the picture: expected an image from this segmenter's setImage",
      );
    const crop = `${id}/crop/${crops++}`;
    await predictor.setImage(
      crop,
      () => picture.crop(x0, y0, width, height),
      () => undefined,
    );
    return pointDecoder(predictor, crop, () => predictor.releaseImage(crop));
  };
  return segmentEverything(size, options, open, onProgress);
}

/** Decodes points of an encoded image; each point is a separate object. */
function pointDecoder(predictor: Predictor, id: string, release: () => Promise<void>): PointDecoder {
  return {
    decode: (points, masks, multimask) => {
      const [batch = 0] = points.dims;
      return predictor.predictUnclamped(id, {
        point_coords: points,
        point_labels: { data: new Float32Array(batch).fill(1), dims: [batch, 1] },
        mask_input: masks ?? undefined,
        multimask_output: multimask,
      });
    },
    release,
  };
}
