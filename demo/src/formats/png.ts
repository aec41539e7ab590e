/** Label pictures: one grey value for each class, as Pascal VOC's SegmentationClass counts them, or for one mask. */
import { encode } from "fast-png";
import { decodeRle, maskArea, type Rle } from "sam2-web";
import type { LabeledImage, ObjectClass } from "../annotations.ts";

/** 0 for the ground, the class's place from 1 for its objects; the smallest on top. */
export function toVocClasses({ objects, width, height }: LabeledImage, classes: readonly ObjectClass[]): Uint8Array {
  const data = new Uint8Array(width * height);
  const masks = objects.map(({ className, rle }) => {
    const mask = decodeRle(rle);
    return { mask, area: maskArea(mask), value: classes.findIndex(({ name }) => name === className) + 1 };
  });
  for (const { mask, value } of masks.sort((a, b) => b.area - a.area)) {
    for (let i = 0; i < data.length; i++) if (mask.data[i] === 1) data[i] = value;
  }
  return encode({ width, height, data, channels: 1, depth: 8 });
}

/** One mask, white on black. */
export function toMaskPng(rle: Rle): Uint8Array {
  const { data, width, height } = decodeRle(rle);
  return encode({ width, height, data: data.map((value) => 255 * value), channels: 1, depth: 8 });
}
