/** labelme's JSON (wkentaro/labelme): a "polygon" shape if the mask is a single ring, else a "mask" shape. */
import { encode } from "fast-png";
import { decodeRle, type Mask, maskBox, maskToPolygons } from "sam2-web";
import type { LabeledImage } from "../labels/annotations.ts";

interface Shape {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
  readonly group_id: null;
  readonly description: "";
  readonly shape_type: "polygon" | "mask";
  readonly flags: Record<string, never>;
  /** Base64 of a PNG of the box: 0 and 1. */
  readonly mask: string | null;
}

/** The content of the file beside the image. An object without pixels has no shape. */
export function toLabelme({ name, width, height, objects }: LabeledImage): object {
  const shapes = objects.flatMap(({ className, rle }): Shape[] => {
    const mask = decodeRle(rle);
    const polygons = maskToPolygons(mask);
    const [only] = polygons;
    if (!only) return [];
    const whole = polygons.length === 1 && only.holes.length === 0;
    const shared = { label: className, group_id: null, description: "", flags: {} } as const;
    if (whole) return [{ ...shared, points: only.outer, shape_type: "polygon", mask: null }];
    return [{ ...shared, ...inItsBox(mask), shape_type: "mask" }];
  });
  return {
    version: "5.5.0",
    flags: {},
    shapes,
    // relative to the JSON file, which is in the same folder
    imagePath: name.slice(name.lastIndexOf("/") + 1),
    imageData: null,
    imageHeight: height,
    imageWidth: width,
  };
}

/** The mask as a "mask" shape. labelme's box includes its last row and column. */
function inItsBox(mask: Mask): Pick<Shape, "points" | "mask"> {
  const [left, top, width, height] = maskBox(mask);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * mask.width + left;
    data.set(mask.data.subarray(from, from + width), y * width);
  }
  const bytes = encode({ width, height, data, channels: 1, depth: 8 });
  return {
    points: [
      [left, top],
      [left + width - 1, top + height - 1],
    ],
    mask: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")),
  };
}
