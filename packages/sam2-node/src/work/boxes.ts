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
    const usable = boxes.flatMap((box, place) => (hasArea(box) ? [{ box, place }] : []));
    for (let at = 0; at < usable.length; at += BATCH) {
      const batch = usable.slice(at, at + BATCH);
      const box = batch.map(({ box: [x, y, width, height] }) => [x, y, x + width, y + height]);
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

function hasArea([x, y, width, height]: BoxXYWH): boolean {
  return [x, y, width, height].every(Number.isFinite) && width > 0 && height > 0;
}
