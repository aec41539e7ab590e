/** Rules by class for objects that would overlap. */
import { rleArea } from "sam2-web";
import { areaOf, difference, intersection, rleOf, turnsOf } from "../masks/turns.ts";
import type { LabeledObject, ObjectClass, Overlap } from "./annotations.ts";
import { counted } from "./counted.ts";

/** What the rules do to objects. */
export interface Ruled {
  readonly objects: readonly LabeledObject[];
  /** Pixels that new and changed objects lose. */
  readonly cut: number;
  /** Pixels that other objects lose to them, and how many of these objects are gone, since nothing is left of them. */
  readonly taken: number;
  readonly gone: number;
  /** New objects that are left out, and changed ones that stay as they were, since nothing would be left of them. */
  readonly refused: number;
}

/** The higher one has the pixel. */
const RANKS: Readonly<Record<Overlap, number>> = { "gives way": 0, protected: 2 };
const FREE = 1;

/**
 * Applies the rules to objects whose mask or class is another than before. Locked objects lose nothing.
 *
 * @returns the same list where the rules change nothing
 */
export function ruled(
  objects: readonly LabeledObject[],
  before: readonly LabeledObject[],
  classes: readonly ObjectClass[],
): Ruled {
  const nothing = { objects, cut: 0, taken: 0, gone: 0, refused: 0 };
  if (classes.every(({ overlap }) => overlap === undefined)) return nothing;
  const rankOf = new Map(classes.map(({ name, overlap }) => [name, overlap ? RANKS[overlap] : FREE]));
  const were = new Map(before.map((each) => [each.id, each]));
  const isChanged = ({ id, rle, className }: LabeledObject): boolean => {
    const was = were.get(id);
    return was?.rle !== rle || was.className !== className;
  };
  const left = new Map(objects.map((each) => [each.id, each]));
  const waiting = new Set(objects.filter(isChanged).map(({ id }) => id));
  let [cut, taken] = [0, 0];
  for (const id of [...waiting]) {
    waiting.delete(id);
    const object = left.get(id) as LabeledObject;
    const rank = rankOf.get(object.className) ?? FREE;
    let turns = turnsOf(object.rle);
    const [height, width] = object.rle.size;
    const others = [...left.values()].filter((each) => {
      const isFree = rank === FREE && (rankOf.get(each.className) ?? FREE) === FREE;
      return each.id !== id && !waiting.has(each.id) && !isFree;
    });
    const losesTo = (other: LabeledObject): boolean => rank > (rankOf.get(other.className) ?? FREE) && !other.locked;
    // what it has not in the end, it takes from nobody
    for (const other of others.filter((each) => !losesTo(each))) {
      const theirs = turnsOf(other.rle);
      cut += areaOf(intersection(turns, theirs));
      turns = difference(turns, theirs);
    }
    for (const other of others.filter(losesTo)) {
      const theirs = turnsOf(other.rle);
      const both = areaOf(intersection(turns, theirs));
      if (both === 0) continue;
      left.set(other.id, { ...other, rle: rleOf(difference(theirs, turns), width, height) });
      taken += both;
    }
    const rle = rleOf(turns, width, height);
    if (rle.counts !== object.rle.counts) left.set(id, { ...object, rle });
  }
  if (cut + taken === 0) return nothing;
  const isEmpty = ({ rle }: LabeledObject): boolean => rleArea(rle) === 0;
  const lost = objects.filter((each) => !isEmpty(each) && isEmpty(left.get(each.id) as LabeledObject));
  const staying = lost.filter((each) => isChanged(each) && were.has(each.id));
  if (staying.length > 0) {
    const asTheyWere = objects.map((each) => (staying.includes(each) ? (were.get(each.id) as LabeledObject) : each));
    const beside = ruled(asTheyWere, before, classes);
    const more = staying.reduce((sum, { rle }) => sum + rleArea(rle), 0);
    return { ...beside, cut: beside.cut + more, refused: beside.refused + staying.length };
  }
  const refused = lost.filter(isChanged).length;
  const kept = objects.filter((each) => !lost.includes(each)).map(({ id }) => left.get(id) as LabeledObject);
  return { objects: kept, cut, taken, gone: lost.length - refused, refused };
}

/** What is said of the rules after a change, of one picture or several; empty where they did nothing. */
export function rulesInWords(...all: readonly Ruled[]): string {
  const sum = (what: "cut" | "taken" | "gone" | "refused"): number =>
    all.reduce((before, each) => before + each[what], 0);
  const [cut, taken, gone, refused] = [sum("cut"), sum("taken"), sum("gone"), sum("refused")];
  const lines = [
    cut > 0 && `${counted(cut, "pixel")} stayed with other classes.`,
    taken > 0 && `${counted(taken, "pixel")} taken from classes that give way.`,
    gone > 0 && `${gone} of their objects ${gone === 1 ? "is" : "are"} gone.`,
    refused > 0 && `${refused} left out: nothing of ${refused === 1 ? "it" : "them"} is free.`,
  ];
  return lines.filter(Boolean).join(" ");
}
