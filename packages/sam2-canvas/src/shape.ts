/** The forms in which a mask can be shown, and its outlines. */
import { expandRuns, type Mask, maskToPolygons, type Rle, type SegmentResult } from "sam2-web";
import { contoursOf, type LogitsPlane, type Outline, thinned } from "./contour.ts";
import type { Box, Size } from "./viewport.ts";

/** A mask as a result, a file or an editor has it: pixels, COCO RLE, or low-resolution logits. */
export type MaskShape = Mask | Rle | LogitsPlane;

/**
 * The low-resolution logits of one mask of a result, to be shown without making the full-size mask.
 *
 * @param index which mask of the object, best first
 * @param object which object of a batch
 *
 * @example
 * ```ts
 * view.update({ mask: logitsOf(result) });
 * ```
 */
export function logitsOf(result: SegmentResult, index = 0, object = 0): LogitsPlane {
  const [, count = 0, side = 0] = result.settledLogits.dims;
  const start = (object * count + index) * side * side;
  return { data: result.settledLogits.data.subarray(start, start + side * side), side };
}

/** Whether the shape is low-resolution logits. */
export function isLogits(shape: MaskShape): shape is LogitsPlane {
  return "side" in shape;
}

/** Outlines of a mask of full size along its pixels' edges, and the box around them. */
export interface Traced {
  readonly outlines: readonly Outline[];
  /** x1, y1, x2, y2; null where the mask is empty. */
  readonly box: Box | null;
}

/**
 * Traces a mask of full size along its pixels' edges.
 *
 * @throws InvalidMaskError for an RLE that is none
 */
export function traced(shape: Mask | Rle): Traced {
  const { mask, left, top } = "counts" in shape ? croppedRle(shape) : { mask: shape, left: 0, top: 0 };
  let [x1, y1, x2, y2] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  const outlines = maskToPolygons(mask)
    .flatMap(({ outer, holes }) => [outer, ...holes])
    .map((ring) => {
      const outline = new Float32Array(2 * ring.length);
      for (const [i, [x, y]] of ring.entries()) {
        outline.set([x + left, y + top], 2 * i);
        [x1, y1, x2, y2] = [Math.min(x1, x), Math.min(y1, y), Math.max(x2, x), Math.max(y2, y)];
      }
      return outline;
    });
  return { outlines, box: outlines.length > 0 ? [x1 + left, y1 + top, x2 + left, y2 + top] : null };
}

/** The columns of an RLE between its first and its last pixel: a small object in a large picture takes little time. */
function croppedRle(rle: Rle): { readonly mask: Mask; readonly left: number; readonly top: number } {
  const [height] = rle.size;
  const runs = expandRuns(rle);
  let [position, first, last] = [0, Number.POSITIVE_INFINITY, 0];
  let [top, bottom] = [height, 0];
  for (const [index, run] of runs.entries()) {
    const end = position + run;
    if (index % 2 === 1 && run > 0) {
      first = Math.min(first, position);
      last = end;
      const spans = Math.floor(position / height) !== Math.floor((end - 1) / height);
      top = spans ? 0 : Math.min(top, position % height);
      bottom = spans ? height : Math.max(bottom, ((end - 1) % height) + 1);
    }
    position = end;
  }
  if (last === 0) return { mask: { data: new Uint8Array(1), width: 1, height: 1 }, left: 0, top: 0 };
  const left = Math.floor(first / height);
  const [width, rows] = [Math.ceil(last / height) - left, bottom - top];
  const data = new Uint8Array(width * rows);
  position = 0;
  for (const [index, run] of runs.entries()) {
    if (index % 2 === 1) {
      for (let at = position; at < position + run; at++) {
        data[((at % height) - top) * width + Math.floor(at / height) - left] = 1;
      }
    }
    position += run;
  }
  return { mask: { data, width, height: rows }, left, top };
}

/**
 * Outlines as fine as a screen shows them.
 *
 * @param scale screen pixels per image pixel
 * @param window the part of the picture that is in view, in image pixels; only logits make use of it
 */
export function outlinesAt(shape: LogitsPlane | Traced, picture: Size, scale: number, window: Box): readonly Outline[] {
  if ("outlines" in shape) {
    // half a screen pixel is not seen
    return scale >= 1 ? shape.outlines : shape.outlines.map((outline) => thinned(outline, 0.5 / scale));
  }
  const cell = (Math.max(picture.width, picture.height) / shape.side) * scale;
  // a place every eight screen pixels: between them the curve is nearly straight
  const per = 2 ** Math.min(Math.max(Math.ceil(Math.log2(cell / 8)), 0), 6);
  return contoursOf(shape, picture, window, per);
}
