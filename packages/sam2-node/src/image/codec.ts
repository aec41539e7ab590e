/** Picture files and their pixels, by sharp. */
import type { PictureCodec } from "sam2-hosted/node";
import sharp from "sharp";
import { decodeImage } from "./source.ts";

/** Reads and writes picture files for the hosted APIs. */
export const sharpCodec: PictureCodec = {
  decode: (picture) => decodeImage(picture),
  async encode({ data, width, height }, { type, quality }) {
    const raw = sharp(data, { raw: { width, height, channels: 4 } }).removeAlpha();
    const written = type === "image/png" ? raw.png() : raw.jpeg({ quality: Math.round(100 * (quality ?? 0.92)) });
    return new Blob([new Uint8Array(await written.toBuffer())], { type });
  },
};
