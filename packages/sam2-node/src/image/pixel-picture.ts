/** A picture as Node holds it: its pixels. */
import { type Picture, type Pixels, stretch } from "sam2-core";

/** Pixels in memory. */
export class PixelPicture implements Picture {
  readonly #pixels: Pixels;

  constructor(pixels: Pixels) {
    this.#pixels = pixels;
  }

  get width(): number {
    return this.#pixels.width;
  }

  get height(): number {
    return this.#pixels.height;
  }

  async stretched(size: number): Promise<Uint8ClampedArray> {
    return stretch(this.#pixels, size);
  }

  async crop(left: number, top: number, width: number, height: number): Promise<PixelPicture> {
    const data = new Uint8ClampedArray(4 * width * height);
    for (let y = 0; y < height; y++) {
      const from = 4 * ((top + y) * this.width + left);
      data.set(this.#pixels.data.subarray(from, from + 4 * width), 4 * width * y);
    }
    return new PixelPicture({ data, width, height });
  }

  close(): void {
    // the pixels are freed with the last reference
  }
}
