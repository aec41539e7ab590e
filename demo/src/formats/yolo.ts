/** YOLO segmentation labels (docs.ultralytics.com, "Instance Segmentation Datasets"). */
import { decodeRle, maskToPolygons } from "sam2-web";
import type { LabeledImage, ObjectClass, Project } from "../labels/annotations.ts";
import { joined } from "./join.ts";

/** How far an outline may be from its mask, in pixels: these files hold one line for each object. */
const TOLERANCE = 0.5;

/** One line for each object: the class, from 0, and the corners in shares of the image; holes and pieces joined. */
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

/** data.yaml beside the folders images and labels. */
export function toYoloDataset({ classes }: Project): string {
  const names = classes.map(({ name }, i) => `  ${i}: ${JSON.stringify(name)}\n`).join("");
  return `path: .\ntrain: images\nval: images\nnames:\n${names}`;
}
