/**
 * labelme's JSON (wkentaro/labelme): a "polygon" shape if the mask is a single ring, else a "mask" shape. Flags, groups,
 * descriptions and shapes of other kinds are kept, and written again.
 */
import { decode, encode } from "fast-png";
import { decodeRle, encodeRle, type Mask, maskBox, maskToPolygons } from "sam2-web";
import type { LabeledImage, LabeledObject } from "../labels/annotations.ts";
import type { Detection } from "../labels/detections.ts";
import { type Fields, fieldsOf, foreignOf } from "../labels/foreign.ts";
import { fillPolygons } from "../masks/fill.ts";
import { shown } from "./errors.ts";
import {
  besides,
  boxesOf,
  entry,
  objectOf,
  onlyKept,
  pathBeside,
  projectOf,
  type ReadLabels,
  sizeOf,
} from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";
import { cropped } from "./rows.ts";

interface Shape {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
  readonly group_id: unknown;
  readonly description: unknown;
  readonly shape_type: "polygon" | "mask";
  readonly flags: unknown;
  /** Base64 of a PNG of the box: 0 and 1. */
  readonly mask: string | null;
}

/** The name that fields are kept under. */
const LABELME = "labelme";

/** The field in which the page says of what picture a file is, where that is in a folder: labelme keeps it. */
const OWN = "sam2-web";

/** What every shape has, where a file says nothing else. */
const NOTHING_SAID = { group_id: null, description: "", flags: {} } as const;

/** The content of the file beside the image. An object without pixels has no shape. */
export function toLabelme(image: LabeledImage): object {
  const { name, width, height, objects } = image;
  const { shapes: others = [], ...fields } = fieldsOf(image, LABELME) as { readonly shapes?: readonly unknown[] };
  const shapes = objects.flatMap((object): Shape[] => {
    const { className, rle } = object;
    const mask = decodeRle(rle);
    const polygons = maskToPolygons(mask);
    const [only] = polygons;
    if (!only) return [];
    const whole = polygons.length === 1 && only.holes.length === 0;
    const shared = { ...NOTHING_SAID, ...fieldsOf(object, LABELME), label: className };
    if (whole) return [{ ...shared, points: only.outer, shape_type: "polygon", mask: null }];
    return [{ ...shared, ...inItsBox(mask), shape_type: "mask" }];
  });
  return {
    version: "5.5.0",
    flags: {},
    ...fields,
    shapes: [...shapes, ...others],
    // relative to the JSON file, which is in the same folder
    imagePath: name.slice(name.lastIndexOf("/") + 1),
    imageData: null,
    imageHeight: height,
    imageWidth: width,
    ...(name.includes("/") && { [OWN]: { picture: name } }),
  };
}

/** The mask as a "mask" shape. labelme's box includes its last row and column. */
function inItsBox(mask: Mask): Pick<Shape, "points" | "mask"> {
  const [left, top, width, height] = maskBox(mask);
  const { data } = cropped(mask, [left, top, width, height]);
  const bytes = encode({ width, height, data, channels: 1, depth: 8 });
  return {
    points: [
      [left, top],
      [left + width - 1, top + height - 1],
    ],
    mask: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")),
  };
}

/** Other kinds of shapes that are areas. */
const AREAS = ["circle", "oriented_rectangle"];

/** Whether JSON is of this format. */
export function isLabelme(file: Record<string, unknown>): boolean {
  return Array.isArray(file.shapes) && "imagePath" in file;
}

/**
 * Reads polygons and masks; rectangles are boxes, shapes of other kinds are kept as they are.
 *
 * @param path of the file, which the picture's is relative to
 * @throws ImportError
 */
export function fromLabelme(path: string, file: Record<string, unknown>): ReadLabels {
  const size = sizeOf(file.imageWidth, file.imageHeight, "the image");
  const leftOut = new LeftOut();
  const boxes: Detection[] = [];
  const others: Fields[] = [];
  const objects = (file.shapes as unknown[]).flatMap((each, index): LabeledObject[] => {
    const shape = entry(each, "shapes");
    // of old versions, which knew polygons alone, it is not said
    const { label, points, shape_type = "polygon", mask } = shape;
    const what = `shape ${index + 1} of ${shown(file.imagePath)}`;
    const foreign = foreignOf(LABELME, saidOf(shape));
    if (shape_type === "rectangle") {
      boxes.push({
        className: String(label),
        score: null,
        shape: Array.isArray(points) ? points.flat().map(Number) : [],
        ...foreign,
      });
    } else if (shape_type !== "polygon" && shape_type !== "mask") {
      others.push(besides(shape));
      if (AREAS.includes(String(shape_type))) leftOut.add(what, onlyKept(String(shape_type)));
    }
    if (shape_type !== "polygon" && shape_type !== "mask") return [];
    const read = (): LabeledObject => {
      const corners = points as [number, number][];
      const rle =
        shape_type === "polygon"
          ? fillPolygons([corners.flat()], size.width, size.height)
          : encodeRle(fromItsBox(String(mask), corners, size));
      return { ...objectOf(String(label), rle), ...foreign };
    };
    return leftOut.list(what, read);
  });
  const fields = besides(file, "shapes", "imagePath", "imageData", "imageWidth", "imageHeight", "version", OWN);
  const said = isEmpty(fields.flags) ? besides(fields, "flags") : fields;
  const kept = foreignOf(LABELME, { ...said, ...(others.length > 0 && { shapes: others }) });
  const { picture } = (file[OWN] ?? {}) as { readonly picture?: unknown };
  const name = typeof picture === "string" ? picture : pathBeside(path, String(file.imagePath));
  const image = { name, ...size, objects, ...kept };
  return { project: projectOf([], [image]), boxes: boxesOf(image, boxes), leftOut: leftOut.lines };
}

/** What a shape says beyond what the page understands, and beyond what every shape has. */
function saidOf(shape: Fields): Fields {
  const fields = besides(shape, "label", "points", "shape_type", "mask");
  const said = Object.entries(fields).filter(([, value]) => value !== null && value !== "" && !isEmpty(value));
  return Object.fromEntries(said);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** The mask of a "mask" shape. @throws Error */
function fromItsBox(
  base64: string,
  [corner]: readonly (readonly [number, number])[],
  size: { readonly width: number; readonly height: number },
): Mask {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const { width, height, data, channels, depth } = decode(bytes);
  // values of fewer than 8 bits stand side by side in a byte, the first one highest; each row begins with a byte
  const inByte = Math.max(1, 8 / depth);
  const inRow = Math.ceil((width * channels) / inByte);
  const valueAt = (x: number, y: number): number => {
    const at = x * channels;
    const byte = data[y * inRow + Math.floor(at / inByte)] as number;
    return depth < 8 ? (byte >> (8 - depth * ((at % inByte) + 1))) & (2 ** depth - 1) : byte;
  };
  const [left = 0, top = 0] = (corner ?? []).map(Math.round);
  if (left < 0 || top < 0 || left + width > size.width || top + height > size.height) {
    throw new Error(`expected a mask in ${size.width}×${size.height}, got ${width}×${height} at ${left}, ${top}`);
  }
  const whole = new Uint8Array(size.width * size.height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (valueAt(x, y) > 0) whole[(top + y) * size.width + left + x] = 1;
    }
  }
  return { data: whole, ...size };
}
