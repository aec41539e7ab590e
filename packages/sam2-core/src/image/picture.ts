/** A decoded picture, as a platform holds it: a bitmap of the browser's, pixels in Node. */

/** A decoded picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** The picture stretched to `size`×`size`: RGB [size,size,3], equal to what `stretch` makes of its pixels. */
  stretched(size: number): Promise<Uint8ClampedArray>;
  /** A part of it, as a picture of its own. */
  crop(left: number, top: number, width: number, height: number): Promise<Picture>;
  /** Frees its memory. */
  close(): void;
}
