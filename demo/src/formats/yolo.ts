/** YOLO labels (docs.ultralytics.com, "Instance Segmentation Datasets"). */
import { decodeRle, maskToPolygons } from "sam2-web";
import { type LabeledImage, type ObjectClass, type Project, withClass } from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { ImportError } from "./errors.ts";
import { joined } from "./join.ts";
import { NO_LABELS, type ReadLabels } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

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

/** Shares of a picture's sides may be a little outside of it; what is larger is something else. */
const FAR = 1.5;

/** A text file by its path. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Reads label files, one for each picture, and the names of their classes from data.yaml, classes.txt or obj.names. A line is a
 * class and a box (middle and sides) or the corners of an outline, in shares of the picture's sides, with a score or without.
 *
 * @throws ImportError
 */
export async function fromYolo(files: readonly TextFile[]): Promise<ReadLabels> {
  const names = await classNames(files);
  const labels = files.filter(({ name }) => /\.txt$/i.test(name) && !isList(name));
  const leftOut = new LeftOut();
  const boxes = labels.map(({ name, text }): DetectedImage => {
    const wrong: { readonly at: number; readonly why: string }[] = [];
    const detections = text.split(/\r?\n/).flatMap((line, at): Detection[] => {
      if (line.trim() === "") return [];
      const [number = Number.NaN, ...values] = line.trim().split(/\s+/).map(Number);
      const isBox = values.length === 4 || values.length === 5;
      const isOutline = values.length >= 6;
      if (!Number.isInteger(number) || !values.every(Number.isFinite) || !(isBox || isOutline)) {
        const what = "a class with a box, or with the corners of an outline, as numbers";
        wrong.push({ at, why: `expected ${what}, got ${line.slice(0, 60)}` });
        return [];
      }
      const far = values.find((value) => value > FAR);
      if (far !== undefined) {
        wrong.push({ at, why: `expected shares of the picture's sides, got ${far}` });
        return [];
      }
      const className = names[number] || `class ${number}`;
      if (isOutline) {
        const isScored = values.length % 2 === 1;
        return [
          {
            className,
            score: isScored ? (values.at(-1) as number) : null,
            shape: isScored ? values.slice(0, -1) : values,
          },
        ];
      }
      const [x, y, wide, high, score = null] = values as [number, number, number, number, number | undefined];
      return [{ className, score, shape: [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2] }];
    });
    const [first, ...more] = wrong;
    if (first && more.length > 0 && detections.length === 0) {
      // no labels at all, but a list or a note
      leftOut.add(`${name}, all ${wrong.length} lines`, first.why);
    } else {
      for (const { at, why } of wrong) leftOut.add(`${name}, line ${at + 1}`, why);
    }
    return { name: name.replace(/(^|\/)labels\//, "$1"), size: null, unit: "shares", detections };
  });
  // in the order of their numbers, which an export counts by
  const project = names.reduce<Project>((all, name) => (name ? withClass(all, name) : all), NO_LABELS);
  return { project, boxes, leftOut: leftOut.lines };
}

/** Whether a text file lists classes or pictures, not labels. */
function isList(name: string): boolean {
  return /(^|\/)(classes|train|val|test|autosplit_\w+|README.*)\.txt$/i.test(name);
}

/** The names of classes by their numbers. @throws ImportError */
async function classNames(files: readonly TextFile[]): Promise<readonly string[]> {
  const list = files.find(({ name }) => /(^|\/)classes\.txt$|\.names$/i.test(name));
  if (list) return list.text.split(/\r?\n/).map((line) => line.trim());
  const data = files.find(({ name }) => /\.ya?ml$/i.test(name));
  if (!data) return [];
  const { parse } = await import("yaml");
  let content: unknown;
  try {
    content = parse(data.text, { maxAliasCount: 0 });
  } catch (error) {
    throw new ImportError(`${data.name}: ${(error as Error).message.split("\n")[0]}`);
  }
  const { names } = (content ?? {}) as { names?: unknown };
  if (typeof names !== "object" || names === null) throw new ImportError(`${data.name}: expected names of classes`);
  return Object.entries(names).reduce<string[]>((all, [number, name]) => {
    if (/^\d{1,5}$/.test(number)) all[Number(number)] = String(name);
    return all;
  }, []);
}

/** data.yaml, beside the folders `images` and `labels`. */
export function toYoloDataset({ classes }: Project): string {
  const names = classes.map(({ name }, i) => `  ${i}: ${JSON.stringify(name)}\n`).join("");
  return `train: images\nval: images\nnames:\n${names}`;
}
