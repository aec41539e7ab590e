/** The labels: classes, images and objects, as plain immutable data; the functions here return changed copies. */
import type { Rle } from "sam2-web";
import { v4 as randomId } from "uuid";
import { type WithForeign, withNewer } from "./foreign.ts";
import { composed, plain, safe, stemOf } from "./names.ts";

/**
 * What happens where an object overlaps one of another class. A protected one has the pixel; one that gives way has it not;
 * both have it where neither is said. Among objects that are protected, and among those that give way, the first one has it.
 */
export type Overlap = "gives way" | "protected";

/**
 * A class. Its number in exports is its position in the list, from 1 (COCO, unless a COCO file gave it another) or from 0
 * (YOLO).
 */
export interface ObjectClass extends WithForeign {
  readonly name: string;
  /** #rrggbb */
  readonly color: string;
  /** What happens where its objects overlap others; nothing by default. */
  readonly overlap?: Overlap | undefined;
}

/** One object of an image. */
export interface LabeledObject extends WithForeign {
  readonly id: string;
  /** Name of its class. */
  readonly className: string;
  readonly rle: Rle;
  /** A name given by the person; may be empty. */
  readonly name: string;
  readonly hidden: boolean;
  /** Whether it is protected from changes. */
  readonly locked: boolean;
  /** How sure the model was of its mask, 0 to 1, where nobody had a look when it was made. */
  readonly score?: number | undefined;
  /** Whether a person has looked at it since. */
  readonly checked?: boolean | undefined;
}

/** An image and its objects; later objects lie over earlier ones. */
export interface LabeledImage extends WithForeign {
  readonly id: string;
  /** SHA-256 of the picture file, in hexadecimal, which identifies it; null until that picture has been opened. */
  readonly sha256: string | null;
  /** File name, or path within a folder; need not be unique. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** How far the review is; to do if nobody has said anything. */
  readonly review?: "done" | "needs a look" | undefined;
  /** Seconds that a person has worked on it. */
  readonly seconds?: number | undefined;
  readonly objects: readonly LabeledObject[];
}

/** Files with larger images are refused: each mask of such an image would take this many bytes. */
export const MOST_PIXELS: number = 2 ** 28;

/** All labels of a set of pictures. */
export interface Project extends WithForeign {
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
export function withClass(project: Project, name: string, wanted?: string): Project {
  const { classes } = project;
  if (classes.some((each) => each.name === name)) return project;
  const colors = wanted === undefined ? COLORS : [wanted, ...COLORS];
  const free = colors.find((color) => classes.every((each) => each.color !== color));
  const color = free ?? (COLORS[classes.length % COLORS.length] as string);
  return { ...project, classes: [...classes, { name, color }] };
}

/** Adds a class of a file; one of that name gets what the file says beyond name and color. */
export function withClassOfFile(project: Project, { name, color, foreign, overlap }: ObjectClass): Project {
  const isNew = project.classes.every((each) => each.name !== name);
  const colored = withClass(project, name, color);
  const added = isNew && overlap ? withOverlap(colored, name, overlap) : colored;
  const classes = added.classes.map((each) => {
    const more = each.name === name ? withNewer(each.foreign, foreign) : each.foreign;
    return more === each.foreign ? each : { ...each, foreign: more };
  });
  return classes.every((each, i) => each === added.classes[i]) ? added : { ...added, classes };
}

/** Gives a class another color. */
export function withColor(project: Project, name: string, color: string): Project {
  return { ...project, classes: project.classes.map((each) => (each.name === name ? { ...each, color } : each)) };
}

/** Says what happens where objects of a class overlap others. */
export function withOverlap(project: Project, name: string, overlap: Overlap | undefined): Project {
  return { ...project, classes: project.classes.map((each) => (each.name === name ? { ...each, overlap } : each)) };
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
export function withClassRenamed(project: Project, from: string, to: string): Project {
  const { classes, images } = project;
  const isThere = classes.some(({ name }) => name === to);
  return {
    ...project,
    classes: isThere
      ? classes.filter(({ name }) => name !== from)
      : classes.map((each) => (each.name === from ? { ...each, name: to } : each)),
    images: images.map((image) => {
      const objects = withClassOfObjects(image.objects, from, to);
      return objects === image.objects ? image : { ...image, objects };
    }),
  };
}

/**
 * The name of a class after changes of the list: the same, or that of the class that has its place by another name.
 *
 * @returns undefined if it is gone
 */
export function nameAfter(
  name: string,
  before: readonly ObjectClass[],
  now: readonly ObjectClass[],
): string | undefined {
  if (now.some((each) => each.name === name)) return name;
  const renamed = now[before.findIndex((each) => each.name === name)];
  const isRenamed = now.length >= before.length && before.every((each) => each.name !== renamed?.name);
  return isRenamed ? renamed?.name : undefined;
}

/** Removes a class; no object may have it. */
export function withoutClass(project: Project, name: string): Project {
  return { ...project, classes: project.classes.filter((each) => each.name !== name) };
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
  const name = composed(wanted.name);
  const exact = images.find((image) => fits(image) && composed(image.name) === name);
  if (exact) return exact;
  const [only, ...others] = images.filter((image) => fits(image) && endAlike(composed(image.name), name));
  if (!only || others.length > 0) return undefined;
  const found = composed(only.name);
  return names.filter((each) => endAlike(composed(each), found)).length > 1 ? undefined : only;
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
  const byStem = (fit: (part: string) => string): LabeledImage | undefined => {
    const stems = names.map((name) => stemOf(name, fit));
    return findImage(waiting, { ...picture, name: stemOf(picture.name, fit) }, stems);
  };
  // files were once named with more replaced than now
  const found = findImage(waiting, picture, names) ?? byStem(plain) ?? byStem(safe);
  return found && composed(found.name) === composed(picture.name) ? found : (known ?? found);
}

/** What was looked for in lists of images, which never change. */
const looked = new WeakMap<readonly LabeledImage[], Map<string, number>>();

/**
 * The place of an image in a list by its id; -1 if it is not there. A large set is walked once for what is asked again and
 * again, such as the open picture.
 */
export function placeOf(images: readonly LabeledImage[], id: string | null): number {
  if (id === null) return -1;
  const known = looked.get(images) ?? new Map<string, number>();
  looked.set(images, known);
  let place = known.get(id);
  if (place === undefined) {
    place = images.findIndex((image) => image.id === id);
    known.set(id, place);
  }
  return place;
}

/** Replaces the image with the same id, or adds the image at the end. */
export function withImage(project: Project, image: LabeledImage): Project {
  const { images } = project;
  const place = placeOf(images, image.id);
  return { ...project, images: place < 0 ? [...images, image] : images.with(place, image) };
}
