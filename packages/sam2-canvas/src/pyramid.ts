/** A picture and smaller copies of it, so that a large picture is drawn small both quickly and without moiré. */
import type { Box, Size, Viewport } from "./viewport.ts";

/** A picture that a canvas can draw, in its own resolution. */
export type Picture = ImageBitmap | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | VideoFrame;

/** Copies are halved until the longer side is at most this. */
const SMALLEST = 1024;

/** Width and height of a picture in its own pixels. */
export function sizeOf(picture: Picture): Size {
  if ("naturalWidth" in picture) return { width: picture.naturalWidth, height: picture.naturalHeight };
  if ("displayWidth" in picture) return { width: picture.displayWidth, height: picture.displayHeight };
  return { width: picture.width, height: picture.height };
}

/** The picture at its own size and, once they are made, at a half, a quarter, … of it. */
export class Pyramid {
  readonly size: Size;
  readonly #picture: Picture;
  readonly #copies: ImageBitmap[] = [];
  #isClosed = false;

  /** @param ready called when a copy was made */
  constructor(picture: Picture, ready: () => void) {
    this.#picture = picture;
    this.size = sizeOf(picture);
    void this.#build(ready).catch(() => {
      // without copies the picture itself is drawn
    });
  }

  async #build(ready: () => void): Promise<void> {
    let source: Picture = this.#picture;
    let { width, height } = this.size;
    while (Math.max(width, height) > SMALLEST) {
      [width, height] = [Math.max(1, Math.round(width / 2)), Math.max(1, Math.round(height / 2))];
      const copy: ImageBitmap = await createImageBitmap(source, {
        resizeWidth: width,
        resizeHeight: height,
        resizeQuality: "medium",
      });
      if (this.#isClosed) return copy.close();
      this.#copies.push(copy);
      source = copy;
      ready();
    }
  }

  /**
   * Draws the visible part.
   *
   * @param viewport screen pixels of the canvas, not CSS pixels
   */
  draw(context: CanvasRenderingContext2D, { scale, left, top }: Viewport, [x1, y1, x2, y2]: Box): void {
    const halvings = Math.floor(Math.log2(1 / scale));
    const copy = this.#copies[Math.min(halvings, this.#copies.length) - 1];
    const source = copy ?? this.#picture;
    const [fx, fy] = copy ? [copy.width / this.size.width, copy.height / this.size.height] : [1, 1];
    // whole pixels: then a magnified picture does not shift
    const [sx1, sy1] = [Math.floor(x1 * fx), Math.floor(y1 * fy)];
    const [sx2, sy2] = [Math.ceil(x2 * fx), Math.ceil(y2 * fy)];
    // from two screen pixels on, an image pixel is a square
    context.imageSmoothingEnabled = scale < 2;
    context.imageSmoothingQuality = "medium";
    context.drawImage(
      source,
      sx1,
      sy1,
      sx2 - sx1,
      sy2 - sy1,
      left + (sx1 / fx) * scale,
      top + (sy1 / fy) * scale,
      ((sx2 - sx1) / fx) * scale,
      ((sy2 - sy1) / fy) * scale,
    );
  }

  /** Frees the copies; the picture is its owner's. */
  close(): void {
    this.#isClosed = true;
    for (const copy of this.#copies) copy.close();
  }
}
