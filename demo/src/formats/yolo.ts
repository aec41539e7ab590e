/** YOLO segmentation labels (docs.ultralytics.com, "Instance Segmentation Datasets"). */
import { decodeRle, maskToPolygons } from "sam2-web";
import type { LabeledImage, ObjectClass, Project } from "../labels/annotations.ts";
import { joined } from "./join.ts";

/** How far outlines are simplified, in pixels: an object is one line of text, which should not get too long. */
const TOLERANCE = 0.5;

/** One line for each object: the class, from 0, and corners as fractions of the image's sides; pieces are joined. */
export function toYolo({ objects, width, height }: LabeledImage, classes: readonly ObjectClass[]): string {
  return objects
    .flatMap(({ className, rle }) => {
      const ring = joined(maskToPolygons(decodeRle(rle), { tolerance: TOLERANCE }));
      if (ring.length < 3) return [];
      const corners = ring.map(([x, y]) => `${(x / width).toFixed(6)} ${(y / height).toFixed(6)}`);
      return [`${classes.findIndex(({ name }) => name === className)} ${corners.join(" ")}\n`];
    })
    .join("");
}

/** data.yaml, beside the folders `images` and `labels`. */
export function toYoloDataset({ classes }: Project): string {
  const names = classes.map(({ name }, i) => `  ${i}: ${JSON.stringify(name)}\n`).join("");
  return `path: .\ntrain: images\nval: images\nnames:\n${names}`;
}
