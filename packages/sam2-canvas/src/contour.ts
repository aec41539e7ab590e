/**
 * The outline of a mask that is given as low-resolution logits: where their bilinear interpolation is zero. Found by
 * marching squares (Lorensen and Cline, 1987, in two dimensions), for the visible part alone, and as fine as the
 * screen shows.
 */
import type { Box, Size } from "./viewport.ts";

/** Low-resolution logits [side,side]; over 0 is the object. */
export interface LogitsPlane {
  readonly data: Float32Array;
  readonly side: number;
}

/** Corners x, y, x, y, … of a closed outline, in image pixels. */
export type Outline = readonly number[] | Float32Array;

/** Where the logits are looked at along one axis. */
interface Axis {
  /** In image pixels, ascending. */
  readonly at: Float64Array;
  /** The lower of the two logits that are mixed, and the share of the upper one. */
  readonly index: Int32Array;
  readonly share: Float64Array;
}

/** The places from `from` to `to`, `per` of them for each logit, with the picture's edges. */
function axis(side: number, extent: number, from: number, to: number, per: number): Axis {
  const cell = extent / side;
  // the logit i is at the center of its cell, (i + 0.5) · cell
  const first = Math.max(Math.floor((from / cell - 0.5) * per), 0);
  const last = Math.min(Math.ceil((to / cell - 0.5) * per), (side - 1) * per);
  const places = [];
  if (first === 0) places.push(0);
  for (let n = first; n <= last; n++) places.push(n / per + 0.5);
  if (last === (side - 1) * per) places.push(side);
  const at = Float64Array.from(places);
  const center = at.map((place) => Math.min(Math.max(place - 0.5, 0), side - 1));
  const index = Int32Array.from(center, Math.floor);
  return { at: at.map((place) => place * cell), index, share: center.map((c, i) => c - (index[i] as number)) };
}

/** The logits at the crossings of two axes, with a border that is outside the mask. */
function sampled({ data, side }: LogitsPlane, xs: Axis, ys: Axis): Float32Array {
  const [width, height] = [xs.at.length + 2, ys.at.length + 2];
  const grid = new Float32Array(width * height).fill(Number.NEGATIVE_INFINITY);
  const row = new Float32Array(side + 1);
  for (let j = 0; j < ys.at.length; j++) {
    const upper = (ys.index[j] as number) * side;
    const lower = Math.min((ys.index[j] as number) + 1, side - 1) * side;
    const share = ys.share[j] as number;
    for (let x = 0; x < side; x++) {
      const a = data[upper + x] as number;
      row[x] = a + ((data[lower + x] as number) - a) * share;
    }
    row[side] = row[side - 1] as number;
    for (let i = 0; i < xs.at.length; i++) {
      const column = xs.index[i] as number;
      const a = row[column] as number;
      grid[(j + 1) * width + i + 1] = a + ((row[column + 1] as number) - a) * (xs.share[i] as number);
    }
  }
  return grid;
}

/**
 * The outlines of the mask within a window. Filling them by the even-odd rule gives the mask; where it goes on beyond
 * the window, the outline follows the window's edge, a little outside.
 *
 * @param picture the size of the full mask
 * @param window in image pixels; the whole picture by default
 * @param per places looked at for each logit, along each axis: 1 follows the logits, more follow the curve between them
 *
 * @example
 * ```ts
 * const side = segmenter.model.maskSize;
 * const logits = { data: result.settledLogits.data.subarray(0, side * side), side };
 * const outlines = contoursOf(logits, image); // [[x, y, x, y, …], …] of the best mask
 * ```
 */
export function contoursOf(
  logits: LogitsPlane,
  picture: Size,
  window: Box = [0, 0, picture.width, picture.height],
  per = 1,
): Outline[] {
  const xs = axis(logits.side, picture.width, window[0], window[2], per);
  const ys = axis(logits.side, picture.height, window[1], window[3], per);
  const grid = sampled(logits, xs, ys);
  const [width, height] = [xs.at.length + 2, ys.at.length + 2];
  const nextOf = crossings(grid, width, height);

  const position = (places: Float64Array, i: number): number =>
    places[Math.min(Math.max(i - 1, 0), places.length - 1)] as number;
  const outlines: Outline[] = [];
  for (let start = 0; start < nextOf.length; start++) {
    if ((nextOf[start] as number) < 0) continue;
    const outline: number[] = [];
    for (let edge = start; (nextOf[edge] as number) >= 0; ) {
      const [from, isDown] = [edge >> 1, (edge & 1) === 1];
      const [i, j] = [from % width, Math.floor(from / width)];
      const a = grid[from] as number;
      const b = grid[from + (isDown ? width : 1)] as number;
      // the border is at the same place as what it borders
      const share = a === Number.NEGATIVE_INFINITY ? 1 : b === Number.NEGATIVE_INFINITY ? 0 : a / (a - b);
      const [x, y] = [position(xs.at, i), position(ys.at, j)];
      outline.push(
        isDown ? x : x + (position(xs.at, i + 1) - x) * share,
        isDown ? y + (position(ys.at, j + 1) - y) * share : y,
      );
      const next = nextOf[edge] as number;
      nextOf[edge] = -1;
      edge = next;
    }
    outlines.push(outline);
  }
  return outlines;
}

/** Sides of a cell of the grid. */
const [TOP, RIGHT, BOTTOM, LEFT] = [0, 1, 2, 3] as const;

/**
 * By which corners of a cell are inside (1 top left, 2 top right, 4 bottom right, 8 bottom left), the sides at which
 * the outline enters and leaves it, with the mask on the right hand.
 */
const PASSAGES: readonly (readonly (readonly [number, number])[])[] = [
  [],
  [[TOP, LEFT]],
  [[RIGHT, TOP]],
  [[RIGHT, LEFT]],
  [[BOTTOM, RIGHT]],
  [
    [TOP, LEFT],
    [BOTTOM, RIGHT],
  ],
  [[BOTTOM, TOP]],
  [[BOTTOM, LEFT]],
  [[LEFT, BOTTOM]],
  [[TOP, BOTTOM]],
  [
    [RIGHT, TOP],
    [LEFT, BOTTOM],
  ],
  [[RIGHT, BOTTOM]],
  [[LEFT, RIGHT]],
  [[TOP, RIGHT]],
  [[LEFT, TOP]],
  [],
];
/** The same where two corners across a cell are inside, and joined. */
const JOINED: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  5: [
    [TOP, RIGHT],
    [BOTTOM, LEFT],
  ],
  10: [
    [RIGHT, BOTTOM],
    [LEFT, TOP],
  ],
};

/**
 * For each edge of the grid that the outline crosses, the edge it crosses next; -1 for the others. The edge 2 · n goes
 * from grid point n to the right, 2 · n + 1 from there down.
 */
function crossings(grid: Float32Array, width: number, height: number): Int32Array {
  const nextOf = new Int32Array(2 * width * height).fill(-1);
  for (let j = 0; j + 1 < height; j++) {
    for (let i = 0; i + 1 < width; i++) {
      const n = j * width + i;
      const [tl, tr] = [grid[n] as number, grid[n + 1] as number];
      const [bl, br] = [grid[n + width] as number, grid[n + width + 1] as number];
      const form = (tl > 0 ? 1 : 0) | (tr > 0 ? 2 : 0) | (br > 0 ? 4 : 0) | (bl > 0 ? 8 : 0);
      if (form === 0 || form === 15) continue;
      // the saddle of the bilinear surface says whether corners across the cell are joined
      const isJoined = form === 5 ? tl * br > tr * bl : form === 10 && tr * bl > tl * br;
      const edges = [2 * n, 2 * (n + 1) + 1, 2 * (n + width), 2 * n + 1];
      for (const [enter, leave] of (isJoined ? JOINED : PASSAGES)[form] ?? [])
        nextOf[edges[enter] as number] = edges[leave] as number;
    }
  }
  return nextOf;
}

/**
 * An outline without the corners that are nearer than `distance` to the one kept before them.
 *
 * @param distance image pixels
 *
 * @example
 * ```ts
 * thinned([0, 0, 1, 0, 4, 0, 4, 4], 2); // [0, 0, 4, 0, 4, 4]
 * ```
 */
export function thinned(outline: Outline, distance: number): Outline {
  const kept: number[] = [];
  let [x, y] = [Number.NaN, Number.NaN];
  for (let i = 0; i < outline.length; i += 2) {
    const [nextX, nextY] = [outline[i] as number, outline[i + 1] as number];
    if (Math.hypot(nextX - x, nextY - y) < distance) continue;
    kept.push(nextX, nextY);
    [x, y] = [nextX, nextY];
  }
  return kept;
}
