/** The picture with masks, points and boxes over it, as a PNG; the browser's `drawOverlay` draws the same. */
import { type Mask, maskColor, tintMask } from "sam2-core";
import sharp from "sharp";
import { decodeImage } from "../image/source.ts";

/** What to draw. */
export interface Drawing {
  readonly masks: readonly Mask[];
  /** x, y in pixels, and whether the point is on the object. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly positive: boolean }[];
  /** x1, y1, x2, y2 in pixels. */
  readonly boxes: readonly (readonly number[])[];
}

/** Draws an overlay at the size of the picture. */
export async function overlayPng(image: string, { masks, points, boxes }: Drawing): Promise<Uint8Array> {
  const { data, width, height } = await decodeImage(image);
  const unit = Math.max(1, Math.round(Math.max(width, height) / 600));
  for (const [index, mask] of masks.entries()) tintMask(data, mask, maskColor(index), 0.45, unit);
  const rectangle = ([x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[], color: string, line: number): string =>
    `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${color}" stroke-width="${line}"/>`;
  const marks = [
    ...boxes.flatMap((box) => [rectangle(box, "#ffffff", 4 * unit), rectangle(box, "#1d4ed8", 2 * unit)]),
    ...points.map(({ x, y, positive }) => {
      const fill = positive ? "#16a34a" : "#dc2626";
      return `<circle cx="${x}" cy="${y}" r="${5 * unit}" fill="${fill}" stroke="#ffffff" stroke-width="${2 * unit}"/>`;
    }),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks.join("")}</svg>`;
  return sharp(data, { raw: { width, height, channels: 4 } })
    .composite(marks.length > 0 ? [{ input: Buffer.from(svg) }] : [])
    .removeAlpha()
    .png()
    .toBuffer();
}
