/** Polygons and runs of files → RLE, with exactly the pixels that pycocotools fills; parts outside the picture cost nothing. */
import type { Rle } from "sam2-web";
import { MOST_TURNS, rleOf, type Turns, union } from "./turns.ts";

/** Outlines are drawn on a finer grid, as in pycocotools: this many cells along a pixel's side. */
const FINENESS = 5;

/** Coordinates are clamped to this, in pixels: cells, and their differences, are then whole numbers that a double holds. */
const FARTHEST = 2 ** 49;

/** Called where an edge of a polygon crosses the middle of a column of pixels; both arguments count from 0. */
type Crossing = (column: number, row: number) => void;

/** The cell of a coordinate. */
function cellOf(coordinate: number): number {
  return Math.trunc(FINENESS * Math.min(Math.max(coordinate, -FARTHEST), FARTHEST) + 0.5);
}

/** The first and last column of a picture whose middle lies between two cells. */
function columnsBetween(left: number, right: number, width: number): [first: number, last: number] {
  return [Math.max(0, Math.ceil((left - 2) / FINENESS)), Math.min(width - 1, Math.floor((right - 3) / FINENESS))];
}

/**
 * Crossings of the edge between two cells. pycocotools walks along the edge cell by cell, in whole
 * steps along its longer direction; here the cells on both sides of a column's middle are computed directly.
 */
function crossEdge(x1: number, y1: number, x2: number, y2: number, width: number, height: number, cross: Crossing) {
  const [wide, high] = [Math.abs(x2 - x1), Math.abs(y2 - y1)];
  const isFlat = wide >= high;
  // an edge is always drawn from the end with the smaller coordinate, so that its direction does not matter
  const isTurned = isFlat ? x1 > x2 : y1 > y2;
  const [fromX, fromY, toX, toY] = isTurned ? [x2, y2, x1, y1] : [x1, y1, x2, y2];
  const [first, last] = columnsBetween(Math.min(x1, x2), Math.max(x1, x2), width);
  const slope = isFlat ? (toY - fromY) / wide : (toX - fromX) / high;
  for (let column = first; column <= last; column++) {
    const left = FINENESS * column + 2;
    let cell: number;
    if (isFlat) {
      const yAt = (x: number): number => Math.trunc(fromY + slope * (x - fromX) + 0.5);
      cell = Math.min(yAt(left), yAt(left + 1));
    } else {
      const isPast = (step: number): boolean => {
        const x = Math.trunc(fromX + slope * step + 0.5);
        return slope > 0 ? x > left : x <= left;
      };
      // the first step that is past lies beside this one, or, where an edge is longer than doubles are fine, far from it
      const near = Math.round((left + 0.5 - fromX) / slope);
      let [before, past] = [Math.max(near - 2, 0), Math.min(near + 2, high)];
      if (before >= high || (before > 0 && isPast(before))) before = 0;
      if (past < 1 || !isPast(past)) past = high;
      while (past - before > 1) {
        const middle = before + Math.floor((past - before) / 2);
        if (isPast(middle)) past = middle;
        else before = middle;
      }
      cell = fromY + past - 1;
    }
    const row = (cell + 0.5) / FINENESS - 0.5;
    cross(column, Math.ceil(Math.min(Math.max(row, 0), height)));
  }
}

/** An upper bound for how often a ring crosses columns of the picture. */
function countCrossings(cells: Float64Array, width: number): number {
  let count = 0;
  for (let i = 0; i < cells.length; i += 2) {
    const [x1, x2] = [cells[i] as number, cells[(i + 2) % cells.length] as number];
    const [first, last] = columnsBetween(Math.min(x1, x2), Math.max(x1, x2), width);
    if (last >= first) count += last - first + 1;
  }
  return count;
}

/** Positions, down the columns, where the filling of a ring switches on and off: `rleFrPoly` of maskApi.c. */
function crossingsOf(ring: readonly number[], width: number, height: number): Uint32Array {
  const cells = Float64Array.from(ring, cellOf);
  const eachCrossing = (cross: Crossing): void => {
    for (let i = 0; i < cells.length; i += 2) {
      const next = (i + 2) % cells.length;
      const [x1, y1] = [cells[i] as number, cells[i + 1] as number];
      crossEdge(x1, y1, cells[next] as number, cells[next + 1] as number, width, height, cross);
    }
  };
  const [count, pixels] = [countCrossings(cells, width), width * height];
  if (count <= pixels) {
    const turns = new Uint32Array(count);
    let at = 0;
    eachCrossing((column, row) => {
      turns[at++] = column * height + row;
    });
    return turns.sort();
  }
  // if there are more crossings than pixels, store for each pixel only whether their number is odd
  const isOdd = new Uint8Array(pixels + 1);
  eachCrossing((column, row) => {
    (isOdd[column * height + row] as number) ^= 1;
  });
  return Uint32Array.from(positionsOfOnes(isOdd));
}

function* positionsOfOnes(values: Uint8Array): Generator<number> {
  for (let at = values.indexOf(1); at >= 0; at = values.indexOf(1, at + 1)) yield at;
}

/**
 * The pixels that any of `rings` covers, each a list of x and y in turn, in pixels from the picture's
 * corner. A ring that crosses itself is filled by the even-odd rule.
 *
 * Time and memory depend on the number of corners and of columns crossed within the picture, not on how far a ring
 * reaches outside.
 */
export function fillPolygons(rings: readonly (readonly number[])[], width: number, height: number): Rle {
  let fillings: Uint32Array[] = [];
  let size = 0;
  for (const ring of rings) {
    const turns = crossingsOf(ring, width, height);
    fillings.push(turns);
    size += turns.length;
    if (size > width * height) {
      fillings = [union(fillings)];
      size = fillings[0]?.length ?? 0;
    }
  }
  return rleOf(union(fillings), width, height);
}

/**
 * The pixels of runs of 0, 1, 0, … down the columns.
 *
 * @throws RangeError when they do not add up to the size
 */
export function fillRuns(runs: readonly number[], width: number, height: number): Rle {
  const total = runs.reduce((sum, run) => sum + run, 0);
  if (total !== width * height || !runs.every((run) => Number.isInteger(run) && run >= 0)) {
    throw new RangeError(`RLE: runs add up to ${total}, expected ${width * height}`);
  }
  const turns = new Uint32Array(runs.length - (runs.length % 2));
  let end = 0;
  for (const [index, run] of runs.entries()) {
    if (index < turns.length) turns[index] = end + run;
    end += run;
  }
  return rleOf(turns, width, height);
}

/** Fills rings: x and y of their corners in turn. */
export type FillRings = (rings: readonly (readonly number[])[]) => Turns | null;

/**
 * Fills the paths of a drawing, each of rings along the pixels' edges, by the even-odd rule.
 *
 * @returns for each path null when a ring leaves the picture, or the edges, or is longer than all that edges of pixels can be;
 *   and when all paths up to it cross more than `MOST_TURNS` columns
 */
export function fillerAlongPixels(width: number, height: number): FillRings {
  let roomOfAll = MOST_TURNS;
  return (rings) => {
    const most = Math.min(width * (height + 1), roomOfAll);
    const at: number[] = [];
    for (const ring of rings) {
      for (let i = 0; i < ring.length; i += 2) {
        const [x1, y1] = [ring[i] as number, ring[i + 1] as number];
        const [x2, y2] = [ring[(i + 2) % ring.length] as number, ring[(i + 3) % ring.length] as number];
        const isAlong = x1 === x2 || y1 === y2;
        if (!isAlong || !isWithin(x1, width) || !isWithin(y1, height) || !isWithin(x2, width)) return null;
        if (at.length + Math.abs(x2 - x1) > most) return null;
        // where a column crosses an edge, what is below it is the other way round
        for (let column = Math.min(x1, x2); column < Math.max(x1, x2); column++) at.push(column * height + y1);
      }
    }
    roomOfAll -= at.length;
    const sorted = Uint32Array.from(at).sort();
    let count = 0;
    // two at one place take each other back
    for (const place of sorted) {
      if (count > 0 && sorted[count - 1] === place) count--;
      else sorted[count++] = place;
    }
    return sorted.subarray(0, count);
  };
}

const isWithin = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most;
