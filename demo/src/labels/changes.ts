/** Changes to a project, as kept in the log. Applying all of them in order gives the project. */
import type { LabeledImage, LabeledObject, ObjectClass, Project } from "./annotations.ts";
import type { Foreign } from "./foreign.ts";
import { isSame } from "./same.ts";

/** All fields of an image except its objects. */
export type ImageFacts = Omit<LabeledImage, "objects">;

/** One change; images and objects are identified by their ids. */
export type Change =
  | { readonly kind: "classes"; readonly classes: readonly ObjectClass[] }
  | { readonly kind: "foreign"; readonly foreign: Foreign | undefined }
  /** An image was added, or its fields changed. */
  | { readonly kind: "image"; readonly image: ImageFacts }
  | { readonly kind: "image-deleted"; readonly image: string }
  | { readonly kind: "images-ordered"; readonly images: readonly string[] }
  | { readonly kind: "object"; readonly image: string; readonly object: LabeledObject }
  | {
      readonly kind: "object-changed";
      readonly image: string;
      readonly object: string;
      readonly fields: Partial<LabeledObject>;
    }
  | { readonly kind: "object-deleted"; readonly image: string; readonly object: string }
  | { readonly kind: "objects-ordered"; readonly image: string; readonly objects: readonly string[] };

/** The fields of an image, without its objects. */
export function factsOf({ objects: _, ...facts }: LabeledImage): ImageFacts {
  return facts;
}

const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);
const byId = <T extends { readonly id: string }>(list: readonly T[]): Map<string, T> =>
  new Map(list.map((each) => [each.id, each]));

/** `before` without what `after` lacks, then what is new: `after` has this order unless it was reordered. */
export function orderLeft(before: readonly string[], after: readonly string[]): string[] {
  const [were, are] = [new Set(before), new Set(after)];
  return [...before.filter((id) => are.has(id)), ...after.filter((id) => !were.has(id))];
}

/** Whether two lists have the same ids in the same order. */
function isSameOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

function objectChanges(image: string, before: readonly LabeledObject[], after: readonly LabeledObject[]): Change[] {
  if (before === after) return [];
  const [were, are] = [byId(before), byId(after)];
  const changes: Change[] = [];
  for (const { id } of before) if (!are.has(id)) changes.push({ kind: "object-deleted", image, object: id });
  for (const object of after) {
    const old = were.get(object.id);
    if (old === object) continue;
    if (!old) {
      changes.push({ kind: "object", image, object });
      continue;
    }
    // a field that is not set may be absent
    const names = [...new Set([...Object.keys(old), ...Object.keys(object)])] as (keyof LabeledObject)[];
    const fields = names
      .filter((name) => !isSame(object[name], old[name]))
      .map((name) => [name, object[name]] as const);
    if (fields.length > 0) {
      changes.push({ kind: "object-changed", image, object: object.id, fields: Object.fromEntries(fields) });
    }
  }
  const objects = idsOf(after);
  if (!isSameOrder(orderLeft(idsOf(before), objects), objects)) {
    changes.push({ kind: "objects-ordered", image, objects });
  }
  return changes;
}

/** The changes from `before` to `after`: `applied(before, changesBetween(before, after))` equals `after`. */
export function changesBetween(before: Project, after: Project): Change[] {
  const changes: Change[] = [];
  if (!isSame(before.classes, after.classes)) changes.push({ kind: "classes", classes: after.classes });
  if (!isSame(before.foreign, after.foreign)) changes.push({ kind: "foreign", foreign: after.foreign });
  if (before.images === after.images) return changes;
  const imageChanges = (old: LabeledImage | undefined, image: LabeledImage): void => {
    if (old === image) return;
    if (!old || !isSame(factsOf(old), factsOf(image))) changes.push({ kind: "image", image: factsOf(image) });
    changes.push(...objectChanges(image.id, old?.objects ?? [], image.objects));
  };
  // of large sets few images change, and new ones come last: the others are walked once, and in no map
  const isFound = before.images.every((old, at) => old === after.images[at] || old.id === after.images[at]?.id);
  if (isFound) {
    after.images.forEach((image, at) => {
      imageChanges(before.images[at], image);
    });
    return changes;
  }
  const [were, are] = [byId(before.images), byId(after.images)];
  for (const { id } of before.images) if (!are.has(id)) changes.push({ kind: "image-deleted", image: id });
  for (const image of after.images) imageChanges(were.get(image.id), image);
  const images = idsOf(after.images);
  if (!isSameOrder(orderLeft(idsOf(before.images), images), images)) changes.push({ kind: "images-ordered", images });
  return changes;
}

/** Entries in the order of `ids`; entries that are not in `ids` come last, in their old order. */
function reordered<T>(entries: ReadonlyMap<string, T>, ids: readonly string[]): Map<string, T> {
  const sorted = new Map<string, T>();
  for (const id of [...ids, ...entries.keys()]) {
    const entry = entries.get(id);
    if (entry !== undefined) sorted.set(id, entry);
  }
  return sorted;
}

/** Applies changes in order; a change to something that no longer exists is ignored. */
export function applied(project: Project, changes: readonly Change[]): Project {
  let { classes, foreign } = project;
  let images = byId(project.images);
  /** Objects of the images that change. */
  const touched = new Map<string, Map<string, LabeledObject>>();
  const objectsOf = (id: string): Map<string, LabeledObject> => {
    const objects = touched.get(id) ?? byId(images.get(id)?.objects ?? []);
    if (images.has(id)) touched.set(id, objects);
    return objects;
  };
  for (const change of changes) {
    switch (change.kind) {
      case "classes":
        classes = change.classes;
        break;
      case "foreign":
        foreign = change.foreign;
        break;
      case "image":
        images.set(change.image.id, { ...change.image, objects: images.get(change.image.id)?.objects ?? [] });
        break;
      case "image-deleted":
        images.delete(change.image);
        touched.delete(change.image);
        break;
      case "images-ordered":
        images = reordered(images, change.images);
        break;
      case "object":
        objectsOf(change.image).set(change.object.id, change.object);
        break;
      case "object-changed": {
        const objects = objectsOf(change.image);
        const object = objects.get(change.object);
        if (object) objects.set(change.object, { ...object, ...change.fields });
        break;
      }
      case "object-deleted":
        objectsOf(change.image).delete(change.object);
        break;
      case "objects-ordered":
        if (images.has(change.image)) touched.set(change.image, reordered(objectsOf(change.image), change.objects));
        break;
      default:
        change satisfies never;
    }
  }
  for (const [id, objects] of touched) {
    const image = images.get(id);
    if (image) images.set(id, { ...image, objects: [...objects.values()] });
  }
  return { classes, images: [...images.values()], ...(foreign && { foreign }) };
}
