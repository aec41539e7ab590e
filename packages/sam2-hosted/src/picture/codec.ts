/** Picture files and their pixels, as a platform reads and writes them. */
import { type Mask, maskColor, type Pixels, tintMask } from "sam2-core";

/** How a picture is written. */
export interface PictureFormat {
  readonly type: "image/png" | "image/jpeg";
  /** 0 to 1, for JPEG. */
  readonly quality?: number | undefined;
}

/** Reads and writes picture files. */
export interface PictureCodec {
  /** RGBA, upright. */
  decode(picture: Blob): Promise<Pixels>;
  /** @throws InvalidImageError for more pixels than the platform can write */
  encode(pixels: Pixels, format: PictureFormat): Promise<Blob>;
}

/** Black, as the four bytes of a pixel in the order of little-endian memory. */
const OPAQUE = 0xff000000;

/** Black pixels. */
export function blackPixels(width: number, height: number): Pixels {
  const data = new Uint8ClampedArray(4 * width * height);
  new Uint32Array(data.buffer).fill(OPAQUE);
  return { data, width, height };
}

/** Fills a mask with a color. */
export function fillMask({ data }: Pixels, mask: Mask, [red, green, blue]: readonly number[]): void {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
  const color = (OPAQUE | ((blue as number) << 16) | ((green as number) << 8) | (red as number)) >>> 0;
  for (let at = 0; at < words.length; at++) if (mask.data[at]) words[at] = color;
}

/** A mask, white on black. */
export function maskPicture(mask: Mask): Pixels {
  const pixels = blackPixels(mask.width, mask.height);
  fillMask(pixels, mask, [255, 255, 255]);
  return pixels;
}

/** Lays a mask over its picture. */
export function overlayMask(pixels: Pixels, mask: Mask): void {
  const edge = Math.max(1, Math.round(Math.max(mask.width, mask.height) / 600));
  tintMask(pixels.data as Uint8ClampedArray, mask, maskColor(0), 0.45, edge);
}

/** A file as base64. */
export async function toBase64(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  // an argument for each byte: more of them than this would not fit the stack
  for (let at = 0; at < bytes.length; at += 2 ** 15) text += String.fromCharCode(...bytes.subarray(at, at + 2 ** 15));
  return btoa(text);
}
