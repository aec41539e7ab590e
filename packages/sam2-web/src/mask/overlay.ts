/** Draws masks, points and boxes over the picture; cut-outs and mask pictures. */
import { Sam2Error } from "sam2-contract";
import { type Color, checkSameSize, type Mask, maskBox, maskColor, tintMask } from "sam2-core";

/** A picture that a canvas can draw. */
export type DrawablePicture = ImageBitmap | HTMLCanvasElement | OffscreenCanvas | HTMLImageElement;

/** What to draw. */
export interface Overlay {
  /** Masks of the picture's size; later ones are drawn over earlier ones. */
  readonly masks: readonly Mask[];
  /** x, y in pixels, and whether the point is on the object. */
  readonly points?: readonly { readonly x: number; readonly y: number; readonly positive: boolean }[] | undefined;
  /** x1, y1, x2, y2 in pixels. */
  readonly boxes?: readonly (readonly [number, number, number, number])[] | undefined;
  /** Opacity of the filling, 0.45 by default. */
  readonly opacity?: number | undefined;
  /** Colors of the masks; `maskColor` of their place in the list by default. */
  readonly colors?: readonly Color[] | undefined;
  /** Width of the masks' opaque edge in pixels; by default one for every 600 of the longer side. 0 draws none. */
  readonly edge?: number | undefined;
}

/** Pixels of a picture: an `<img>` is often shown smaller or larger than it is. */
function sizeOf(picture: DrawablePicture): { readonly width: number; readonly height: number } {
  return "naturalWidth" in picture ? { width: picture.naturalWidth, height: picture.naturalHeight } : picture;
}

/** A canvas that can be drawn on. @throws InvalidImageError where the browser has none of this size */
function canvasOf(width: number, height: number): [OffscreenCanvas, OffscreenCanvasRenderingContext2D] {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context || isBlankForEver(context, width, height)) {
    throw new Sam2Error(
      "InvalidImageError",
      `expected a size that this browser has canvases for, got ${width}×${height}; on iOS the limit is 16777216 pixels`,
    );
  }
  return [canvas, context];
}

/** Whether drawing has no effect: the only sign of a canvas that is too large for the browser. */
function isBlankForEver(context: OffscreenCanvasRenderingContext2D, width: number, height: number): boolean {
  context.fillRect(width - 1, height - 1, 1, 1);
  const isBlank = context.getImageData(width - 1, height - 1, 1, 1).data[3] === 0;
  context.clearRect(width - 1, height - 1, 1, 1);
  return isBlank;
}

/**
 * Draws an overlay at the size of the picture.
 *
 * @returns a canvas, to be shown, or turned into something else by `exportCanvas`
 * @throws InvalidMaskError for a mask of another size
 * @throws InvalidImageError where the browser has no canvas as large as the picture
 *
 * @example
 * ```ts
 * const picture = await createImageBitmap(file);
 * const canvas = drawOverlay(picture, { masks: [result.mask()], points: [{ x: 500, y: 375, positive: true }] });
 * const png = await exportCanvas(canvas, "blob");
 * ```
 */
export function drawOverlay(picture: DrawablePicture, overlay: Overlay): OffscreenCanvas {
  const size = sizeOf(picture);
  const { width, height } = size;
  for (const mask of overlay.masks) checkSameSize(mask, size);
  const [canvas, context] = canvasOf(width, height);
  context.drawImage(picture, 0, 0, width, height);
  const unit = Math.max(1, Math.round(Math.max(width, height) / 600));
  if (overlay.masks.length > 0) {
    const image = context.getImageData(0, 0, width, height);
    for (const [index, mask] of overlay.masks.entries()) {
      const color = overlay.colors?.[index] ?? maskColor(index);
      tintMask(image.data, mask, color, overlay.opacity ?? 0.45, overlay.edge ?? unit);
    }
    context.putImageData(image, 0, 0);
  }
  for (const [x1, y1, x2, y2] of overlay.boxes ?? []) {
    for (const [style, extra] of [
      ["#ffffff", 2],
      ["#1d4ed8", 0],
    ] as const) {
      context.strokeStyle = style;
      context.lineWidth = unit * (2 + extra);
      context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    }
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

/**
 * The object alone, on a transparent background.
 *
 * @param crop whether the result is only as large as the object's box; `true` by default
 * @throws InvalidMaskError for a mask of another size, or an empty one that is to be cropped
 * @throws InvalidImageError where the browser has no canvas as large as that
 *
 * @example
 * ```ts
 * const picture = await createImageBitmap(file);
 * const png = await exportCanvas(cutOut(picture, result.mask()), "blob"); // as large as the object's box
 * ```
 */
export function cutOut(picture: DrawablePicture, mask: Mask, crop = true): OffscreenCanvas {
  checkSameSize(mask, sizeOf(picture));
  const [left, top, width, height] = crop ? maskBox(mask) : [0, 0, mask.width, mask.height];
  if (width === 0 || height === 0)
    throw new Sam2Error("InvalidMaskError", "expected a mask to cut out, got an empty one");
  const [canvas, context] = canvasOf(width, height);
  context.drawImage(picture, -left, -top, mask.width, mask.height);
  const image = context.getImageData(0, 0, width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (mask.data[(top + y) * mask.width + left + x] === 0)
        image.data.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 4);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/**
 * The mask as pixels: white on black, or in a color on a transparent ground.
 *
 * @example
 * ```ts
 * context.putImageData(maskPixels(result.mask(), [255, 0, 128]), 0, 0);
 * ```
 */
export function maskPixels({ data, width, height }: Mask, color?: Color): ImageData {
  const image = new ImageData(width, height);
  const [red, green, blue] = color ?? [255, 255, 255];
  // RGBA as one number, as the little-endian machines that have browsers read it
  const inside = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const outside = color ? 0 : 0xff000000;
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < data.length; i++) words[i] = data[i] ? inside : outside;
  return image;
}

/**
 * The mask as a picture: white on black, or in a color on a transparent ground.
 *
 * @throws InvalidImageError where the browser has no canvas as large as the mask
 *
 * @example
 * ```ts
 * const png = await exportCanvas(drawMask(result.mask()), "blob");
 * ```
 */
export function drawMask(mask: Mask, color?: Color): OffscreenCanvas {
  const [canvas, context] = canvasOf(mask.width, mask.height);
  context.putImageData(maskPixels(mask, color), 0, 0);
  return canvas;
}

/** Formats that a canvas can be written in. */
export interface CanvasFormat {
  /** `image/png` by default. */
  readonly type?: "image/png" | "image/jpeg" | "image/webp" | undefined;
  /** 0 to 1, for JPEG and WebP. */
  readonly quality?: number | undefined;
}

/**
 * A canvas as a Blob, as a data URL, or as a bitmap.
 *
 * @example
 * ```ts
 * const jpeg = await exportCanvas(drawMask(result.mask()), "blob", { type: "image/jpeg", quality: 0.9 });
 * ```
 */
export function exportCanvas(canvas: OffscreenCanvas, as: "blob", format?: CanvasFormat): Promise<Blob>;
/** A canvas as a data URL. */
export function exportCanvas(canvas: OffscreenCanvas, as: "data-url", format?: CanvasFormat): Promise<string>;
/** A canvas as a bitmap. */
export function exportCanvas(canvas: OffscreenCanvas, as: "bitmap"): Promise<ImageBitmap>;
export async function exportCanvas(
  canvas: OffscreenCanvas,
  as: "blob" | "data-url" | "bitmap",
  { type = "image/png", quality }: CanvasFormat = {},
): Promise<Blob | string | ImageBitmap> {
  if (as === "bitmap") return createImageBitmap(canvas);
  const blob = await canvas.convertToBlob(quality === undefined ? { type } : { type, quality });
  return as === "blob" ? blob : toDataUrl(blob);
}

/**
 * A Blob as a data URL.
 *
 * @example
 * ```ts
 * const image_url = await toDataUrl(file); // data:image/jpeg;base64,…
 * ```
 */
export function toDataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
