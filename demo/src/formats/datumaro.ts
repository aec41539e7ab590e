/** Datumaro's JSON (open-edge-platform/datumaro): masks as COCO RLE, exact; names, order and lock as attributes. */
import { expandRuns, type Rle } from "sam2-web";
import { type LabeledObject, newObject, type Project } from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { distinct } from "../labels/names.ts";
import { fillPolygons } from "../masks/fill.ts";
import { ImportError, shown } from "./errors.ts";
import { boxesOf, entry, projectOf, type ReadImage, type ReadLabels, sizeOf } from "./labels-file.ts";

/** The content of `annotations/default.json`. */
export function toDatumaro({ classes, images }: Project): object {
  const labelOf = new Map(classes.map(({ name }, i) => [name, i]));
  const names = distinct(images.map(({ name }) => name));
  let id = 0;
  return {
    dm_format_version: "1.0",
    media_type: 2,
    infos: {},
    categories: {
      label: { labels: classes.map(({ name }) => ({ name, parent: "", attributes: [] })), attributes: [] },
      mask: {
        colormap: classes.map(({ color }, label_id) => {
          const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
          return { label_id, r, g, b };
        }),
      },
    },
    items: images.map(({ width, height, objects }, i) => {
      const name = names[i] as string;
      return {
        id: name.replace(/\.[^./]*$/, ""),
        annotations: objects.map(({ className, rle, name: title }, z_order) => ({
          id: id++,
          type: "mask",
          attributes: title === "" ? {} : { name: title },
          group: 0,
          label_id: labelOf.get(className) ?? 0,
          rle: { counts: rle.counts, size: rle.size },
          z_order,
        })),
        attr: {},
        image: { path: name, size: [height, width] },
      };
    }),
  };
}

/** Whether JSON is of this format. */
export function isDatumaro(file: Record<string, unknown>): boolean {
  return Array.isArray(file.items) && typeof file.categories === "object";
}

/** Reads masks and polygons; boxes too. @throws ImportError */
export function fromDatumaro(file: Record<string, unknown>): ReadLabels {
  const { label } = entry(file.categories, "categories") as { label?: { labels?: unknown } };
  const labels = label?.labels;
  if (!Array.isArray(labels)) throw new ImportError("categories: expected a list of labels");
  const classes = labels.map((each) => String(entry(each, "labels").name));
  const boxes: DetectedImage[] = [];
  const images = (file.items as unknown[]).map((each): ReadImage => {
    const item = entry(each, "items");
    const image = entry(item.image, `item ${shown(item.id)}: image`);
    const [height, width] = Array.isArray(image.size) ? image.size : [];
    const size = sizeOf(width, height, `item ${shown(item.id)}`);
    const objects: LabeledObject[] = [];
    const detections: Detection[] = [];
    for (const given of Array.isArray(item.annotations) ? item.annotations : []) {
      const annotation = entry(given, "annotations");
      const { id, type, label_id, attributes } = annotation;
      const className = classes[label_id as number];
      if (type === "bbox" && Array.isArray(annotation.bbox)) {
        const [x = 0, y = 0, wide = 0, high = 0] = annotation.bbox.map(Number);
        const score = (attributes as { score?: unknown } | undefined)?.score;
        const shape = [x, y, x + wide, y + high];
        detections.push({ className: className ?? "object", score: typeof score === "number" ? score : null, shape });
      }
      if (type !== "mask" && type !== "polygon") continue;
      if (className === undefined)
        throw new ImportError(`annotation ${shown(id)}: there is no label ${shown(label_id)}`);
      try {
        const object = newObject(className, segmentation(annotation, size));
        const name = (attributes as { name?: unknown } | undefined)?.name;
        objects.push(typeof name === "string" ? { ...object, name } : object);
      } catch (error) {
        throw new ImportError(`annotation ${shown(id)}: ${(error as Error).message}`);
      }
    }
    const read = { name: String(image.path ?? item.id), ...size, objects };
    boxes.push(...boxesOf(read, detections));
    return read;
  });
  return { project: projectOf(classes, images), boxes };
}

function segmentation(annotation: Record<string, unknown>, { width, height }: { width: number; height: number }): Rle {
  if (annotation.type === "polygon") return fillPolygons([annotation.points as number[]], width, height);
  const { counts, size } = entry(annotation.rle, "rle");
  const [h, w] = Array.isArray(size) ? size : [];
  if (typeof counts !== "string" || h !== height || w !== width) {
    throw new Error(`expected an RLE of ${width}×${height}, got one of ${shown(w)}×${shown(h)}`);
  }
  const rle: Rle = { size: [height, width], counts };
  expandRuns(rle);
  return rle;
}
