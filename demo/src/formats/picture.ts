/** Decodes pictures whose header says that they are not too large: a small file may hold a picture of any size. */
import { readImageHeader } from "sam2-web";

/** The most pixels of a picture, the same as sam2-web's default; decoded, each takes four bytes. */
export const MAX_PIXELS = 100_000_000;

/** A file that is no picture, or one that is larger than the limit; the message says which. */
export class PictureError extends Error {
  override readonly name = "PictureError";
}

/**
 * Refuses a picture with too many pixels by its header, and a file of an unknown format.
 *
 * @throws PictureError
 */
export async function checkHeader(picture: Blob, maxPixels: number = MAX_PIXELS): Promise<void> {
  const header = await readImageHeader(picture);
  if (!header) throw new PictureError("expected a picture: JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC");
  const { width, height } = header;
  if (width * height <= maxPixels) return;
  throw new PictureError(`expected at most ${maxPixels} pixels, got a picture of ${width}×${height}`);
}

/**
 * A picture, upright; its header is checked first. Every picture of the page is decoded here.
 *
 * @throws PictureError, and DOMException when it cannot be decoded
 */
export async function decodePicture(picture: Blob, options: ImageBitmapOptions = {}): Promise<ImageBitmap> {
  await checkHeader(picture);
  return createImageBitmap(picture, { imageOrientation: "from-image", ...options });
}
