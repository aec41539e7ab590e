/** The labels: classes, images and objects, as plain immutable data; the functions here return changed copies. */
import type { Rle } from "sam2-web";
import { v4 as randomId } from "uuid";
import { distinct } from "./names.ts";

/** A class. Its number in exports is its position in the list, from 1 (COCO) or from 0 (YOLO). */
export interface ObjectClass {
  readonly name: string;
  /** #rrggbb */
  readonly color: string;
}

/** One object of an image. */
export interface LabeledObject {
  readonly id: string;
  /** Name of its class. */
  readonly className: string;
  readonly rle: Rle;
  /** A name given by the person; may be empty. */
  readonly name: string;
  readonly hidden: boolean;
  /** Whether it is protected from changes. */
  readonly locked: boolean;
}

/** An image and its objects; later objects lie over earlier ones. */
export interface LabeledImage {
  readonly id: string;
  /** SHA-256 of the picture file, in hexadecimal, which identifies it; null until that picture has been opened. */
  readonly sha256: string | null;
  /** File name, or path within a folder; need not be unique. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly LabeledObject[];
}

/** Files with larger images are refused: each mask of such an image would take this many bytes. */
export const MOST_PIXELS: number = 2 ** 28;

/** All labels of a set of pictures. */
export interface Project {
  readonly classes: readonly ObjectClass[];
  readonly images: readonly LabeledImage[];
}

/** A project without images, with one class to start with. */
export const EMPTY_PROJECT: Project = { classes: [{ name: "object", color: "#1d6ed8" }], images: [] };

const COLORS = ["#1d6ed8", "#c2410c", "#15803d", "#9333ea", "#b91c1c", "#0f766e", "#a16207", "#be185d", "#4d7c0f"];

/**
 * Adds a class, unless there is one of that name. It gets a color that no other class has, if one is left.
 *
 * @param wanted the color to use if no other class has it
 */
export function withClass({ classes, images }: Project, name: string, wanted?: string): Project {
  if (classes.some((each) => each.name === name)) return { classes, images };
  const colors = wanted === undefined ? COLORS : [wanted, ...COLORS];
  const free = colors.find((color) => classes.every((each) => each.color !== color));
  const color = free ?? (COLORS[classes.length % COLORS.length] as string);
  return { classes: [...classes, { name, color }], images };
}

/** Gives a class another color. */
export function withColor({ classes, images }: Project, name: string, color: string): Project {
  return { classes: classes.map((each) => (each.name === name ? { name, color } : each)), images };
}

/** Adds the classes that the objects have and the project lacks. */
export function withClassesOf(project: Project, objects: readonly LabeledObject[]): Project {
  return objects.reduce((before, { className }) => withClass(before, className), project);
}

/** Changes the class of all objects that have the class `from`; returns the same value if none has it. */
export function withClassOfObjects(
  objects: readonly LabeledObject[],
  from: string,
  to: string,
): readonly LabeledObject[] {
  if (objects.every(({ className }) => className !== from)) return objects;
  return objects.map((each) => (each.className === from ? { ...each, className: to } : each));
}

/** Renames a class. If the new name is another class's, the two become one. */
export function withClassRenamed({ classes, images }: Project, from: string, to: string): Project {
  const isThere = classes.some(({ name }) => name === to);
  return {
    classes: isThere
      ? classes.filter(({ name }) => name !== from)
      : classes.map((each) => (each.name === from ? { ...each, name: to } : each)),
    images: images.map((image) => {
      const objects = withClassOfObjects(image.objects, from, to);
      return objects === image.objects ? image : { ...image, objects };
    }),
  };
}

/** Removes a class; no object may have it. */
export function withoutClass({ classes, images }: Project, name: string): Project {
  return { classes: classes.filter((each) => each.name !== name), images };
}

/** A new object. */
export function newObject(className: string, rle: Rle): LabeledObject {
  return { id: randomId(), className, rle, name: "", hidden: false, locked: false };
}

/** Whether one path ends with the other: `1.jpg` and `images/1.jpg`. */
const endAlike = (a: string, b: string): boolean => `/${a}`.endsWith(`/${b}`) || `/${b}`.endsWith(`/${a}`);

/** Name and size: what identifies an image in annotation files, which do not contain the pictures. */
export type NamedImage = Pick<LabeledImage, "name" | "width" | "height">;

/**
 * Finds the image with the same name and size. Otherwise, looks for images of that size for which one path ends with
 * the other (`1.jpg` and `images/1.jpg`); such a match counts only if it is unique on both sides.
 *
 * @param names all names of the file or folder that `wanted` came with, itself included
 */
export function findImage<T extends NamedImage>(
  images: readonly T[],
  wanted: NamedImage,
  names: readonly string[],
): T | undefined {
  const fits = ({ width, height }: NamedImage): boolean => width === wanted.width && height === wanted.height;
  const exact = images.find((image) => image.name === wanted.name && fits(image));
  if (exact) return exact;
  const [only, ...others] = images.filter((image) => fits(image) && endAlike(image.name, wanted.name));
  if (!only || others.length > 0 || names.filter((name) => endAlike(name, only.name)).length > 1) return undefined;
  return only;
}

/**
 * Finds the image that a newly opened picture belongs to: an image without a picture that has its name and size, or an
 * image whose picture has the same bytes.
 */
export function imageOfPicture(
  images: readonly LabeledImage[],
  picture: NamedImage & { readonly sha256: string },
  names: readonly string[],
): LabeledImage | undefined {
  const known = images.find(({ sha256 }) => sha256 === picture.sha256);
  const waiting = images.filter(({ sha256 }) => sha256 === null);
  const found = findImage(waiting, picture, names);
  return found?.name === picture.name ? found : (known ?? found);
}

/** Replaces the image with the same id, or adds the image at the end. */
export function withImage({ classes, images }: Project, image: LabeledImage): Project {
  const known = images.some(({ id }) => id === image.id);
  return { classes, images: known ? images.map((each) => (each.id === image.id ? image : each)) : [...images, image] };
}

/** The result of merging an annotation file into a project. */
export interface Merged {
  readonly project: Project;
  /** Images whose objects were replaced, as they were before. */
  readonly replaced: readonly LabeledImage[];
  /** Images that the project did not have. */
  readonly added: readonly LabeledImage[];
}

/**
 * Merges the classes, images and objects of `found` into a project. An image keeps its objects if `found` has none for
 * it, or the same ones. Images are matched by SHA-256 if both have it, else by the name that exports give them.
 */
export function merge(project: Project, found: Project): Merged {
  // formats without names for objects give empty names: these count as equal, so existing names are kept
  const isSame = (a: LabeledObject, b: LabeledObject | undefined): boolean =>
    a.className === b?.className && a.rle.counts === b.rle.counts && (a.name === "" || a.name === b.name);
  const areSame = (a: readonly LabeledObject[], b: readonly LabeledObject[]): boolean =>
    a.length === b.length && a.every((each, i) => isSame(each, b[i]));
  const names = found.images.map(({ name }) => name);
  const exported = distinct(project.images.map(({ name }) => name));
  const byName = project.images.map((image, i) => ({ ...image, name: exported[i] as string, image }));
  const bySha256 = new Map(project.images.map((image) => [image.sha256, image]));
  const knownAs = (image: LabeledImage): LabeledImage | undefined => {
    if (image.sha256 === null) return findImage(byName, image, names)?.image;
    const waiting = byName.filter(({ sha256 }) => sha256 === null);
    return bySha256.get(image.sha256) ?? findImage(waiting, image, names)?.image;
  };
  const replaced: LabeledImage[] = [];
  const added: LabeledImage[] = [];
  let merged = found.classes.reduce((before, { name, color }) => withClass(before, name, color), project);
  for (const image of found.images) {
    const { objects } = image;
    const known = knownAs(image);
    if (!known) added.push(image);
    const isKept = known && (objects.length === 0 || areSame(objects, known.objects));
    if (known && !isKept && known.objects.length > 0) replaced.push(known);
    const sha256 = known?.sha256 ?? image.sha256;
    if (known && isKept && sha256 === known.sha256) continue;
    merged = withImage(merged, known ? { ...known, sha256, objects: isKept ? known.objects : objects } : image);
  }
  return { project: merged, replaced, added };
}
