/** The answer to a prompt, on a page: with what takes a canvas. */
import { type Color, type MaskChoice, SegmentResult as Result, type ResultParts } from "sam2-core";
import { decodeImage, type ImageSource, toTransferable } from "../image/source.ts";
import { type CanvasFormat, cutOut, drawMask, exportCanvas, maskPixels } from "../mask/overlay.ts";

/** How a mask is drawn. */
export interface MaskDrawing extends MaskChoice {
  /** Draws the object in this color on a transparent ground, instead of white on black. */
  readonly color?: Color | undefined;
}

/** How an object is cut out. */
export interface CutoutOptions extends MaskChoice, CanvasFormat {
  /** Whether the result is only as large as the object's box; `true` by default. */
  readonly crop?: boolean | undefined;
}

/**
 * The answer to a prompt: K masks for each of B objects, best first. All that is made from them is made when it is asked
 * for.
 *
 * ```ts
 * const png = await result.cutout();
 * const { counts, size } = result.toRle();
 * const secondBest = result.toPolygons({ index: 1, tolerance: 1 });
 * ```
 */
export class SegmentResult extends Result {
  readonly #picture: ImageSource;

  /** @internal */
  constructor(parts: ResultParts, picture: ImageSource) {
    super(parts);
    this.#picture = picture;
  }

  /** A mask as pixels, for `putImageData`. */
  toImageData({ color, index, object }: MaskDrawing = {}): ImageData {
    return maskPixels(this.mask(index, object), color);
  }

  /**
   * A mask as a picture file, PNG by default.
   *
   * @throws InvalidImageError where the browser has no canvas as large as the image
   */
  async toBlob({ color, index, object, ...format }: MaskDrawing & CanvasFormat = {}): Promise<Blob> {
    return exportCanvas(drawMask(this.mask(index, object), color), "blob", format);
  }

  /**
   * The object alone, on a transparent ground, as a picture file, PNG by default. It is cut out of the picture that was
   * segmented: a canvas or an `<img>` must still show it.
   *
   * @throws InvalidMaskError for an empty mask; InvalidImageError where the picture can no longer be read
   */
  async cutout({ crop, index, object, ...format }: CutoutOptions = {}): Promise<Blob> {
    const mask = this.mask(index, object);
    const picture = await decodeImage(await toTransferable(this.#picture), this.width * this.height);
    try {
      return await exportCanvas(cutOut(picture, mask, crop), "blob", format);
    } finally {
      picture.close();
    }
  }
}
