/** What a picture's header says, before anything of it is decoded: a small file may hold a picture of any size. */
import { imageSize } from "image-size";

/** Pixels of the largest picture that is opened; decoded, a picture takes four bytes for each. */
export const MAX_PIXELS = 50_000_000;

/** A picture that is larger than the limit. */
export class PictureTooLargeError extends Error {
  override readonly name = "PictureTooLargeError";
}

/**
 * Refuses a picture whose header says that it has too many pixels. What is no picture, or of a format whose header is
 * not known here, passes: the browser says then what it makes of it.
 *
 * @throws PictureTooLargeError
 */
export function checkHeader(bytes: Uint8Array, maxPixels: number = MAX_PIXELS): void {
  const [width, height] = headerSize(bytes);
  if (width * height <= maxPixels) return;
  throw new PictureTooLargeError(
    `the picture has ${width}×${height} pixels, and at most ${maxPixels / 1e6} megapixels are opened`,
  );
}

function headerSize(bytes: Uint8Array): [width: number, height: number] {
  try {
    const { width, height } = imageSize(bytes);
    return [width, height];
  } catch {
    return [0, 0];
  }
}
