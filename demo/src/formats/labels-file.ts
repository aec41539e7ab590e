/** What the readers of annotation files share. */
import { type Rle, rleArea } from "sam2-web";
import { v4 as randomId } from "uuid";
import {
  EMPTY_PROJECT,
  type LabeledObject,
  MOST_PIXELS,
  newObject,
  type Project,
  withClass,
} from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import type { Fields, Foreign, WithForeign } from "../labels/foreign.ts";
import { ImportError, shown } from "./errors.ts";

/** What a file of annotations holds. */
export interface ReadLabels {
  readonly project: Project;
  /** Annotations with a box but no mask, as detectors give them: the model makes masks of them. */
  readonly boxes: readonly DetectedImage[];
  /** What is not read, each with the reason. */
  readonly leftOut: readonly string[];
}

/** The labels of a file that has boxes alone. */
export const NO_LABELS: Project = { classes: [], images: [] };

/** Boxes of a picture as a reader collects them. */
export function boxesOf({ name, width, height }: ReadImage, detections: readonly Detection[]): DetectedImage[] {
  if (detections.length === 0) return [];
  return [{ name: name.replaceAll("\\", "/"), size: { width, height }, unit: "pixels", detections }];
}

/** An image as a file has it. */
export interface ReadImage extends WithForeign {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly LabeledObject[];
}

/** The path of a picture that a file names by a path relative to itself, in the file's own terms; a whole path stays as it is. */
export function pathBeside(file: string, path: string): string {
  const given = path.replaceAll("\\", "/");
  if (/^(?:\/|\w:)/.test(given)) return given;
  const parts: string[] = [];
  for (const part of [...file.split("/").slice(0, -1), ...given.split("/")]) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** An entry of one of the file's lists. @throws ImportError */
export function entry(value: unknown, list: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ImportError(`${list}: expected an object, got ${shown(value)}`);
}

/** A new object, as a file has it. @throws ImportError where its mask has no pixel: nobody could see it */
export function objectOf(className: string, rle: Rle): LabeledObject {
  if (rleArea(rle) === 0) throw new ImportError("expected a mask, got one without a pixel");
  return newObject(className, rle);
}

/** Why an area of a kind that the page does not understand is not among the objects. */
export function onlyKept(kind: string): string {
  return `${kind} is kept for an export, but not shown: only polygons, masks and boxes are`;
}

/** Data nested deeper than this is refused: it could neither be kept nor written. */
const DEEPEST = 40;

/**
 * The fields besides those that the page has a place for, which it reads and writes itself.
 *
 * @throws ImportError for data that is nested too deep
 */
export function besides(fields: Fields, ...own: readonly string[]): Fields {
  const others = Object.entries(fields).filter(([name, value]) => value !== undefined && !own.includes(name));
  for (const [name, value] of others) checkDepth(value, name);
  return Object.fromEntries(others);
}

/** Refuses data that is nested too deep. @throws ImportError */
export function checkDepth(value: unknown, name: string, deepest: number = DEEPEST): void {
  if (typeof value !== "object" || value === null) return;
  if (deepest === 0) throw new ImportError(`${name}: expected data of ${DEEPEST} levels at most`);
  for (const each of Object.values(value)) checkDepth(each, name, deepest - 1);
}

/** Pixels of a picture; `what` names it, where nothing else does. @throws ImportError */
export function sizeOf(width: unknown, height: unknown, what?: string): { width: number; height: number } {
  const of = what === undefined ? "" : `${what}: `;
  const isSide = (side: unknown): side is number => Number.isInteger(side) && (side as number) > 0;
  if (!isSide(width) || !isSide(height)) {
    throw new ImportError(`${of}expected its width and height in pixels, got ${shown(width)} and ${shown(height)}`);
  }
  if (width * height > MOST_PIXELS) {
    throw new ImportError(`${of}expected ${MOST_PIXELS} pixels at most, got ${width}×${height}`);
  }
  return { width, height };
}

/** A project of what was read. Classes that objects have and the file does not list are added. */
export function projectOf(
  classes: readonly string[],
  images: readonly ReadImage[],
  ofClasses: ReadonlyMap<string, Foreign> = new Map(),
): Project {
  const used = images.flatMap(({ objects }) => objects.map(({ className }) => className));
  const names = [...new Set([...classes, ...used])];
  const start: Project = names.length > 0 ? { ...EMPTY_PROJECT, classes: [] } : EMPTY_PROJECT;
  return {
    classes: names
      .reduce((project, name) => withClass(project, name), start)
      .classes.map((each) => ({ ...each, ...(ofClasses.has(each.name) && { foreign: ofClasses.get(each.name) }) })),
    images: images.map((image) => ({
      ...image,
      id: randomId(),
      sha256: null,
      // some tools on Windows write paths with backslashes
      name: image.name.replaceAll("\\", "/"),
    })),
  };
}
