/** Colors of masks, and masks laid over a picture's pixels. */
import { type Mask, maskBox } from "./mask.ts";

/** R, G and B, 0 to 255. */
export type Color = readonly [number, number, number];

/**
 * Colors with hues a golden angle apart, so that colors next to each other in the list differ clearly.
 *
 * @example
 * ```ts
 * const [red, green, blue] = maskColor(0);
 * ```
 */
export function maskColor(index: number): Color {
  const hue = (210 + index * 137.508) % 360;
  const channel = (shift: number): number => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (0.56 - 0.42 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/**
 * Blends a mask into the RGBA pixels of its picture.
 *
 * @param opacity of the inside, 0 to 1
 * @param edge width of the opaque edge in pixels; 0 draws none
 */
export function tintMask(pixels: Uint8ClampedArray, mask: Mask, color: Color, opacity: number, edge: number): void {
  const { data, width, height } = mask;
  const [left, top, boxWidth, boxHeight] = maskBox(mask);
  for (let y = top; y < top + boxHeight; y++) {
    for (let x = left; x < left + boxWidth; x++) {
      const at = y * width + x;
      if (data[at] === 0) continue;
      const inner =
        edge === 0 ||
        (x >= edge &&
          y >= edge &&
          x < width - edge &&
          y < height - edge &&
          data[at - edge] === 1 &&
          data[at + edge] === 1 &&
          data[at - edge * width] === 1 &&
          data[at + edge * width] === 1);
      const share = inner ? opacity : 1;
      for (let c = 0; c < 3; c++) {
        pixels[4 * at + c] = (pixels[4 * at + c] as number) * (1 - share) + (color[c] as number) * share;
      }
    }
  }
}
