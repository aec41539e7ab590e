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
 * @throws InvalidImageError where the browser has no memory for it
 */
export function readPixels(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Sam2Error("InvalidImageError", `no canvas of ${width}×${height} pixels could be made`);
  context.drawImage(bitmap, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height };
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

/**
 * One axis of a resize: output position i blends `counts[i]` inputs from `starts[i]` on. All weights
 * lie in one array, as whole multiples of 2^−`shift`.
 */
export interface Axis {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly shift: number;
}

/**
 * The antialiased bilinear filter of Pillow and torch for pictures of 8 bits: a triangle as wide as
 * the scale when shrinking, of half-width one when growing, normalised at the borders; weights are
 * rounded to 15 bits (torch, UpSampleKernel.cpp, `_compute_index_ranges_int16_weights`).
 */
export function triangleAxis(from: number, to: number): Axis {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const starts = new Int32Array(to);
  const rows = Array.from({ length: to }, (_, position) => {
    const centre = (position + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    starts[position] = first;
    const values = Array.from({ length: end - first }, (_, i) =>
      Math.max(0, 1 - Math.abs((first + i + 0.5 - centre) / support)),
    );
    const total = values.reduce((sum, value) => sum + value, 0);
    return values.map((value) => value / total);
  });
  const largest = rows.reduce((most, values) => Math.max(most, ...values), 0);
  let shift = 0;
  while (shift < 22 && Math.trunc(0.5 + largest * 2 ** (shift + 1)) < 2 ** 15) shift++;
  const weights = Int32Array.from(rows.flat(), (value) => Math.trunc(0.5 + value * 2 ** shift));
  return { starts, counts: Int32Array.from(rows, (values) => values.length), weights, shift };
}

/**
 * Stretches pixels to `size`×`size`, without keeping the aspect, as SAM 2 was trained.
 *
 * Columns are blended first and rows second, in whole numbers and each pass rounded to 8 bits: the
 * same pixels as the reference's, to the bit.
 *
 * @returns RGB [size,size,3]
 */
export function stretch({ data, width, height }: Pixels, size: number): Uint8ClampedArray {
  const narrow = blendColumns(data, height, triangleAxis(width, size), 4 * width);
  const { starts, counts, weights, shift } = triangleAxis(height, size);
  const result = new Uint8ClampedArray(3 * size * size);
  // weights add up to 2^shift, which is 2^22 at most: sums of 8-bit values fit into 31 bits
  const row = new Int32Array(3 * size);
  for (let y = 0, at = 0; y < size; y++) {
    row.fill(2 ** (shift - 1));
    for (let i = 0; i < (counts[y] as number); i++, at++) {
      const weight = weights[at] as number;
      const offset = ((starts[y] as number) + i) * row.length;
      for (let x = 0; x < row.length; x++) {
        row[x] = ((row[x] as number) + Math.imul(weight, narrow[offset + x] as number)) | 0;
      }
    }
    const target = y * row.length;
    for (let x = 0; x < row.length; x++) result[target + x] = (row[x] as number) >> shift;
  }
  return result;
}

/** RGB [n,3] of 8 bits → (x/255 − mean) / std, channels first [3,n]. */
export function normalise(rgb: Uint8ClampedArray, mean: readonly number[], std: readonly number[]): Float32Array {
  const plane = rgb.length / 3;
  const result = new Float32Array(rgb.length);
  for (let channel = 0; channel < 3; channel++) {
    const table = Float32Array.from(
      { length: 256 },
      (_, value) => (value / 255 - (mean[channel] as number)) / (std[channel] as number),
    );
    for (let i = 0, from = channel; i < plane; i++, from += 3) {
      result[channel * plane + i] = table[rgb[from] as number] as number;
    }
  }
  return result;
}

/** RGBA rows of `stride` bytes → RGB [height, axis, 3]. */
function blendColumns(data: Uint8ClampedArray, height: number, axis: Axis, stride: number): Uint8ClampedArray {
  const { starts, counts, weights, shift } = axis;
  const size = counts.length;
  const half = 2 ** (shift - 1);
  const result = new Uint8ClampedArray(height * size * 3);
  for (let y = 0, target = 0; y < height; y++) {
    const row = y * stride;
    let at = 0;
    for (let x = 0; x < size; x++, target += 3) {
      let from = row + 4 * (starts[x] as number);
      const end = at + (counts[x] as number);
      let red = half;
      let green = half;
      let blue = half;
      for (; at < end; at++, from += 4) {
        const weight = weights[at] as number;
        red = (red + Math.imul(weight, data[from] as number)) | 0;
        green = (green + Math.imul(weight, data[from + 1] as number)) | 0;
        blue = (blue + Math.imul(weight, data[from + 2] as number)) | 0;
      }
      result[target] = red >> shift;
      result[target + 1] = green >> shift;
      result[target + 2] = blue >> shift;
    }
  }
  return result;
}
