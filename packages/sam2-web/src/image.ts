/** Any picture → the encoder's input tensor, as `Sam2Processor` makes it. */
import { Sam2Error } from "./errors.ts";

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

/** RGBA pixels, row-major, 8 bits each. */
export interface Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Longest side and largest area taken. */
export const MAX_SIDE = 16_384;
/** See `MAX_SIDE`. */
export const MAX_PIXELS = 50_000_000;

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
 * Decodes a picture to upright RGBA pixels; EXIF orientation is applied, and transparency is laid
 * over black, as a conversion to RGB does.
 *
 * @throws InvalidImageError for what is no picture, or has no pixels, or too many
 */
export async function decodeImage(source: TransferableImage, signal?: AbortSignal): Promise<Pixels> {
  const bitmap = source instanceof ImageBitmap ? source : await decodeBlob(source, signal);
  const { width, height } = bitmap;
  try {
    if (width === 0 || height === 0 || width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
      throw new Sam2Error(
        "InvalidImageError",
        `expected 1 to ${MAX_SIDE} pixels a side and at most ${MAX_PIXELS / 1e6} megapixels, got ${width}×${height}`,
      );
    }
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (!context) throw new Sam2Error("InvalidImageError", `no canvas of ${width}×${height} pixels could be made`);
    context.drawImage(bitmap, 0, 0);
    return { data: context.getImageData(0, 0, width, height).data, width, height };
  } finally {
    bitmap.close();
  }
}

async function decodeBlob(source: Blob | string, signal?: AbortSignal): Promise<ImageBitmap> {
  let blob = source;
  if (typeof blob === "string") {
    const address = blob;
    const response = await fetch(address, signal ? { signal } : {}).catch((cause: unknown) => {
      if (signal?.aborted) throw signal.reason;
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

/** Weights of one output position of a resize: consecutive inputs from `start`. */
interface Taps {
  readonly start: Int32Array;
  readonly weights: readonly Float32Array[];
}

/**
 * The antialiased bilinear filter of Pillow and torchvision: a triangle as wide as the scale when
 * shrinking, of half-width one when growing, normalised at the borders.
 */
function triangleTaps(from: number, to: number): Taps {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const start = new Int32Array(to);
  const weights: Float32Array[] = [];
  for (let position = 0; position < to; position++) {
    const centre = (position + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const values = Float32Array.from({ length: end - first }, (_, i) =>
      Math.max(0, 1 - Math.abs((first + i + 0.5 - centre) / support)),
    );
    const total = values.reduce((sum, value) => sum + value, 0);
    start[position] = first;
    weights.push(values.map((value) => value / total));
  }
  return { start, weights };
}

/**
 * Stretches pixels to `size`×`size` and normalises them: (x/255 − mean) / std, channels first.
 *
 * Rows are blended first, since they lie next to each other in memory; both passes accumulate in
 * float32 and the result is rounded to 8 bits, as the reference's picture is.
 *
 * @returns [3,size,size]
 */
export function toTensor(pixels: Pixels, size: number, mean: readonly number[], std: readonly number[]): Float32Array {
  const { data, width, height } = pixels;
  const vertical = triangleTaps(height, size);
  const horizontal = triangleTaps(width, size);
  const result = new Float32Array(3 * size * size);
  const row = new Float32Array(4 * width);
  const plane = size * size;
  // (x/255 − mean) / std for each of the 256 values of each channel
  const table = [0, 1, 2].map((channel) =>
    Float32Array.from(
      { length: 256 },
      (_, value) => (value / 255 - (mean[channel] as number)) / (std[channel] as number),
    ),
  ) as [Float32Array, Float32Array, Float32Array];
  const [reds, greens, blues] = table;
  for (let y = 0; y < size; y++) {
    row.fill(0);
    const rowWeights = vertical.weights[y] as Float32Array;
    const firstRow = vertical.start[y] as number;
    for (let i = 0; i < rowWeights.length; i++) {
      const weight = rowWeights[i] as number;
      const offset = (firstRow + i) * 4 * width;
      for (let x = 0; x < row.length; x++) row[x] = (row[x] as number) + weight * (data[offset + x] as number);
    }
    for (let x = 0; x < size; x++) {
      const weights = horizontal.weights[x] as Float32Array;
      let at = 4 * (horizontal.start[x] as number);
      let [red, green, blue] = [0.5, 0.5, 0.5];
      for (let i = 0; i < weights.length; i++, at += 4) {
        const weight = weights[i] as number;
        red += weight * (row[at] as number);
        green += weight * (row[at + 1] as number);
        blue += weight * (row[at + 2] as number);
      }
      const target = y * size + x;
      result[target] = reds[red | 0] as number;
      result[plane + target] = greens[green | 0] as number;
      result[2 * plane + target] = blues[blue | 0] as number;
    }
  }
  return result;
}
