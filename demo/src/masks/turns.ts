/**
 * Masks as turns: the positions, counted down the columns, where a filling switches on and off, in order. What is done to
 * masks in this form costs as much as their outlines are long, however large the picture is.
 */
import { compressRuns, expandRuns, type Rle } from "sam2-web";

/** Where a mask begins and ends, in turn: an even number of positions. */
export type Turns = Uint32Array;

/** The turns of a mask. @throws InvalidMaskError for an RLE that is none */
export function turnsOf(rle: Rle): Turns {
  const runs = expandRuns(rle);
  const turns = new Uint32Array(runs.length - (runs.length % 2));
  let [position, count] = [0, 0];
  for (let at = 0; at + 1 < runs.length; at += 2) {
    const from = position + (runs[at] as number);
    position = from + (runs[at + 1] as number);
    if (from === position) continue;
    turns[count++] = from;
    turns[count++] = position;
  }
  return turns.subarray(0, count);
}

/** The mask of turns; stretches that touch become one, and empty ones none. */
export function rleOf(turns: Turns, width: number, height: number): Rle {
  const runs: number[] = [];
  let end = 0;
  for (let i = 0; i < turns.length; i += 2) {
    const [from, to] = [turns[i] as number, turns[i + 1] as number];
    if (from === to) continue;
    if (from === end && runs.length > 1) {
      runs[runs.length - 1] = (runs.at(-1) as number) + to - from;
    } else {
      runs.push(from - end, to - from);
    }
    end = to;
  }
  if (end < width * height || runs.length === 0) runs.push(width * height - end);
  return compressRuns(runs, [height, width]);
}

/** More turns are refused where a small file may make any number of them: each takes some bytes, in several lists. */
export const MOST_TURNS: number = 2 ** 24;

/**
 * The masks of a picture whose values, row by row, say what each pixel is; 0 is nothing. Read once, however many there are.
 *
 * @returns null when there are more than `MOST_TURNS`
 */
export function turnsOfValues(
  data: ArrayLike<number>,
  { width, height }: { readonly width: number; readonly height: number },
): Map<number, Turns> | null {
  const turns = new Map<number, number[]>();
  let count = 0;
  const turn = (value: number, at: number): void => {
    if (value === 0) return;
    count++;
    const known = turns.get(value);
    if (known) known.push(at);
    else turns.set(value, [at]);
  };
  let last = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const value = data[y * width + x] as number;
      if (value === last) continue;
      if (count > MOST_TURNS) return null;
      turn(last, x * height + y);
      turn(value, x * height + y);
      last = value;
    }
  }
  turn(last, width * height);
  return new Map([...turns].map(([value, at]) => [value, Uint32Array.from(at)]));
}

/** The union of several masks. */
export function union(masks: readonly Turns[]): Turns {
  const [only, ...others] = masks;
  if (only && others.length === 0) return only;
  const count = masks.reduce((sum, { length }) => sum + length / 2, 0);
  const [starts, ends] = [new Uint32Array(count), new Uint32Array(count)];
  let at = 0;
  for (const turns of masks) {
    for (let i = 0; i < turns.length; i += 2) {
      starts[at] = turns[i] as number;
      ends[at++] = turns[i + 1] as number;
    }
  }
  starts.sort();
  ends.sort();
  const turns = new Uint32Array(2 * count);
  let [length, started] = [0, 0];
  for (let ended = 0; ended < count; ended++) {
    const end = ends[ended] as number;
    if (started === ended) turns[length++] = starts[started] as number;
    while (started < count && (starts[started] as number) <= end) started++;
    if (started === ended + 1) turns[length++] = end;
  }
  return turns.subarray(0, length);
}

/** What two masks have in common. */
export function intersection(a: Turns, b: Turns): Turns {
  return merged(a, b, (inA, inB) => inA && inB);
}

/** What is of the first mask, and not of the second. */
export function difference(a: Turns, b: Turns): Turns {
  return merged(a, b, (inA, inB) => inA && !inB);
}

/** Walks along both masks, and keeps the stretches that `isKept` wants. */
function merged(a: Turns, b: Turns, isKept: (inA: boolean, inB: boolean) => boolean): Turns {
  const turns = new Uint32Array(a.length + b.length);
  let [i, j, length, isOn] = [0, 0, 0, false];
  while (i < a.length || j < b.length) {
    const at = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    while (a[i] === at) i++;
    while (b[j] === at) j++;
    const isWanted = isKept(i % 2 === 1, j % 2 === 1);
    if (isWanted !== isOn) turns[length++] = at;
    isOn = isWanted;
  }
  return turns.subarray(0, length);
}

/** All that is not of the mask, of `total` pixels. */
export function complement(turns: Turns, total: number): Turns {
  return difference(Uint32Array.of(0, total), turns);
}

/** Pixels of a mask. */
export function areaOf(turns: Turns): number {
  let area = 0;
  for (let i = 0; i < turns.length; i += 2) area += (turns[i + 1] as number) - (turns[i] as number);
  return area;
}

/** Intersection over union; 1 where both are empty. */
export function iouOf(a: Turns, b: Turns): number {
  const both = areaOf(intersection(a, b));
  const either = areaOf(a) + areaOf(b) - both;
  return either === 0 ? 1 : both / either;
}

/** Whether a mask has the pixel at a place of the picture. */
export function covers(rle: Rle, x: number, y: number): boolean {
  const [height, width] = rle.size;
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (column < 0 || row < 0 || column >= width || row >= height) return false;
  const position = column * height + row;
  let end = 0;
  for (const [index, run] of expandRuns(rle).entries()) {
    end += run;
    if (position < end) return index % 2 === 1;
  }
  return false;
}

/** A stretch of a column of pixels: `from` to `to`, the last one excluded. */
export interface Stretch {
  readonly column: number;
  readonly from: number;
  readonly to: number;
}

/** The stretches of a mask, column by column. */
export function* stretchesOf(turns: Turns, height: number): Generator<Stretch> {
  for (let i = 0; i < turns.length; i += 2) {
    const end = turns[i + 1] as number;
    for (let at = turns[i] as number; at < end; ) {
      const column = Math.floor(at / height);
      const to = Math.min(end, (column + 1) * height);
      yield { column, from: at - column * height, to: to - column * height };
      at = to;
    }
  }
}
