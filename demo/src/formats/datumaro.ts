/**
 * Datumaro's JSON (open-edge-platform/datumaro): masks as COCO RLE, exact; names as attributes. Other attributes, groups,
 * and annotations of other kinds are kept, and written again.
 */
import { expandRuns, type Rle } from "sam2-web";
import type { LabeledObject, Project } from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { type Fields, type Foreign, fieldsOf, foreignOf } from "../labels/foreign.ts";
import { distinct } from "../labels/names.ts";
import { fillPolygons } from "../masks/fill.ts";
import { ImportError, shown } from "./errors.ts";
import {
  besides,
  boxesOf,
  entry,
  objectOf,
  projectOf,
  type ReadImage,
  type ReadLabels,
  sizeOf,
} from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

/** The name that fields are kept under. */
const DATUMARO = "datumaro";

/** The content of `annotations/default.json`. */
export function toDatumaro(project: Project): object {
  const { classes, images } = project;
  const { categories, ...fields } = fieldsOf(project, DATUMARO);
  const { labels: ofLabels, ...ofCategories } = (categories ?? {}) as { readonly labels?: Fields };
  const labelOf = new Map(classes.map(({ name }, i) => [name, i]));
  const names = distinct(images.map(({ name }) => name));
  let id = 0;
  return {
    dm_format_version: "1.0",
    media_type: 2,
    infos: {},
    ...fields,
    categories: {
      ...relabeled(ofCategories, ({ label, ...item }) => ({ ...item, label_id: labelOf.get(label as string) ?? null })),
      label: {
        attributes: [],
        ...ofLabels,
        labels: classes.map((each) => ({ parent: "", attributes: [], ...fieldsOf(each, DATUMARO), name: each.name })),
      },
      mask: {
        colormap: classes.map(({ color }, label_id) => {
          const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
          return { label_id, r, g, b };
        }),
      },
    },
    items: images.map((image, i) => {
      const { width, height, objects } = image;
      const name = names[i] as string;
      const { annotations: others = [], ...ofItem } = fieldsOf(image, DATUMARO) as { annotations?: readonly Other[] };
      const written = objects.map((object, z_order) => {
        const { attributes, ...said } = fieldsOf(object, DATUMARO);
        return {
          group: 0,
          ...said,
          id: id++,
          type: "mask",
          attributes: { ...(attributes as Fields), ...(object.name !== "" && { name: object.name }) },
          label_id: labelOf.get(object.className) ?? 0,
          rle: { counts: object.rle.counts, size: object.rle.size },
          z_order,
        };
      });
      return {
        attr: {},
        ...ofItem,
        id: name.replace(/\.[^./]*$/, ""),
        annotations: [
          ...written,
          ...others.map(({ label, ...other }) => ({ ...other, id: id++, label_id: labelOf.get(label ?? "") ?? null })),
        ],
        image: { path: name, size: [height, width] },
      };
    }),
  };
}

/** An annotation of a kind that the page does not understand; its class by its name, since numbers change. */
type Other = Fields & { readonly label?: string };

/** Categories besides labels; those that name a label by its number name it by its name instead, or the other way around. */
function relabeled(categories: Fields, rename: (item: Fields) => Fields): Fields {
  const of = (category: unknown): unknown => {
    const { items } = (category ?? {}) as { readonly items?: unknown };
    return Array.isArray(items)
      ? { ...(category as Fields), items: items.map((item) => rename(entry(item, "items"))) }
      : category;
  };
  return Object.fromEntries(Object.entries(categories).map(([name, category]) => [name, of(category)]));
}

/** Whether JSON is of this format. */
export function isDatumaro(file: Record<string, unknown>): boolean {
  return Array.isArray(file.items) && typeof file.categories === "object";
}

/** Reads masks and polygons; boxes too. @throws ImportError */
export function fromDatumaro(file: Record<string, unknown>): ReadLabels {
  const categories = entry(file.categories, "categories") as { label?: { labels?: unknown } };
  const labels = categories.label?.labels;
  if (!Array.isArray(labels)) throw new ImportError("categories: expected a list of labels");
  const classes = labels.map((each) => String(entry(each, "labels").name));
  const ofClasses = new Map<string, Foreign>();
  for (const each of labels) {
    const { foreign } = foreignOf(DATUMARO, saidOf(besides(each as Fields, "name")));
    if (foreign) ofClasses.set(String((each as Fields).name), foreign);
  }
  const leftOut = new LeftOut();
  const boxes: DetectedImage[] = [];
  const images = (file.items as unknown[]).flatMap((each): ReadImage[] => {
    const item = entry(each, "items");
    const image = leftOut.try(`item ${shown(item.id)}`, () => {
      const { path, size } = entry(item.image, "image");
      const [height, width] = Array.isArray(size) ? size : [];
      return { path, size: sizeOf(width, height) };
    });
    if (!image) return [];
    const { path, size } = image;
    const found: { readonly object: LabeledObject; readonly z: number }[] = [];
    const detections: Detection[] = [];
    const others: Other[] = [];
    for (const given of Array.isArray(item.annotations) ? item.annotations : []) {
      const annotation = entry(given, "annotations");
      const { id, type, label_id, attributes } = annotation;
      const isMask = type === "mask" || type === "polygon";
      const said = (attributes ?? {}) as Fields;
      // the name of an object, where it is one
      const title = isMask && typeof said.name === "string" ? said.name : "";
      const ofObject = title === "" ? said : besides(said, "name");
      const fields = besides(annotation, ...OWN, ...(annotation.group === 0 ? ["group"] : []));
      const foreign = foreignOf(DATUMARO, saidOf({ ...fields, attributes: besides(ofObject) }));
      const className = classes[label_id as number];
      if (type === "bbox" && Array.isArray(annotation.bbox)) {
        const [x = 0, y = 0, wide = 0, high = 0] = annotation.bbox.map(Number);
        const score = (attributes as { score?: unknown } | undefined)?.score;
        const shape = [x, y, x + wide, y + high];
        detections.push({
          className: className ?? "object",
          score: typeof score === "number" ? score : null,
          shape,
          ...foreign,
        });
        continue;
      }
      if (!isMask) {
        others.push({ ...besides(annotation, "id", "label_id"), ...(className !== undefined && { label: className }) });
        continue;
      }
      const object = leftOut.try(`annotation ${shown(id)}`, () => {
        if (className === undefined) throw new ImportError(`there is no label ${shown(label_id)}`);
        return { ...objectOf(className, segmentation(annotation, size)), ...foreign };
      });
      const z = Number(annotation.z_order ?? 0);
      if (object) found.push({ object: title === "" ? object : { ...object, name: title }, z });
    }
    const ofItem = saidOf(besides(item, "id", "annotations", "image"));
    const kept = foreignOf(DATUMARO, { ...ofItem, ...(others.length > 0 && { annotations: others }) });
    const objects = found.sort((a, b) => a.z - b.z).map(({ object }) => object);
    const read = { name: String(path ?? item.id), ...size, objects, ...kept };
    boxes.push(...boxesOf(read, detections));
    return [read];
  });
  const ofLabels = saidOf(besides(categories.label as Fields, "labels"));
  const ofCategories = saidOf({
    ...relabeled(besides(categories, "label", "mask"), ({ label_id, ...item }) => ({
      ...item,
      label: classes[label_id as number],
    })),
    labels: ofLabels,
  });
  const said = saidOf({ ...besides(file, "items", "categories", ...WRITTEN), categories: ofCategories });
  return {
    project: { ...projectOf(classes, images, ofClasses), ...foreignOf(DATUMARO, said) },
    boxes,
    leftOut: leftOut.lines,
  };
}

/** What the page writes itself: of an annotation, and of a file. */
const OWN = ["id", "type", "label_id", "attributes", "rle", "z_order", "points", "bbox"] as const;
const WRITTEN = ["dm_format_version", "media_type"] as const;

/** Fields that say something. */
function saidOf(fields: Fields): Fields {
  const isSaid = (value: unknown): boolean =>
    value !== null && value !== "" && (typeof value !== "object" || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSaid(value)));
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
