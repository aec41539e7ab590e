/** A mask's outline as corners that can be moved, added and removed. */
import { type Mask, maskToPolygons, type Rle } from "sam2-web";
import { difference, rleOf, stretchesOf, type Turns, turnsOf, union } from "./turns.ts";

/** A place on the picture, in its pixels; a pixel covers [x, x+1] × [y, y+1]. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Closed lines: outlines and holes, which are filled by the even-odd rule. */
export type Rings = readonly (readonly Place[])[];

/** A corner, or the line from it to the next: which ring, and which corner of it. */
export interface CornerOf {
  readonly ring: number;
  readonly corner: number;
}

/** The outline of a mask, simplified by up to `tolerance` pixels; 0 follows the pixels' edges exactly. */
export function outlineOf(rle: Rle, tolerance: number): Rings {
  const { mask, left, top } = cropped(rle);
  if (!mask) return [];
  return maskToPolygons(mask, { tolerance })
    .flatMap(({ outer, holes }) => [outer, ...holes])
    .map((ring) => ring.map(([x, y]) => ({ x: x + left, y: y + top })));
}

/** The part of the picture that a mask is in. */
function cropped(rle: Rle): { readonly mask: Mask | null; readonly left: number; readonly top: number } {
  const [height] = rle.size;
  const stretches = [...stretchesOf(turnsOf(rle), height)];
  const [first, last] = [stretches[0], stretches.at(-1)];
  if (!first || !last) return { mask: null, left: 0, top: 0 };
  const left = first.column;
  const top = stretches.reduce((least, { from }) => Math.min(least, from), height);
  const bottom = stretches.reduce((most, { to }) => Math.max(most, to), 0);
  const [wide, high] = [last.column + 1 - left, bottom - top];
  const data = new Uint8Array(wide * high);
  for (const { column, from, to } of stretches) {
    for (let row = from - top; row < to - top; row++) data[row * wide + column - left] = 1;
  }
  return { mask: { data, width: wide, height: high }, left, top };
}

/** The pixels whose center is inside, by the even-odd rule. */
export function filled(rings: Rings, width: number, height: number): Rle {
  return rleOf(fillingOf(rings, width, height), width, height);
}

function fillingOf(rings: Rings, width: number, height: number): Turns {
  const positions: number[] = [];
  for (const ring of rings) {
    for (const [i, a] of ring.entries()) {
      const b = ring[(i + 1) % ring.length] as Place;
      const [from, to] = a.x <= b.x ? [a, b] : [b, a];
      // columns whose middle is on the line, its right end excluded: the next line begins there
      const last = Math.min(Math.ceil(to.x - 0.5) - 1, width - 1);
      for (let column = Math.max(Math.ceil(from.x - 0.5), 0); column <= last; column++) {
        const y = from.y + ((column + 0.5 - from.x) * (to.y - from.y)) / (to.x - from.x);
        positions.push(column * height + Math.min(Math.max(Math.ceil(y - 0.5), 0), height));
      }
    }
  }
  return Uint32Array.from(positions).sort();
}

/** How many corners there are. */
export function cornerCount(rings: Rings): number {
  return rings.reduce((count, ring) => count + ring.length, 0);
}

/**
 * The mask after its outline was changed: only pixels between the outline before and after it are others. So what a
 * simplified outline left out stays as exact as it was.
 */
export function reshaped(rle: Rle, before: Rings, after: Rings): Rle {
  const [height, width] = rle.size;
  const [was, is] = [fillingOf(before, width, height), fillingOf(after, width, height)];
  const more = union([turnsOf(rle), difference(is, was)]);
  return rleOf(difference(more, difference(was, is)), width, height);
}

/** The outline with a corner elsewhere. */
export function withCornerAt(rings: Rings, { ring, corner }: CornerOf, place: Place): Rings {
  return rings.map((each, i) => (i === ring ? each.with(corner, place) : each));
}

/** The outline with a new corner after another. */
export function withCornerAfter(rings: Rings, { ring, corner }: CornerOf, place: Place): Rings {
  return rings.map((each, i) => (i === ring ? each.toSpliced(corner + 1, 0, place) : each));
}

/** The outline without a corner; a ring that would have less than three goes as a whole. */
export function withoutCorner(rings: Rings, { ring, corner }: CornerOf): Rings {
  return rings.flatMap((each, i) => {
    if (i !== ring) return [each];
    return each.length <= 3 ? [] : [each.toSpliced(corner, 1)];
  });
}

/** The corner nearest to a place, if one is within `reach` pixels. */
export function cornerNear(rings: Rings, place: Place, reach: number): CornerOf | null {
  return nearest(rings, reach, (corner) => Math.hypot(corner.x - place.x, corner.y - place.y));
}

/** The line nearest to a place, named by the corner that it begins at, if one is within `reach` pixels. */
export function lineNear(rings: Rings, place: Place, reach: number): CornerOf | null {
  return nearest(rings, reach, (a, b) => {
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const length = dx * dx + dy * dy;
    const along = length === 0 ? 0 : ((place.x - a.x) * dx + (place.y - a.y) * dy) / length;
    const share = Math.min(Math.max(along, 0), 1);
    return Math.hypot(place.x - a.x - share * dx, place.y - a.y - share * dy);
  });
}

function nearest(rings: Rings, reach: number, distance: (corner: Place, next: Place) => number): CornerOf | null {
  let [found, least]: [CornerOf | null, number] = [null, reach];
  for (const [ring, corners] of rings.entries()) {
    for (const [corner, place] of corners.entries()) {
      const away = distance(place, corners[(corner + 1) % corners.length] as Place);
      if (away > least) continue;
      [found, least] = [{ ring, corner }, away];
    }
  }
  return found;
}
