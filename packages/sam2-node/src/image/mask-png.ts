/** Masks as PNG files. */
import type { LabelMap, Mask } from "sam2-core";
import sharp from "sharp";

/** A mask as an 8-bit PNG, 255 where the object is and 0 elsewhere. */
export async function maskPng({ data, width, height }: Mask): Promise<Uint8Array> {
  const pixels = Uint8Array.from(data, (value) => 255 * value);
  return sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColorspace("b-w")
    .png()
    .toBuffer();
}

/** A label map as a PNG, of 8 bits where its labels fit in them, else of 16. */
export async function labelMapPng({ data, width, height }: LabelMap): Promise<Uint8Array> {
  const isSmall = data.every((label) => label < 256);
  return sharp(isSmall ? Uint8Array.from(data) : data, { raw: { width, height, channels: 1 } })
    .toColorspace(isSmall ? "b-w" : "grey16")
    .png()
    .toBuffer();
}
