/** From any kind of picture that a caller may give to its pixels. */
import { Sam2Error } from "sam2-contract";
import { checkSize, fetchPicture, IMAGE_FORMATS, MAX_PIXELS, noPicture, type Pixels, readImageHeader } from "sam2-core";

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

/** What a picture of another host needs. */
const CROSS_ORIGIN =
  'a picture that this page may read: from another host with the attribute crossorigin="anonymous", and CORS headers';

/** The most pixels of a canvas on iOS; a larger canvas stays blank, without an error. */
const MAX_CANVAS_PIXELS = 16_777_216;

/**
 * Prepares a picture for the worker, if possible without decoding it on the calling thread. Bitmaps and video
 * frames are copied, so the caller's own stays usable.
 *
 * @throws InvalidImageError if it is not a picture
 */
export async function toTransferable(source: ImageSource): Promise<TransferableImage> {
  if (source instanceof Blob) return source;
  if (source instanceof URL) return source.href;
  if (typeof source === "string") return absolute(source);
  let bitmap: ImageBitmap;
  try {
    if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) await source.decode();
    bitmap = await createImageBitmap(source);
  } catch (cause) {
    // a TypeError only lists what would have been one
    const reason = cause instanceof TypeError ? undefined : (cause as Error);
    throw noPicture(source, "a picture that the browser can read", reason);
  }
  // these are always the page's own
  const isOwn = source instanceof ImageData || (typeof VideoFrame !== "undefined" && source instanceof VideoFrame);
  if (isOwn || isReadable(bitmap)) return bitmap;
  bitmap.close();
  throw noPicture(source, CROSS_ORIGIN);
}

/**
 * Whether the page may read a bitmap's pixels, and so send it to a worker: not those of another host's picture that was
 * fetched without CORS, or of a canvas on which one was drawn.
 */
function isReadable(bitmap: ImageBitmap): boolean {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  context?.drawImage(bitmap, 0, 0, 1, 1, 0, 0, 1, 1);
  try {
    context?.getImageData(0, 0, 1, 1);
    return true;
  } catch {
    return false;
  }
}

/**
 * Decodes a picture; EXIF orientation is applied. The size in the file's header is checked first: a small file may
 * claim gigabytes of pixels.
 *
 * @param maxPixels the most pixels, width · height
 * @throws InvalidImageError if it is not a picture, has no pixels, or has too many
 */
export async function decodeImage(source: TransferableImage, maxPixels: number = MAX_PIXELS): Promise<ImageBitmap> {
  const bitmap = source instanceof ImageBitmap ? source : await decodeFile(source, maxPixels);
  try {
    checkSize(bitmap, maxPixels);
  } catch (error) {
    bitmap.close();
    throw error;
  }
  return bitmap;
}

/** @throws InvalidImageError */
function absolute(address: string): string {
  try {
    return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch (cause) {
    throw new Sam2Error("InvalidImageError", `expected the address of a picture, got ${address}`, { cause });
  }
}

/**
 * Reads a picture's RGBA pixels; transparency is laid over black, as a conversion to RGB does.
 *
 * A large picture is read in bands, each small enough for a canvas in every browser.
 *
 * @throws InvalidImageError if the browser cannot make a canvas for it
 */
export function readPixels(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const rows = Math.min(height, Math.floor(MAX_CANVAS_PIXELS / width));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Sam2Error("InvalidImageError", `no canvas of ${width}×${rows} pixels could be made`);
  try {
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
  } finally {
    // frees its pixels now: they are outside of the heap, and a collection may be far off
    canvas.width = canvas.height = 0;
  }
}

/** The file of a picture; null for pixels. @throws InvalidImageError if it cannot be fetched */
export async function fileOf(source: TransferableImage): Promise<Blob | null> {
  if (source instanceof ImageBitmap) return null;
  return typeof source === "string" ? fetchPicture(source) : source;
}

async function decodeFile(source: Blob | string, maxPixels: number): Promise<ImageBitmap> {
  const file = (await fileOf(source)) as Blob;
  const header = await readImageHeader(file);
  if (!header) {
    const got = `${file.size} bytes of "${file.type}"`;
    throw new Sam2Error("InvalidImageError", `expected a picture (${IMAGE_FORMATS}), got ${got}`);
  }
  checkSize(header, maxPixels);
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (cause) {
    const got = `one of ${header.width}×${header.height} that it cannot decode`;
    throw new Sam2Error("InvalidImageError", `expected a picture that the browser can decode, got ${got}`, { cause });
  }
}
