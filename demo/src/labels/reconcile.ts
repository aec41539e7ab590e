/**
 * Merges labels that were changed in two windows at once.
 *
 * `base` is the state that both windows started from, `theirs` is what another window has kept since, and `ours` is
 * this window's state. It is a three-way merge, in which `theirs` wins:
 *
 * - Additions of both sides are kept.
 * - What one side deleted is gone, unless the other side changed it. That time was spent on a picture is no change.
 * - If both sides changed the same field, the value of `theirs` is kept.
 */
import { type LabeledImage, type LabeledObject, type ObjectClass, type Project, withClassesOf } from "./annotations.ts";
import { factsOf, type ImageFacts, orderLeft } from "./changes.ts";
import { isSame } from "./same.ts";

/**
 * Merges entries by key; entries that both sides have are merged field by field.
 *
 * @param isAsBefore whether an entry that the other side deleted was not changed on this one
 */
function merged<T extends object>(
  base: ReadonlyMap<string, T>,
  theirs: ReadonlyMap<string, T>,
  ours: ReadonlyMap<string, T>,
  isAsBefore: (now: T, before: T | undefined) => boolean = isSame,
): Map<string, T> {
  const entries = new Map<string, T>();
  for (const key of new Set([...theirs.keys(), ...ours.keys()])) {
    const [before, kept, wanted] = [base.get(key), theirs.get(key), ours.get(key)];
    if (kept && wanted) entries.set(key, mergedFields(before, kept, wanted));
    else if (kept && !isAsBefore(kept, before)) entries.set(key, kept);
    else if (wanted && !isAsBefore(wanted, before)) entries.set(key, wanted);
  }
  return entries;
}

function mergedFields<T extends object>(before: T | undefined, kept: T, wanted: T): T {
  if (!before || kept === wanted) return kept;
  // a field that is not set may be absent
  const fields = [...new Set([...Object.keys(kept), ...Object.keys(wanted)])] as (keyof T)[];
  const ours = fields.filter((field) => isSame(kept[field], before[field]) && !isSame(wanted[field], before[field]));
  return ours.length === 0 ? kept : { ...kept, ...Object.fromEntries(ours.map((field) => [field, wanted[field]])) };
}

/** `keys` in the order of the side that was reordered (`theirs` if both were); keys that it lacks come last. */
function inOrder(
  keys: ReadonlySet<string>,
  base: readonly string[],
  theirs: readonly string[],
  ours: readonly string[],
): string[] {
  const isReordered = (side: readonly string[]): boolean => !isSame(orderLeft(base, side), side);
  const order = isReordered(ours) && !isReordered(theirs) ? [...ours, ...theirs] : [...theirs, ...ours];
  return [...new Set([...order, ...keys])].filter((key) => keys.has(key));
}

const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);
const byId = <T extends { readonly id: string }>(list: readonly T[]): Map<string, T> =>
  new Map(list.map((each) => [each.id, each]));

/** Merges the objects of one image. */
export function reconciledObjects(
  base: readonly LabeledObject[],
  theirs: readonly LabeledObject[],
  ours: readonly LabeledObject[],
): readonly LabeledObject[] {
  if (theirs === base) return ours;
  if (ours === base) return theirs;
  const objects = merged(byId(base), byId(theirs), byId(ours));
  const order = inOrder(new Set(objects.keys()), idsOf(base), idsOf(theirs), idsOf(ours));
  return order.map((id) => objects.get(id) as LabeledObject);
}

/** All objects by id, each with its image's id, so that objects of all images are merged in one go. */
function placed({ images }: Project): Map<string, LabeledObject & { readonly image: string }> {
  return byId(images.flatMap(({ id: image, objects }) => objects.map((object) => ({ ...object, image }))));
}

/** Whether an image is as it was, however long somebody has worked on it since. */
function isSameBesidesTime(now: ImageFacts, before: ImageFacts | undefined): boolean {
  return before !== undefined && isSame({ ...now, seconds: 0 }, { ...before, seconds: 0 });
}

/** Merges two projects; see the top of this file. */
export function reconciled(base: Project, theirs: Project, ours: Project): Project {
  if (theirs === base) return ours;
  if (ours === base) return theirs;
  const of = <T>(part: (side: Project) => T): [T, T, T] => [part(base), part(theirs), part(ours)];

  const objects = merged(...of(placed));
  const facts = merged(...of(({ images }) => byId<ImageFacts>(images.map(factsOf))), isSameBesidesTime);
  const objectsOf = new Map<string, Map<string, LabeledObject>>();
  for (const { image, ...object } of objects.values()) {
    const others = objectsOf.get(image) ?? new Map<string, LabeledObject>();
    objectsOf.set(image, others.set(object.id, object));
  }
  // an image that one side deleted is kept if objects of it are left after the merge
  for (const image of [...ours.images, ...theirs.images]) {
    if (objectsOf.has(image.id) && !facts.has(image.id)) facts.set(image.id, factsOf(image));
  }
  const orders = of(({ images }) => new Map(images.map((image) => [image.id, idsOf(image.objects)])));
  const images = inOrder(new Set(facts.keys()), ...of((side) => idsOf(side.images))).map((id): LabeledImage => {
    const own = objectsOf.get(id) ?? new Map<string, LabeledObject>();
    const [before, kept, wanted] = orders.map((order) => order.get(id) ?? []) as [string[], string[], string[]];
    const order = inOrder(new Set(own.keys()), before, kept, wanted);
    return { ...(facts.get(id) as ImageFacts), objects: order.map((each) => own.get(each) as LabeledObject) };
  });

  const named = of(({ classes }) => new Map(classes.map((each) => [each.name, each])));
  const classes = merged(...named);
  // likewise a class
  for (const { className } of objects.values()) {
    const known = named.map((side) => side.get(className)).find((side) => side !== undefined);
    if (known && !classes.has(className)) classes.set(className, known);
  }
  const names = inOrder(new Set(classes.keys()), ...of((side) => side.classes.map(({ name }) => name)));
  const foreign = isSame(theirs.foreign, base.foreign) ? ours.foreign : theirs.foreign;
  const project: Project = {
    classes: names.map((name) => classes.get(name) as ObjectClass),
    images,
    ...(foreign && { foreign }),
  };
  return images.reduce((before, image) => withClassesOf(before, image.objects), project);
}
