/** Merges labels of a file into a project, and says beforehand what that will do. */
import { rleArea } from "sam2-web";
import { filled } from "../masks/outline.ts";
import { areaOf, iouOf, type Turns, turnsOf } from "../masks/turns.ts";
import {
  EMPTY_PROJECT,
  findImage,
  type LabeledImage,
  type LabeledObject,
  newObject,
  type Project,
  withClassesOf,
  withClassOfFile,
  withImage,
} from "./annotations.ts";
import type { Detection, PlacedDetections } from "./detections.ts";
import { type Foreign, withMore, withNewer } from "./foreign.ts";
import { distinct, distinctStems, plain, safe } from "./names.ts";
import { isSame } from "./same.ts";

/** What becomes of a picture's objects that the file has others for: they go, or the file's are added to them. */
export type ImportHow = "replace" | "add";

/** Two masks of a class that agree so much (IoU) are one object. */
const SAME = 0.9;

/** The result of merging labels into a project. */
export interface Merged {
  readonly project: Project;
  /** Images that had objects and now have others, as they were before. */
  readonly changed: readonly LabeledImage[];
  /** Images that the project did not have. */
  readonly added: readonly LabeledImage[];
  /** Images of which the file has what is there already, or nothing. */
  readonly same: number;
  /** Objects that are added, that go, and that are left out since there is one like them. */
  readonly objects: { readonly added: number; readonly gone: number; readonly alike: number };
  /** Names of classes that the project did not have. */
  readonly classes: readonly string[];
}

/**
 * Merges the classes, images and objects of `found` into a project. An image keeps its objects if `found` has none for
 * it, or the same ones. Images are matched by SHA-256 if both have it, else by the name that exports give them.
 */
export function merge(project: Project, found: Project, how: ImportHow = "replace"): Merged {
  const knownAs = finder(project, found);
  const changed: LabeledImage[] = [];
  const added: LabeledImage[] = [];
  const count = { added: 0, gone: 0, alike: 0 };
  let same = 0;
  const withClasses = found.classes.reduce(withClassOfFile, readyFor(found, project));
  const foreign = withMore(project.foreign, found.foreign);
  let merged = foreign === project.foreign ? withClasses : { ...withClasses, foreign };
  const matched = new Map<LabeledImage, LabeledImage>();
  for (const image of found.images) {
    const known = knownAs(image);
    if (known) {
      const before = matched.get(known);
      matched.set(known, before ? joined(before, image) : image);
      continue;
    }
    added.push(image);
    count.added += image.objects.length;
    merged = withImage(merged, image);
  }
  for (const [known, image] of matched) {
    const base: LabeledImage = {
      ...known,
      sha256: known.sha256 ?? image.sha256,
      review: known.review ?? image.review,
      seconds: known.seconds ?? image.seconds,
      foreign: (how === "add" ? withMore : withNewer)(known.foreign, image.foreign),
    };
    const fresh = how === "add" ? unlike(image.objects, known.objects) : image.objects;
    const isKept = fresh.length === 0 || areSame(image.objects, known.objects);
    if (isKept) {
      same++;
      if (how === "add") count.alike += image.objects.length;
      if (!isSame(base, known)) merged = withImage(merged, base);
      continue;
    }
    count.added += fresh.length;
    count.alike += image.objects.length - fresh.length;
    if (how === "replace") count.gone += known.objects.length;
    if (known.objects.length > 0) changed.push(known);
    merged = withImage(merged, { ...base, objects: how === "add" ? [...known.objects, ...fresh] : fresh });
  }
  const known = new Set(project.classes.map(({ name }) => name));
  const classes = withClasses.classes.map(({ name }) => name).filter((name) => !known.has(name));
  return { project: merged, changed, added, same, objects: count, classes };
}

/** What a file says with its outlines among the objects, as they take no model; its boxes are left. Empty ones are left out, with the reason. */
export function withOutlines(
  found: Project,
  placed: readonly PlacedDetections[],
): { readonly found: Project; readonly boxes: readonly PlacedDetections[]; readonly leftOut: readonly string[] } {
  const isOutline = ({ shape }: Detection): boolean => shape.length > 4;
  const leftOut: string[] = [];
  const images = placed.flatMap(({ image, detections }): LabeledImage[] => {
    const { id, sha256, name, width, height } = image;
    const outlines = detections.filter(isOutline).map(({ className, score, shape, foreign }): LabeledObject => {
      const ring = Array.from({ length: shape.length / 2 }, (_, i) => {
        return { x: shape[2 * i] as number, y: shape[2 * i + 1] as number };
      });
      const object = newObject(className, filled([ring], width, height));
      return { ...object, ...(score !== null && { score }), ...(foreign && { foreign }) };
    });
    const objects = outlines.filter(({ rle }) => rleArea(rle) > 0);
    const empty = outlines.length - objects.length;
    if (empty > 0) leftOut.push(`${empty} of ${name}: there is no pixel inside`);
    return objects.length === 0 ? [] : [{ id, sha256, name, width, height, objects }];
  });
  const { classes } = withClassesOf(
    found,
    images.flatMap(({ objects }) => objects),
  );
  return {
    found: { ...found, classes, images: [...found.images, ...images] },
    boxes: placed
      .map(({ image, detections }) => ({ image, detections: detections.filter((each) => !isOutline(each)) }))
      .filter(({ detections }) => detections.length > 0),
    leftOut,
  };
}

/** A project to which a file's classes are added: where those number them, an unused class to start with would shift them. */
function readyFor(found: Project, project: Project): Project {
  const isStart =
    isSame(project.classes, EMPTY_PROJECT.classes) && project.images.every(({ objects }) => objects.length === 0);
  const hasOthers = found.classes.some(({ name }) => project.classes.every((each) => each.name !== name));
  return isStart && hasOthers ? { ...project, classes: [] } : project;
}

/** What two files, or two places of one, say of a picture: an object of both is there once. */
export function joined(first: LabeledImage, second: LabeledImage): LabeledImage {
  const foreign = withMore(second.foreign, first.foreign);
  return {
    ...first,
    sha256: first.sha256 ?? second.sha256,
    objects: [...first.objects, ...unlike(second.objects, first.objects)],
    ...(foreign && { foreign }),
  };
}

/** Finds the project's image of an image of the file. */
function finder(project: Project, found: Project): (image: LabeledImage) => LabeledImage | undefined {
  const names = found.images.map(({ name }) => name);
  const exported = distinct(project.images.map(({ name }) => name));
  const byName = project.images.map((image, i) => ({ ...image, name: exported[i] as string, image }));
  // files that are named after their pictures; this page once replaced more in their names than it does now
  const byStems = [plain, safe].map((fit) => {
    const stems = distinctStems(exported, fit);
    return byName.map((each, i) => ({ ...each, name: stems[i] as string }));
  });
  const bySha256 = new Map(project.images.map((image) => [image.sha256, image]));
  return (image) => {
    if (image.sha256 === null) {
      const known = [byName, ...byStems].map((images) => findImage(images, image, names));
      return known.find((each) => each !== undefined)?.image;
    }
    const waiting = byName.filter(({ sha256 }) => sha256 === null);
    return bySha256.get(image.sha256) ?? findImage(waiting, image, names)?.image;
  };
}

/** Whether two lists have the same objects. What a format has no place for, such as names, counts as equal. */
function areSame(found: readonly LabeledObject[], known: readonly LabeledObject[]): boolean {
  const isLike = (a: LabeledObject, b: LabeledObject | undefined): boolean =>
    a.className === b?.className &&
    a.rle.counts === b.rle.counts &&
    (a.name === "" || a.name === b.name) &&
    isKnown(a.foreign, b.foreign);
  return found.length === known.length && found.every((each, i) => isLike(each, known[i]));
}

/** Whether all that a file says beyond what the page understands is there already. */
function isKnown(found: Foreign = {}, known: Foreign = {}): boolean {
  return Object.entries(found).every(([format, fields]) => isSame(fields, known[format]));
}

/** The objects of a file that no known object is like. */
function unlike(found: readonly LabeledObject[], known: readonly LabeledObject[]): readonly LabeledObject[] {
  const sized = known.map(({ className, rle }) => {
    const turns = turnsOf(rle);
    return { className, turns, area: areaOf(turns) };
  });
  const isLike = (className: string, turns: Turns, area: number): boolean =>
    sized.some(
      (each) =>
        each.className === className &&
        Math.min(each.area, area) >= SAME * Math.max(each.area, area) &&
        iouOf(each.turns, turns) >= SAME,
    );
  return found.filter(({ className, rle }) => {
    const turns = turnsOf(rle);
    return !isLike(className, turns, areaOf(turns));
  });
}
