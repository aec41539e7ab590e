/** The masks of boxes in one picture. */
import { type BoxXYWH, type CallOptions, type Detail, encodeRle, maskArea, type Rle } from "sam2-core";
import type { ImageSource } from "../image/source.ts";
import type { Segmenter } from "../segmenter.ts";

/** The mask of a box. */
export interface BoxMask {
  readonly segmentation: Rle;
  readonly area: number;
  /** Predicted IoU. */
  readonly score: number;
}

/** The masks of a picture's boxes. */
export interface BoxMasks {
  readonly width: number;
  readonly height: number;
  /** In the order of the boxes; null for a box without an area, which no mask can be made of. */
  readonly masks: readonly (BoxMask | null)[];
}

/** Boxes that the decoder is given at a time, as many as everything mode gives it points: memory grows with them. */
const BATCH = 16;

/**
 * Segments what is in boxes [x, y, width, height] in pixels of the picture, each its single best mask.
 *
 * @throws what `setImage` and `segment` throw
 */
export async function segmentBoxes(
  segmenter: Segmenter,
  picture: ImageSource,
  boxes: readonly BoxXYWH[],
  { signal, detail }: CallOptions & { readonly detail?: Detail | undefined } = {},
): Promise<BoxMasks> {
  const image = await segmenter.setImage(picture, { signal });
  try {
    const masks: (BoxMask | null)[] = boxes.map(() => null);
    const usable = boxes.map((box, place) => ({ box: cornersOf(box), place })).filter(({ box }) => hasArea(box));
    for (let at = 0; at < usable.length; at += BATCH) {
      const batch = usable.slice(at, at + BATCH);
      const box = batch.map((each) => each.box);
      const result = await segmenter.segment({ image, box, multimask_output: false }, { signal, detail });
      for (const [object, { place }] of batch.entries()) {
        const mask = result.mask(0, object);
        const score = result.scores.data[object * (result.scores.dims[1] as number)] as number;
        masks[place] = { segmentation: encodeRle(mask), area: maskArea(mask), score };
      }
    }
    return { width: image.width, height: image.height, masks };
  } finally {
    await image.release();
  }
}

/** A box's corners in float32, as the decoder takes them: one that is very narrow has no area then. */
function cornersOf([x, y, width, height]: BoxXYWH): number[] {
  return [x, y, x + width, y + height].map(Math.fround);
}

function hasArea(corners: readonly number[]): boolean {
  const [x1, y1, x2, y2] = corners as [number, number, number, number];
  return corners.every(Number.isFinite) && x1 < x2 && y1 < y2;
}
