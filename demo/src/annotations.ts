/** What a person has labeled: classes, images, objects. Plain data; every change makes a new value. */
import type { Rle } from "sam2-web";
import { v4 as randomId } from "uuid";

/** A class; its number in exports is its place in the list, from 1 (COCO) or 0 (YOLO). */
export interface ObjectClass {
  readonly name: string;
  /** #rrggbb */
  readonly colour: string;
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
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly LabeledObject[];
}

/** Everything. */
export interface Project {
  readonly classes: readonly ObjectClass[];
  readonly images: readonly LabeledImage[];
}

/** Nothing labeled, and one class to begin with. */
export const EMPTY_PROJECT: Project = { classes: [{ name: "object", colour: "#1d6ed8" }], images: [] };

const COLOURS = ["#1d6ed8", "#c2410c", "#15803d", "#9333ea", "#b91c1c", "#0f766e", "#a16207", "#be185d", "#4d7c0f"];

/** Adds a class, unless there is one of that name; with a colour that no other has, as long as there are any. */
export function withClass({ classes, images }: Project, name: string): Project {
  if (classes.some((each) => each.name === name)) return { classes, images };
  const free = COLOURS.find((colour) => classes.every((each) => each.colour !== colour));
  const colour = free ?? (COLOURS[classes.length % COLOURS.length] as string);
  return { classes: [...classes, { name, colour }], images };
}

/** Gives a class another colour. */
export function withColour({ classes, images }: Project, name: string, colour: string): Project {
  return { classes: classes.map((each) => (each.name === name ? { name, colour } : each)), images };
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

/**
 * The image that a picture, or an entry of a file of annotations, is: of its size and name, or else the only one
 * that is loose and whose path ends alike, if that fits only one of `names`, those that come together with it.
 */
export function findImage(
  images: readonly LabeledImage[],
  wanted: Pick<LabeledImage, "name" | "width" | "height">,
  names: readonly string[],
  isLoose: (image: LabeledImage) => boolean = () => true,
): LabeledImage | undefined {
  const fits = ({ width, height }: LabeledImage): boolean => width === wanted.width && height === wanted.height;
  const exact = images.find((image) => image.name === wanted.name && fits(image));
  if (exact) return exact;
  const [only, ...others] = images.filter(
    (image) => isLoose(image) && fits(image) && endAlike(image.name, wanted.name),
  );
  if (!only || others.length > 0 || names.filter((name) => endAlike(name, only.name)).length > 1) return undefined;
  return only;
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

/** Takes in classes, images and objects; an image that is there keeps its objects where `found` has none, or the same. */
export function merge(project: Project, found: Project): Merged {
  const isSame = (a: LabeledObject, b: LabeledObject | undefined): boolean =>
    a.className === b?.className && a.rle.counts === b.rle.counts;
  const areSame = (a: readonly LabeledObject[], b: readonly LabeledObject[]): boolean =>
    a.length === b.length && a.every((each, i) => isSame(each, b[i]));
  const names = found.images.map(({ name }) => name);
  const replaced: LabeledImage[] = [];
  const added: LabeledImage[] = [];
  let merged = found.classes.reduce((before, { name }) => withClass(before, name), project);
  for (const image of found.images) {
    const { objects } = image;
    const known = findImage(project.images, image, names);
    if (known && (objects.length === 0 || areSame(objects, known.objects))) continue;
    if (!known) added.push(image);
    else if (known.objects.length > 0) replaced.push(known);
    merged = withImage(merged, known ? { ...known, objects } : image);
  }
  return { project: merged, replaced, added };
}
