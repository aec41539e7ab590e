/** What changes the shape of a whole mask: grow, shrink, smooth, fill holes, fall into parts, become of another size. */
import { maskParts, type Rle } from "sam2-web";
import { complement, rleOf, stretchesOf, type Turns, turnsOf, union } from "./turns.ts";

/** The pixels whose center is at most `reach` pixels away from the center of a pixel of the mask. */
export function grown(rle: Rle, reach: number): Rle {
  const [height, width] = rle.size;
  return rleOf(reached(turnsOf(rle), reach, width, height), width, height);
}

/** The pixels of the mask that are farther than `reach` pixels from all others of the picture; its border is no end. */
export function shrunk(rle: Rle, reach: number): Rle {
  const [height, width] = rle.size;
  const total = width * height;
  const others = reached(complement(turnsOf(rle), total), reach, width, height);
  return rleOf(complement(others, total), width, height);
}

/** A disk's worth of pixels around each pixel. */
function reached(turns: Turns, reach: number, width: number, height: number): Turns {
  const radius = Math.floor(reach);
  const heights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.floor(Math.sqrt(reach ** 2 - (i - radius) ** 2)),
  );
  /** By column, +1 where a stretch begins and -1 where one ends; only columns that are reached have one. */
  const marks = new Map<number, Int32Array>();
  for (const { column, from, to } of stretchesOf(turns, height)) {
    const last = Math.min(column + radius, width - 1);
    for (let reachedColumn = Math.max(column - radius, 0); reachedColumn <= last; reachedColumn++) {
      const more = heights[reachedColumn - column + radius] as number;
      const marked = marks.get(reachedColumn) ?? new Int32Array(height + 1);
      marks.set(reachedColumn, marked);
      (marked[Math.max(from - more, 0)] as number)++;
      (marked[Math.min(to + more, height)] as number)--;
    }
  }
  const positions: number[] = [];
  for (const column of [...marks.keys()].sort((a, b) => a - b)) {
    let depth = 0;
    for (const [row, step] of (marks.get(column) as Int32Array).entries()) {
      if (step === 0) continue;
      if ((depth === 0) !== (depth + step === 0)) positions.push(column * height + row);
      depth += step;
    }
  }
  return Uint32Array.from(positions);
}

/** A median filter: the pixels around which, within `reach` pixels across and down, more than half are of the mask. */
export function smoothed(rle: Rle, reach: number): Rle {
  const [height, width] = rle.size;
  const turns = turnsOf(rle);
  const radius = Math.floor(reach);
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (const { column, from, to } of stretchesOf(turns, height)) {
    [left, right] = [Math.min(left, column), Math.max(right, column + 1)];
    [top, bottom] = [Math.min(top, from), Math.max(bottom, to)];
  }
  if (right <= left) return rle;
  [left, top] = [Math.max(left - radius, 0), Math.max(top - radius, 0)];
  [right, bottom] = [Math.min(right + radius, width), Math.min(bottom + radius, height)];
  const [wide, high] = [right - left, bottom - top];
  /** Pixels of the mask above and left of each corner of the part, itself excluded; down the columns. */
  const sums = new Uint32Array((wide + 1) * (high + 1));
  const isSet = new Uint8Array(wide * high);
  for (const { column, from, to } of stretchesOf(turns, height)) {
    isSet.fill(1, (column - left) * high + from - top, (column - left) * high + to - top);
  }
  for (let column = 0; column < wide; column++) {
    let sum = 0;
    const [before, here] = [column * (high + 1), (column + 1) * (high + 1)];
    for (let row = 0; row < high; row++) {
      sum += isSet[column * high + row] as number;
      sums[here + row + 1] = (sums[before + row + 1] as number) + sum;
    }
  }
  const sumAt = (column: number, row: number): number => sums[column * (high + 1) + row] as number;
  const within = (at: number, most: number): number => Math.min(Math.max(at, 0), most);
  const positions: number[] = [];
  for (let column = 0; column < wide; column++) {
    const [x1, x2] = [within(column - radius, wide), within(column + radius + 1, wide)];
    // pixels outside of the part are in the picture, but not of the mask; those outside of the picture do not count
    const across = within(left + column + radius + 1, width) - within(left + column - radius, width);
    let isOn = false;
    for (let row = 0; row < high; row++) {
      const [y1, y2] = [within(row - radius, high), within(row + radius + 1, high)];
      const down = within(top + row + radius + 1, height) - within(top + row - radius, height);
      const sum = sumAt(x2, y2) - sumAt(x1, y2) - sumAt(x2, y1) + sumAt(x1, y1);
      const isKept = 2 * sum > across * down;
      if (isKept !== isOn) positions.push((left + column) * height + top + row);
      isOn = isKept;
    }
    if (isOn) positions.push((left + column) * height + bottom);
  }
  return rleOf(Uint32Array.from(positions), width, height);
}

/** The mask with the holes in it filled: what is not of it, and is shut off from the picture's border. */
export function withoutHoles(rle: Rle): Rle {
  const [height, width] = rle.size;
  const turns = turnsOf(rle);
  const holes = maskParts(rleOf(complement(turns, width * height), width, height))
    .map(turnsOf)
    .filter((part) => !touchesBorder(part, width, height));
  return holes.length === 0 ? rle : rleOf(union([turns, ...holes]), width, height);
}

function touchesBorder(turns: Turns, width: number, height: number): boolean {
  if (turns.length === 0) return false;
  if ((turns[0] as number) < height || (turns.at(-1) as number) > (width - 1) * height) return true;
  for (const { from, to } of stretchesOf(turns, height)) if (from === 0 || to === height) return true;
  return false;
}

/** The mask for a picture of another size: each pixel is as the one of the same share of the sides. */
export function resized(rle: Rle, width: number, height: number): Rle {
  const [from, across] = rle.size;
  if (from === height && across === width) return rle;
  const columns = new Map<number, [number, number][]>();
  for (const { column, from: top, to } of stretchesOf(turnsOf(rle), from)) {
    columns.set(column, [...(columns.get(column) ?? []), [top, to]]);
  }
  /** The first pixel whose center is at or after a place of the picture before. */
  const row = (at: number): number => Math.ceil((at * height) / from - 0.5);
  const positions: number[] = [];
  for (let column = 0; column < width; column++) {
    const source = Math.floor(((column + 0.5) * across) / width);
    for (const [top, to] of columns.get(source) ?? []) {
      positions.push(column * height + row(top), column * height + row(to));
    }
  }
  return rleOf(Uint32Array.from(positions), width, height);
}
