/**
 * COCO instance annotations (cocodataset.org, "Data format"), as pycocotools and labeling tools read them. Keypoints,
 * attributes, licenses and what else a file says are kept, and written again; so are the numbers of its images and categories.
 */
import { decodeRle, expandRuns, maskArea, maskBox, maskToPolygons, type Rle, rleArea } from "sam2-web";
import { v4 as randomId } from "uuid";
import {
  EMPTY_PROJECT,
  type LabeledImage,
  type LabeledObject,
  type Project,
  withClass,
} from "../labels/annotations.ts";
import type { Detection } from "../labels/detections.ts";
import { type Fields, fieldsOf, foreignOf, type WithForeign } from "../labels/foreign.ts";
import { distinct } from "../labels/names.ts";
import { fillPolygons, fillRuns } from "../masks/fill.ts";
import { ImportError, shown } from "./errors.ts";
import { joined } from "./join.ts";
import { besides, boxesOf, entry, objectOf, type ReadLabels, sizeOf } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

/** How masks are written. */
export type CocoSegmentation = "rle" | "polygons";

interface CocoFile {
  readonly images: readonly { id: number; file_name: string; width: number; height: number }[];
  readonly annotations: readonly {
    id: number;
    image_id: number;
    category_id: number;
    segmentation: Rle | number[][];
    area: number;
    bbox: readonly number[];
    iscrowd: number;
  }[];
  readonly categories: readonly { id: number; name: string }[];
}

/** The name that fields are kept under. */
const COCO = "coco";

/** What the page writes of an annotation itself. */
const OWN = ["id", "image_id", "category_id", "segmentation", "area", "bbox"] as const;

/** Progress of reading or writing, in annotations. */
export type Progress = (done: number, total: number) => void;

/**
 * Writes a project. RLE is exact. COCO's polygons cannot have holes, so each piece becomes one ring that goes to each
 * hole along a line and back along the same line; pycocotools fills that as the mask. Equal names are numbered. An object without
 * pixels is left out: readers fail at it.
 */
export function toCoco(project: Project, segmentation: CocoSegmentation, onProgress?: Progress): CocoFile {
  const { classes, images } = project;
  const names = distinct(images.map(({ name }) => name));
  const [imageIds, categoryIds] = [numbered(images), numbered(classes)];
  const seen = images.map(({ objects }) => objects.filter(({ rle }) => rleArea(rle) > 0));
  const total = seen.reduce((sum, objects) => sum + objects.length, 0);
  const categoryOf = new Map(classes.map(({ name }, i) => [name, categoryIds[i] as number]));
  const annotations: CocoFile["annotations"][number][] = [];
  for (const [imageIndex, objects] of seen.entries()) {
    for (const object of objects) {
      const { className, rle } = object;
      const mask = decodeRle(rle);
      const rings = (): number[][] => maskToPolygons(mask).map((polygon) => joined([polygon]).flat());
      annotations.push({
        iscrowd: 0,
        ...fieldsOf(object, COCO),
        id: annotations.length + 1,
        image_id: imageIds[imageIndex] as number,
        category_id: categoryOf.get(className) ?? 0,
        segmentation: segmentation === "rle" ? rle : rings(),
        area: maskArea(mask),
        bbox: maskBox(mask),
      });
      onProgress?.(annotations.length, total);
    }
  }
  return {
    ...fieldsOf(project, COCO),
    images: images.map((image, i) => ({
      ...fieldsOf(image, COCO),
      id: imageIds[i] as number,
      file_name: names[i] as string,
      width: image.width,
      height: image.height,
    })),
    annotations,
    categories: classes.map((each, i) => ({ ...fieldsOf(each, COCO), id: categoryIds[i] as number, name: each.name })),
  };
}

/** The numbers that a file gave to images or classes, unless one before has it; the others get what is free, from 1. */
function numbered(all: readonly WithForeign[]): number[] {
  const taken = new Set<unknown>();
  const given = all.map((each) => {
    const { id } = fieldsOf(each, COCO);
    if (!isNumber(id) || taken.has(id)) return null;
    taken.add(id);
    return id;
  });
  let next = 1;
  return given.map((id) => {
    if (id !== null) return id;
    while (taken.has(next)) next++;
    return next++;
  });
}

/** A mask in any of COCO's three forms: polygons, runs, runs as text. @throws Error */
function readSegmentation(segmentation: unknown, width: number, height: number): Rle {
  if (Array.isArray(segmentation)) {
    const isRing = (ring: unknown): boolean =>
      Array.isArray(ring) && ring.length >= 6 && ring.length % 2 === 0 && ring.every(Number.isFinite);
    if (!segmentation.every(isRing)) {
      throw new Error("expected polygons of three or more corners, as x1, y1, x2, y2, …");
    }
    return fillPolygons(segmentation, width, height);
  }
  const { size, counts } = (segmentation ?? {}) as { size?: unknown; counts?: unknown };
  if (!Array.isArray(size) || (typeof counts !== "string" && !Array.isArray(counts))) {
    throw new Error("expected polygons or RLE, which has size and counts");
  }
  if (size[0] !== height || size[1] !== width)
    throw new Error(`expected a mask of its image's size, ${width}×${height}, got ${shown(size[1])}×${shown(size[0])}`);
  if (Array.isArray(counts)) return fillRuns(counts, width, height);
  const rle: Rle = { size: [height, width], counts };
  expandRuns(rle);
  return rle;
}

/** A name; some files have a number instead. */
function nameOf(value: unknown): string {
  return typeof value === "string" ? value : shown(value);
}

/** Name and size of a picture. @throws ImportError */
function readImage(image: Record<string, unknown>): Omit<LabeledImage, "objects"> {
  const { id, file_name, width, height } = image;
  const size = sizeOf(width, height);
  const foreign = foreignOf(COCO, besides(image, "file_name", "width", "height", ...(isNumber(id) ? [] : ["id"])));
  // some tools on Windows write paths with backslashes
  return { id: randomId(), sha256: null, name: nameOf(file_name).replaceAll("\\", "/"), ...size, ...foreign };
}

/** Whether the value is a number that files give to images and categories. */
function isNumber(id: unknown): id is number {
  return Number.isSafeInteger(id) && (id as number) >= 0;
}

/** Whether JSON is of this format. */
export function isCoco(file: Record<string, unknown>): boolean {
  return Array.isArray(file.images) && Array.isArray(file.annotations) && Array.isArray(file.categories);
}

/** Reads annotations one by one. */
export class CocoReader {
  readonly #file: Fields;
  readonly #leftOut = new LeftOut();
  readonly #listed: readonly Fields[];
  readonly #names = new Map<unknown, string>();
  readonly #images = new Map<unknown, LabeledImage & { readonly objects: LabeledObject[] }>();
  readonly #boxes = new Map<unknown, Detection[]>();

  /** @throws ImportError when the file's images and categories are none; its annotations are not looked at */
  constructor(file: Fields) {
    const { images, categories } = file;
    if (!Array.isArray(images) || !Array.isArray(categories)) {
      throw new ImportError("expected the lists images, annotations and categories of a COCO file");
    }
    this.#file = file;
    this.#listed = categories.map((each) => entry(each, "categories"));
    for (const { id, name } of this.#listed) {
      const known = this.#names.get(id);
      if (known === undefined) this.#names.set(id, nameOf(name));
      else if (known !== nameOf(name))
        this.#leftOut.add(`category ${nameOf(name)}`, `${known} has its id, ${shown(id)}`);
    }
    for (const each of images) {
      const image = entry(each, "images");
      const { id, file_name } = image;
      if (this.#images.has(id)) {
        this.#leftOut.add(`image ${nameOf(file_name)}`, "an image before it has its id");
        continue;
      }
      const facts = this.#leftOut.try(`image ${shown(id)}`, () => readImage(image));
      if (facts) this.#images.set(id, { ...facts, objects: [] });
    }
  }

  /** Reads an annotation. @throws ImportError when it is no object */
  add(each: unknown): void {
    const annotation = entry(each, "annotations");
    const { id, image_id, category_id, segmentation, bbox, score, iscrowd } = annotation;
    const isDefault = iscrowd === 0 || iscrowd === false;
    const foreign = foreignOf(COCO, besides(annotation, ...OWN, ...(isDefault ? ["iscrowd"] : [])));
    const className = this.#names.get(category_id);
    const image = this.#images.get(image_id);
    if (className === undefined || !image) {
      const missing = image ? `category ${shown(category_id)}` : `image ${shown(image_id)}`;
      this.#leftOut.add(`annotation ${shown(id)}`, `its ${missing} is not in the file, or is left out`);
      return;
    }
    const given: unknown = segmentation ?? [];
    if (Array.isArray(given) && given.length === 0) {
      const [x, y, width, height] = Array.isArray(bbox) && bbox.length === 4 ? bbox.map(Number) : [];
      const shape = [x, y, (x ?? 0) + (width ?? 0), (y ?? 0) + (height ?? 0)].map((value) => value ?? Number.NaN);
      const found = this.#boxes.get(image_id) ?? [];
      this.#boxes.set(image_id, found);
      found.push({ className, score: typeof score === "number" ? score : null, shape, ...foreign });
    } else {
      const { width, height } = image;
      const read = (): LabeledObject => objectOf(className, readSegmentation(given, width, height));
      const object = this.#leftOut.try(`annotation ${shown(id)}`, read);
      if (object) image.objects.push({ ...object, ...foreign });
    }
  }

  /** What was read. */
  read(): ReadLabels {
    const start: Project = this.#listed.length > 0 ? { ...EMPTY_PROJECT, classes: [] } : EMPTY_PROJECT;
    const { classes } = [...new Set(this.#names.values())].reduce((project, name) => withClass(project, name), start);
    const ofClass = new Map<string, Fields>();
    for (const each of this.#listed.toReversed()) {
      ofClass.set(nameOf(each.name), besides(each, "name", ...(isNumber(each.id) ? [] : ["id"])));
    }
    return {
      project: {
        classes: classes.map((each) => ({ ...each, ...foreignOf(COCO, ofClass.get(each.name) ?? {}) })),
        images: [...this.#images.values()],
        ...foreignOf(COCO, besides(this.#file, "images", "annotations", "categories")),
      },
      boxes: [...this.#images].flatMap(([id, image]) => boxesOf(image, this.#boxes.get(id) ?? [])),
      leftOut: this.#leftOut.lines,
    };
  }
}

/**
 * Reads annotations; masks are polygons, or RLE as text or as numbers.
 *
 * @throws ImportError
 */
export function fromCoco(file: Record<string, unknown>, onProgress?: Progress): ReadLabels {
  const reader = new CocoReader(file);
  const annotations = file.annotations as readonly unknown[];
  for (const [index, each] of annotations.entries()) {
    reader.add(each);
    onProgress?.(index + 1, annotations.length);
  }
  return reader.read();
}
