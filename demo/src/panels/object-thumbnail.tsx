/** An object, cut from its picture. */

import { useEffect, useRef } from "react";
import { decodeRle, type Rle } from "sam2-web";

/** CSS pixels of its sides. */
const SIDE = 36;

/** The part of the picture around a mask, with all else faded. */
export function ObjectThumbnail({
  picture,
  rle,
  color,
}: {
  readonly picture: ImageBitmap | null;
  readonly rle: Rle;
  readonly color: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d", { willReadFrequently: true });
    const [height, width] = rle.size;
    if (!element || !context || !picture || picture.width !== width || picture.height !== height) return;
    const pixels = SIDE * Math.min(2, Math.ceil(devicePixelRatio));
    element.width = element.height = pixels;
    const { data } = decodeRle(rle);
    const box = boxOf(data, width, height);
    if (!box) return;
    // a square around the object, with some room
    const side = Math.max(box.right - box.left, box.bottom - box.top) * 1.15;
    const [left, top] = [(box.left + box.right - side) / 2, (box.top + box.bottom - side) / 2];
    context.drawImage(picture, left, top, side, side, 0, 0, pixels, pixels);
    const image = context.getImageData(0, 0, pixels, pixels);
    const tint = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) || 0);
    for (let y = 0; y < pixels; y++) {
      for (let x = 0; x < pixels; x++) {
        const [px, py] = [
          Math.floor(left + ((x + 0.5) / pixels) * side),
          Math.floor(top + ((y + 0.5) / pixels) * side),
        ];
        const isInside = px >= 0 && py >= 0 && px < width && py < height && data[py * width + px] === 1;
        if (isInside) continue;
        const at = 4 * (y * pixels + x);
        for (let channel = 0; channel < 3; channel++) {
          image.data[at + channel] = 0.25 * (image.data[at + channel] as number) + 0.3 * (tint[channel] as number);
        }
      }
    }
    context.putImageData(image, 0, 0);
  }, [picture, rle, color]);
  return <canvas ref={canvas} className="object-thumbnail" aria-hidden />;
}

function boxOf(data: Uint8Array, width: number, height: number) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(1);
    if (first < 0) continue;
    left = Math.min(left, first);
    right = Math.max(right, row.lastIndexOf(1) + 1);
    top = Math.min(top, y);
    bottom = y + 1;
  }
  return right > left ? { left, top, right, bottom } : null;
}
