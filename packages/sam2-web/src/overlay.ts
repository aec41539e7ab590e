/** Draws masks, points and a box over the picture, as a person would want to see them. */
import type { Mask } from "./mask.ts";

/** What to draw. */
export interface Overlay {
  /** Of the picture's size; each has a colour of its own. */
  readonly masks: readonly Mask[];
  /** x, y in pixels, and whether the point is on the object. */
  readonly points?: readonly { readonly x: number; readonly y: number; readonly positive: boolean }[] | undefined;
  /** x1, y1, x2, y2 in pixels. */
  readonly boxes?: readonly (readonly [number, number, number, number])[] | undefined;
  /** Opacity of the filling, 0.45 by default; the edge is always opaque. */
  readonly opacity?: number | undefined;
}

/** Hues a golden angle apart: neighbours in the list differ most. */
export function maskColour(index: number): readonly [number, number, number] {
  const hue = (210 + index * 137.508) % 360;
  const channel = (shift: number): number => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (0.56 - 0.42 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Blends the masks into RGBA pixels; each mask has an edge `edge` pixels wide. */
function blend(
  pixels: Uint8ClampedArray,
  width: number,
  height: number,
  masks: readonly Mask[],
  opacity: number,
  edge: number,
): void {
  for (const [index, { data }] of masks.entries()) {
    const colour = maskColour(index);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = y * width + x;
        if (data[at] === 0) continue;
        const inner =
          x >= edge &&
          y >= edge &&
          x < width - edge &&
          y < height - edge &&
          data[at - edge] === 1 &&
          data[at + edge] === 1 &&
          data[at - edge * width] === 1 &&
          data[at + edge * width] === 1;
        const share = inner ? opacity : 1;
        for (let c = 0; c < 3; c++) {
          pixels[4 * at + c] = (pixels[4 * at + c] as number) * (1 - share) + (colour[c] as number) * share;
        }
      }
    }
  }
}

/**
 * Draws an overlay at the size of the picture.
 *
 * @param picture anything a canvas can draw, of the masks' size
 * @returns a canvas, to be shown or turned into a Blob
 */
export function drawOverlay(
  picture: ImageBitmap | HTMLCanvasElement | OffscreenCanvas | HTMLImageElement,
  overlay: Overlay,
): OffscreenCanvas {
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new RangeError(`no canvas of ${width}×${height} pixels could be made`);
  context.drawImage(picture, 0, 0, width, height);
  const unit = Math.max(1, Math.round(Math.max(width, height) / 600));
  const image = context.getImageData(0, 0, width, height);
  blend(image.data, width, height, overlay.masks, overlay.opacity ?? 0.45, unit);
  context.putImageData(image, 0, 0);
  const outlined = (draw: () => void, colour: string): void => {
    for (const [style, extra] of [
      ["#ffffff", 2],
      [colour, 0],
    ] as const) {
      context.strokeStyle = style;
      context.lineWidth = unit * (2 + extra);
      draw();
    }
  };
  for (const [x1, y1, x2, y2] of overlay.boxes ?? []) {
    outlined(() => context.strokeRect(x1, y1, x2 - x1, y2 - y1), "#1d4ed8");
  }
  for (const { x, y, positive } of overlay.points ?? []) {
    context.beginPath();
    context.arc(x, y, unit * 5, 0, 2 * Math.PI);
    context.fillStyle = positive ? "#16a34a" : "#dc2626";
    context.fill();
    context.lineWidth = unit * 2;
    context.strokeStyle = "#ffffff";
    context.stroke();
  }
  return canvas;
}
