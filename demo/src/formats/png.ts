/** Gray PNGs: one value for each class, numbered as in Pascal VOC's SegmentationClass; or a single mask. */
import { encode } from "fast-png";
import { decodeRle, maskArea, type Rle } from "sam2-web";
import type { LabeledImage, ObjectClass } from "../labels/annotations.ts";
import { ExportError } from "./errors.ts";

/** Gray values available for classes: 0 is the background, and VOC ignores pixels with 255. */
const VOC_CLASSES = 254;

/** Characters that some reader of labelmap.txt takes for the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: readers in Python end lines at these as well
const LINE_END = /[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

/**
 * labelmap.txt, beside the folder of PNGs: one line for each gray value, the background first.
 *
 * @throws ExportError if there are more classes than gray values, or a name has a line break
 */
export function toVocLabelMap(classes: readonly ObjectClass[]): string {
  if (classes.length > VOC_CLASSES) {
    throw new ExportError(
      `Pascal VOC holds ${VOC_CLASSES} classes at most, and there are ${classes.length}; choose COCO, which has no limit`,
    );
  }
  const broken = classes.find(({ name }) => LINE_END.test(name));
  if (broken) {
    throw new ExportError(
      `Pascal VOC has a line for each class, and ${JSON.stringify(broken.name)} has a line break; rename that class`,
    );
  }
  return ["background", ...classes.map(({ name }) => name)].join("\n");
}

/** 0 for the background, the class's number (from 1) for its objects; smaller objects are on top. */
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
