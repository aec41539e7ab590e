/** How large a picture may be: the same everywhere, so that what one platform segments, another does too. */
import { Sam2Error } from "sam2-contract";

/** Longest side of a picture: the largest side of a canvas in Chromium. */
const MAX_SIDE = 16_384;
/** Default limit on the pixels of a picture. */
export const MAX_PIXELS = 100e6;

/**
 * Checks a picture's size.
 *
 * @param maxPixels the most pixels, width · height
 * @throws InvalidImageError if it has no pixels, or too many
 */
export function checkSize(size: { readonly width: number; readonly height: number }, maxPixels: number): void {
  const { width, height } = size;
  if (width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE && width * height <= maxPixels) return;
  throw new Sam2Error(
    "InvalidImageError",
    `expected 1 to ${MAX_SIDE} pixels a side and at most ${maxPixels} in all, got ${width}×${height}`,
  );
}
