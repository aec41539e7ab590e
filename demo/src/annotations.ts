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

/** Adds a class, unless there is one of that name; the next colour is its own. */
export function withClass({ classes, images }: Project, name: string): Project {
  if (classes.some((each) => each.name === name)) return { classes, images };
  const colour = COLOURS[classes.length % COLOURS.length] as string;
  return { classes: [...classes, { name, colour }], images };
}

/** Gives a class another colour. */
export function withColour({ classes, images }: Project, name: string, colour: string): Project {
  return { classes: classes.map((each) => (each.name === name ? { name, colour } : each)), images };
}

/** A new object. */
export function newObject(className: string, rle: Rle): LabeledObject {
  return { id: randomId(), className, rle, name: "", hidden: false, locked: false };
}

/** The image of that name and size, as a picture or a file of annotations tells them. */
export function findImage(
  { images }: Project,
  wanted: Pick<LabeledImage, "name" | "width" | "height">,
): LabeledImage | undefined {
  return images.find(
    ({ name, width, height }) => name === wanted.name && width === wanted.width && height === wanted.height,
  );
}

/** Puts an image in place of the one with its id, or at the end. */
export function withImage({ classes, images }: Project, image: LabeledImage): Project {
  const known = images.some(({ id }) => id === image.id);
  return { classes, images: known ? images.map((each) => (each.id === image.id ? image : each)) : [...images, image] };
}

/** An error in a file that is imported; the message says what was expected. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}
