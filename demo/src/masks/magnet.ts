/** Joins what is added to a mask to its neighbors' edges. */
import type { Rle } from "sam2-web";
import { grown } from "./shape.ts";
import { difference, intersection, rleOf, type Turns, turnsOf, union } from "./turns.ts";

/** Wider gaps are left: they are no slip of the hand, and finding them takes long. */
const WIDEST = 32;

/**
 * The mask after something was added to it, such that what was added overlaps none of the neighbors, and that no gap of at
 * most `widest` pixels is left between it and them. What the mask was before stays.
 */
export function joined(before: Rle, after: Rle, neighbors: readonly Rle[], widest: number): Rle {
  const [height, width] = after.size;
  const all = union(neighbors.map(turnsOf));
  const added = difference(difference(turnsOf(after), turnsOf(before)), all);
  const kept = union([turnsOf(before), added]);
  const most = Math.min(Math.floor(widest), WIDEST);
  const near = intersection(all, columnsAround(added, most + 1, width, height));
  const isAlone = added.length === 0 || near.length === 0;
  if (most < 1 || isAlone) return rleOf(kept, width, height);
  const [ours, theirs] = [rleOf(added, width, height), rleOf(near, width, height)];
  const gaps: Turns[] = [];
  // a pixel of a gap so wide that is `away` pixels from what was added is at most the rest of it from a neighbor
  for (let away = 1; away <= most; away++) {
    gaps.push(intersection(turnsOf(grown(ours, away)), turnsOf(grown(theirs, most + 1 - away))));
  }
  return rleOf(union([kept, difference(union(gaps), all)]), width, height);
}

/** All pixels of the columns that a mask is in, and of `more` to the left and right. */
function columnsAround(turns: Turns, more: number, width: number, height: number): Turns {
  if (turns.length === 0) return turns;
  const first = Math.max(Math.floor((turns[0] as number) / height) - more, 0);
  const last = Math.min(Math.floor(((turns.at(-1) as number) - 1) / height) + more, width - 1);
  return Uint32Array.of(first * height, (last + 1) * height);
}
