/** Any picture that a caller may give → its pixels. */
import { Sam2Error } from "sam2-contract";
import type { Pixels } from "./stretch.ts";

/** A picture as a caller may give it; a string or URL is fetched. */
export type ImageSource =
  | Blob
  | string
  | URL
  | ImageBitmap
  | ImageData
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

/** What travels to the worker: bytes still to be decoded, an address, or pixels. */
export type TransferableImage = Blob | string | ImageBitmap;

/** Longest side and largest area taken. */
export const MAX_SIDE = 16_384;
/** See `MAX_SIDE`. */
export const MAX_PIXELS = 50_000_000;
/** The most pixels of a canvas on iOS: a larger one stays blank there, and nothing says so. */
const MAX_CANVAS_PIXELS = 16_777_216;

/**
 * Prepares a picture for the worker without decoding it on the calling thread where that is
 * possible. The caller keeps what it gave: bitmaps and frames are copied.
 *
 * @throws InvalidImageError when it is no picture
 */
export async function toTransferable(source: ImageSource): Promise<TransferableImage> {
  if (source instanceof Blob) return source;
  if (source instanceof URL) return source.href;
  if (typeof source === "string")
    return new URL(source, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  try {
    if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) await source.decode();
    return await createImageBitmap(source);
  } catch (cause) {
    throw new Sam2Error("InvalidImageError", "expected a picture that the browser can read", { cause });
  }
}

/**
 * Decodes a picture, upright: EXIF orientation is applied.
 *
 * @throws InvalidImageError for what is no picture, or has no pixels, or too many
 */
export async function decodeImage(source: TransferableImage): Promise<ImageBitmap> {
  const bitmap = source instanceof ImageBitmap ? source : await decodeBlob(source);
  const { width, height } = bitmap;
  if (width === 0 || height === 0 || width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
    bitmap.close();
    throw new Sam2Error(
      "InvalidImageError",
      `expected 1 to ${MAX_SIDE} pixels a side and at most ${MAX_PIXELS / 1e6} megapixels, got ${width}×${height}`,
    );
  }
  return bitmap;
}

/**
 * Reads a picture's RGBA pixels; transparency is laid over black, as a conversion to RGB does.
 *
 * A large picture is read in bands, each of a size that a canvas has everywhere.
 *
 * @throws InvalidImageError where the browser has no memory for it
 */
export function readPixels(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const rows = Math.min(height, Math.floor(MAX_CANVAS_PIXELS / width));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Sam2Error("InvalidImageError", `no canvas of ${width}×${rows} pixels could be made`);
  if (rows === height) {
    context.drawImage(bitmap, 0, 0);
    return { data: context.getImageData(0, 0, width, height).data, width, height };
  }
  const data = new Uint8ClampedArray(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, count);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    data.set(context.getImageData(0, 0, width, count).data, 4 * width * top);
  }
  return { data, width, height };
}

async function decodeBlob(source: Blob | string): Promise<ImageBitmap> {
  let blob = source;
  if (typeof blob === "string") {
    const address = blob;
    const response = await fetch(address).catch((cause: unknown) => {
      throw new Sam2Error("InvalidImageError", `${address}: could not be fetched`, { cause });
    });
    if (!response.ok)
      throw new Sam2Error("InvalidImageError", `${address}: expected a picture, got status ${response.status}`);
    blob = await response.blob();
  }
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (cause) {
    throw new Sam2Error("InvalidImageError", `expected a picture, got ${blob.size} bytes of "${blob.type}"`, { cause });
  }
}
