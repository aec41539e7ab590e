/** Everything mode on an image that a predictor holds: its crops, and what is looked at twice, are encoded like images of their own. */
import { Sam2Error } from "sam2-contract";
import { closeUpMask } from "../detail/carry.ts";
import { type Detail, isTaken, type SecondLooks } from "../detail/second-look.ts";
import type { Picture } from "../image/picture.ts";
import { maskIou } from "../mask/mask.ts";
import { decodeRle, encodeRle } from "../mask/rle.ts";
import type { Predictor } from "../predictor/predictor.ts";
import {
  type EverythingMask,
  type EverythingProgress,
  isStable,
  isSure,
  type LookCloser,
  type PointDecoder,
  segmentEverything,
} from "./everything.ts";
import type { EverythingOptions } from "./options.ts";
import type { BoxXYXY } from "./suppression.ts";

/** Counts crops, so that each gets an id of its own. */
let crops = 0;

/** What everything mode asks for its answers. */
export interface Asked {
  readonly predictor: Predictor;
  readonly looks: SecondLooks;
}

/**
 * Segments everything in an image that was set.
 *
 * @param id the image
 * @param picture the image's picture, for crops and second looks; null unless they are asked for
 * @param onProgress called after each batch; if it throws or rejects, everything mode stops
 * @throws ImageReleasedError, InvalidImageError, InvalidPromptError
 */
export async function segmentImage(
  { predictor, looks }: Asked,
  id: string,
  picture: Picture | null,
  options: EverythingOptions,
  detail: Detail,
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
      { partOf: id },
    );
    return pointDecoder(predictor, crop, () => predictor.releaseImage(crop));
  };
  const lookCloser = detail === "off" || !picture ? null : lookingCloser(looks, id, picture, detail);
  return segmentEverything(size, options, open, onProgress, lookCloser);
}

/** Asks for a mask once more, by its click and its box, with a second look. */
function lookingCloser(looks: SecondLooks, id: string, picture: Picture, detail: Detail): LookCloser {
  // the picture stays its owner's
  const lent: Picture = {
    width: picture.width,
    height: picture.height,
    stretched: (size) => picture.stretched(size),
    crop: (...part) => picture.crop(...part),
    close: () => undefined,
  };
  return async ({ rle, box: [left, top, right, bottom], point, score: scoreOfFirst }, settings) => {
    const prompt = {
      point_coords: [point],
      point_labels: [1],
      box: [left, top, right + 1, bottom + 1],
      multimask_output: false,
    };
    const { closeUps, scores } = await looks.predict(id, prompt, detail, async () => lent);
    const [closeUp] = closeUps;
    if (!closeUp) return null;
    const { mask_threshold: threshold, stability_score_offset: offset } = settings;
    const logits = closeUp.logits.map((logit) => logit - threshold);
    const mask = closeUpMask({ ...closeUp, logits }, lent.width, lent.height);
    const score = scores.data[0] as number;
    if (!isTaken(score, scoreOfFirst, maskIou(mask, decodeRle(rle)))) return null;
    const over = (bound: number): number => logits.filter((logit) => logit > bound).length;
    const stability = over(offset) / over(-offset);
    // a mask that would have been dropped does not take the place of one that was not
    if (!isSure(score, settings) || !isStable(stability, settings)) return null;
    return { rle: encodeRle(mask), score, stability, crop: closeUp.region };
  };
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
