/** PSD: the picture, and over it a layer for each object: its cut-out, named by its class. */
import { type Layer, type PixelData, writePsdUint8Array } from "ag-psd";
import { decodeRle, maskBox } from "sam2-web";
import type { LabeledImage, LabeledObject } from "../labels/annotations.ts";
import { ExportError } from "./errors.ts";

/** Pixels of a side; larger pictures would be of another format, PSB, which few tools read. */
const LONGEST = 30_000;

/**
 * The file. What an object's mask leaves out of its layer is transparent; an object that is hidden is a hidden layer. An object
 * without pixels has no layer.
 *
 * @param picture the picture's pixels, RGBA
 * @throws ExportError for a picture that is too large for the format
 */
export function toPsd({ name, width, height, objects }: LabeledImage, picture: PixelData): Uint8Array {
  if (Math.max(width, height) > LONGEST) {
    throw new ExportError(
      `PSD holds pictures of ${LONGEST} pixels a side at most, and ${name} has ${width}×${height}; choose cut-outs`,
    );
  }
  const layers = objects.flatMap((object): Layer[] => {
    const layer = layerOf(object, picture);
    return layer ? [layer] : [];
  });
  const background: Layer = { name: "Picture", imageData: picture };
  return writePsdUint8Array({ width, height, imageData: picture, children: [background, ...layers] });
}

function layerOf({ className, name, rle, hidden }: LabeledObject, picture: PixelData): Layer | null {
  const mask = decodeRle(rle);
  const [left, top, width, height] = maskBox(mask);
  if (width === 0) return null;
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (top + y) * mask.width + left + x;
      if (mask.data[from] === 1) data.set(picture.data.subarray(4 * from, 4 * from + 4), 4 * (y * width + x));
    }
  }
  const title = name === "" ? className : `${className}: ${name}`;
  return { name: title, left, top, hidden, imageData: { data, width, height } };
}
