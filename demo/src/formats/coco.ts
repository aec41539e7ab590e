/** COCO instance annotations (cocodataset.org, "Data format"), as pycocotools and labeling tools read them. */
import { decodeRle, encodeRle, maskArea, maskBox, maskToPolygons, type Rle } from "sam2-web";
import { v4 as randomId } from "uuid";
import {
  EMPTY_PROJECT,
  ImportError,
  type LabeledImage,
  type LabeledObject,
  newObject,
  type Project,
  withClass,
} from "../annotations.ts";
import { fillPolygons, fillRuns } from "./fill.ts";
import { joined } from "./join.ts";

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
    iscrowd: 0 | 1;
  }[];
  readonly categories: readonly { id: number; name: string }[];
}

/**
 * Writes a project. RLE is exact. A polygon of COCO cannot have holes: each piece is one ring that
 * reaches its holes along a line and back, which pycocotools fills as the mask.
 */
export function toCoco({ classes, images }: Project, segmentation: CocoSegmentation): CocoFile {
  const annotations = images.flatMap(({ objects }, imageIndex) =>
    objects.map(({ className, rle }) => {
      const mask = decodeRle(rle);
      const rings = (): number[][] => maskToPolygons(mask).map((polygon) => joined([polygon]).flat());
      return {
        image_id: imageIndex + 1,
        category_id: classes.findIndex(({ name }) => name === className) + 1,
        segmentation: segmentation === "rle" ? rle : rings(),
        area: maskArea(mask),
        bbox: maskBox(mask),
        iscrowd: 0 as const,
      };
    }),
  );
  return {
    images: images.map(({ name, width, height }, i) => ({ id: i + 1, file_name: name, width, height })),
    annotations: annotations.map((annotation, i) => ({ id: i + 1, ...annotation })),
    categories: classes.map(({ name }, i) => ({ id: i + 1, name })),
  };
}

/** A mask in any of COCO's three forms: polygons, runs, runs as text. @throws Error */
function readSegmentation(segmentation: unknown, width: number, height: number): Rle {
  if (Array.isArray(segmentation)) {
    const isRing = (ring: unknown): boolean =>
      Array.isArray(ring) && ring.length >= 6 && ring.length % 2 === 0 && ring.every(Number.isFinite);
    if (!segmentation.every(isRing)) {
      throw new Error("expected polygons of three or more corners, x and y in turn");
    }
    return encodeRle(fillPolygons(segmentation, width, height));
  }
  const { size, counts } = (segmentation ?? {}) as { size?: unknown; counts?: unknown };
  if (!Array.isArray(size) || (typeof counts !== "string" && !Array.isArray(counts))) {
    throw new Error("expected polygons or RLE, which has size and counts");
  }
  if (size[0] !== height || size[1] !== width) throw new Error(`its mask is not of its image's ${width}×${height}`);
  if (Array.isArray(counts)) return encodeRle(fillRuns(counts, width, height));
  const rle: Rle = { size: [height, width], counts };
  decodeRle(rle);
  return rle;
}

/** What a COCO file holds. */
export interface CocoLabels {
  readonly project: Project;
  /** How many annotations have a box and no mask, as those for detectors do; they are left out. */
  readonly boxes: number;
}

/** Name and size of a picture. @throws ImportError */
function readImage({ id, file_name, width, height }: CocoFile["images"][number]): Omit<LabeledImage, "objects"> {
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new ImportError(`image ${id}: expected its width and height in pixels, got ${width} and ${height}`);
  }
  // tools on Windows write its separators
  return { id: randomId(), name: String(file_name).replaceAll("\\", "/"), width, height };
}

/**
 * Reads annotations; masks are polygons, or RLE as text or as numbers.
 *
 * @throws ImportError
 */
export function fromCoco(text: string): CocoLabels {
  let file: Partial<CocoFile>;
  try {
    file = JSON.parse(text);
  } catch {
    throw new ImportError("expected a COCO file, which is JSON");
  }
  const { images, annotations, categories } = file ?? {};
  if (!Array.isArray(images) || !Array.isArray(annotations) || !Array.isArray(categories)) {
    throw new ImportError("expected the lists images, annotations and categories of a COCO file");
  }
  const names = new Map(categories.map(({ id, name }) => [id, String(name)]));
  const read = new Map(images.map((image) => [image.id, { ...readImage(image), objects: [] as LabeledObject[] }]));
  let boxes = 0;
  for (const { id, image_id, category_id, segmentation } of annotations) {
    const className = names.get(category_id);
    const image = read.get(image_id);
    if (className === undefined || !image) {
      throw new ImportError(
        `annotation ${id}: its image ${image_id} or its category ${category_id} is not in the file`,
      );
    }
    const given: unknown = segmentation ?? [];
    if (Array.isArray(given) && given.length === 0) {
      boxes++;
      continue;
    }
    try {
      image.objects.push(newObject(className, readSegmentation(given, image.width, image.height)));
    } catch (error) {
      throw new ImportError(`annotation ${id}: ${(error as Error).message}`);
    }
  }
  const start: Project = categories.length > 0 ? { ...EMPTY_PROJECT, classes: [] } : EMPTY_PROJECT;
  const { classes } = categories.reduce((project: Project, { name }) => withClass(project, String(name)), start);
  return { project: { classes, images: [...read.values()] }, boxes };
}
