/** What a person has labeled: classes, images, objects. Plain data; every change makes a new value. */
import type { Rle } from "sam2-web";
import { v4 as randomId } from "uuid";
import { distinct } from "./names.ts";

/** A class; its number in exports is its place in the list, from 1 (COCO) or 0 (YOLO). */
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
  /** What a person calls it; may be empty. */
  readonly name: string;
  readonly hidden: boolean;
  /** Whether it is safe from changes. */
  readonly locked: boolean;
}

/** An image and its objects, in the order in which they lie over each other. */
export interface LabeledImage {
  readonly id: string;
  /** SHA-256 of the picture's bytes, in hexadecimal: what it is known by. null: its picture has not been seen yet. */
  readonly sha256: string | null;
  /** What people call it; others may have the same name. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly LabeledObject[];
}

/** Images of more pixels than this are not taken from files: each of their masks would take as many bytes. */
export const MOST_PIXELS: number = 2 ** 28;

/** Everything. */
export interface Project {
  readonly classes: readonly ObjectClass[];
  readonly images: readonly LabeledImage[];
}

/** Nothing labeled, and one class to begin with. */
export const EMPTY_PROJECT: Project = { classes: [{ name: "object", color: "#1d6ed8" }], images: [] };

const COLORS = ["#1d6ed8", "#c2410c", "#15803d", "#9333ea", "#b91c1c", "#0f766e", "#a16207", "#be185d", "#4d7c0f"];

/**
 * Adds a class, unless there is one of that name; with a color that no other has, as long as there are any.
 *
 * @param wanted the color that it gets when no other has it
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

/** Adds the classes of objects that are not there yet. */
export function withClassesOf(project: Project, objects: readonly LabeledObject[]): Project {
  return objects.reduce((before, { className }) => withClass(before, className), project);
}

/** The objects with another class in place of one; the same value where none has it. */
export function withClassOfObjects(
  objects: readonly LabeledObject[],
  from: string,
  to: string,
): readonly LabeledObject[] {
  if (objects.every(({ className }) => className !== from)) return objects;
  return objects.map((each) => (each.className === from ? { ...each, className: to } : each));
}

/** Renames a class; where there is one of the new name, its objects become that one's. */
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

/** Takes a class away that no object has. */
export function withoutClass({ classes, images }: Project, name: string): Project {
  return { classes: classes.filter((each) => each.name !== name), images };
}

/** A new object. */
export function newObject(className: string, rle: Rle): LabeledObject {
  return { id: randomId(), className, rle, name: "", hidden: false, locked: false };
}

/** Whether one is where the other's path ends: `1.jpg`, `images/1.jpg`. */
const endAlike = (a: string, b: string): boolean => `/${a}`.endsWith(`/${b}`) || `/${b}`.endsWith(`/${a}`);

/** What tells an image where its picture's bytes are not known: by files of annotations, which hold no pictures. */
export type NamedImage = Pick<LabeledImage, "name" | "width" | "height">;

/**
 * The image of a size and name, or else the only one whose path ends alike, if that fits only one of `names`, those
 * that come together with it.
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
 * The image that a picture is: one whose labels wait for a picture of that name and size, or the one of the same
 * bytes.
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

/** Puts an image in place of the one with its id, or at the end. */
export function withImage({ classes, images }: Project, image: LabeledImage): Project {
  const known = images.some(({ id }) => id === image.id);
  return { classes, images: known ? images.map((each) => (each.id === image.id ? image : each)) : [...images, image] };
}

/** What a file of annotations makes of a project. */
export interface Merged {
  readonly project: Project;
  /** Images, as they were, whose objects have become others. */
  readonly replaced: readonly LabeledImage[];
  /** Images that were not there. */
  readonly added: readonly LabeledImage[];
}

/**
 * Takes in classes, images and objects; an image that is there keeps its objects where `found` has none, or the same.
 * Images are told by their pictures' bytes where both know them, else by the names that exports give them.
 */
export function merge(project: Project, found: Project): Merged {
  // files that know no names of objects leave those that are there
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
