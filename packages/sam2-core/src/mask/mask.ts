/** Low-resolution logits → full-size masks, and what can be said of a mask. */
import { Sam2Error } from "sam2-contract";

/** A binary mask: 0 and 1, row-major. */
export interface Mask {
  /** width · height values, 0 or 1. */
  readonly data: Uint8Array;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/** Checks that a mask is of a picture's size. @throws InvalidMaskError */
export function checkSameSize(mask: Mask, { width, height }: Pick<Mask, "width" | "height">): void {
  if (mask.width !== width || mask.height !== height) {
    throw new Sam2Error("InvalidMaskError", `expected a mask of ${width}×${height}, got ${mask.width}×${mask.height}`);
  }
}

/** Box in pixels: left, top, width, height (COCO's XYWH). */
export type BoxXYWH = readonly [number, number, number, number];

/**
 * One bilinear resize with half-pixel centers, as PyTorch's `interpolate(mode="bilinear",
 * align_corners=False)`.
 *
 * @param logits [side,side]
 * @returns [height,width]
 *
 * @example
 * ```ts
 * const side = segmenter.model.maskSize;
 * const first = result.logits.data.subarray(0, side * side);
 * const plane = resizeLogits(first, side, image.width, image.height); // logits over 0 are the object
 * ```
 */
export function resizeLogits(logits: Float32Array, side: number, width: number, height: number): Float32Array {
  const result = new Float32Array(width * height);
  const row = new Float32Array(side);
  const { index, weight } = taps(side, width);
  for (let y = 0; y < height; y++) {
    blendRow(logits, side, y, height, row);
    const start = y * width;
    for (let x = 0; x < width; x++) {
      const i = index[x] as number;
      const a = row[i] as number;
      const b = row[Math.min(i + 1, side - 1)] as number;
      result[start + x] = a + (b - a) * (weight[x] as number);
    }
  }
  return result;
}

function taps(from: number, to: number): { index: Int32Array; weight: Float32Array } {
  const index = new Int32Array(to);
  const weight = new Float32Array(to);
  for (let position = 0; position < to; position++) {
    const center = Math.max(((position + 0.5) * from) / to - 0.5, 0);
    index[position] = Math.min(Math.floor(center), from - 1);
    weight[position] = center - (index[position] as number);
  }
  return { index, weight };
}

/**
 * Interpolates one row, the one that ends up at row `y` when the `side`×`side` map is resized to `height` rows: columns
 * `first` to `last` of it.
 */
function blendRow(
  logits: Float32Array,
  side: number,
  y: number,
  height: number,
  row: Float32Array,
  first = 0,
  last: number = side - 1,
): void {
  const { top, bottom, weight } = rowsAt(side, y, height);
  for (let x = first; x <= last; x++) {
    const a = logits[top * side + x] as number;
    row[x] = a + ((logits[bottom * side + x] as number) - a) * weight;
  }
}

/** The two rows of a map of `side` rows that row `y` of `height` lies between, and how near it is to the second. */
function rowsAt(side: number, y: number, height: number): { top: number; bottom: number; weight: number } {
  const center = Math.max(((y + 0.5) * side) / height - 0.5, 0);
  const top = Math.min(Math.floor(center), side - 1);
  return { top, bottom: Math.min(top + 1, side - 1), weight: center - top };
}

/** The first and the last column over the threshold in each row; `side` and −1 where there is none. */
function extents(logits: Float32Array, side: number, threshold: number): { first: Int32Array; last: Int32Array } {
  const first = new Int32Array(side).fill(side);
  const last = new Int32Array(side).fill(-1);
  for (let y = 0; y < side; y++) {
    const start = y * side;
    let x = 0;
    while (x < side && !((logits[start + x] as number) > threshold)) x++;
    if (x === side) continue;
    first[y] = x;
    x = side - 1;
    while (!((logits[start + x] as number) > threshold)) x--;
    last[y] = x;
  }
  return { first, last };
}

/**
 * Visits the runs of pixels where `resizeLogits(…) > threshold`, row by row, left to right, without
 * computing the resized logits.
 *
 * Along a row the resized logits are linear between two low-resolution columns, so they cross the
 * threshold at most once, at a place that can be computed. So the work is in proportion to the output's
 * rows times the input's columns; only columns are looked at between those that are over the threshold in one of the two
 * low-resolution rows, since what lies between two values is over it only where one of them is.
 */
export function forEachRun(
  logits: Float32Array,
  side: number,
  width: number,
  height: number,
  threshold: number,
  visit: (row: number, from: number, to: number) => void,
): void {
  const row = new Float32Array(side);
  const scale = width / side;
  const { first, last } = extents(logits, side, threshold);
  for (let y = 0; y < height; y++) {
    const { top, bottom } = rowsAt(side, y, height);
    const start = Math.max(Math.min(first[top] as number, first[bottom] as number) - 1, 0);
    const end = Math.min(Math.max(last[top] as number, last[bottom] as number) + 1, side - 1);
    if (start > end) continue;
    blendRow(logits, side, y, height, row, start, end);
    let a = (row[start] as number) - threshold;
    let inside = a > 0;
    let from = 0;
    for (let column = start; column < end; column++) {
      const b = (row[column + 1] as number) - threshold;
      if (b > 0 !== inside) {
        const crossing = column + a / (a - b);
        // the first pixel whose center lies at or beyond the crossing
        let to = Math.min(Math.max(Math.ceil((crossing + 0.5) * scale - 0.5), 0), width);
        // a pixel exactly at the threshold is outside: when a run starts there, it starts one pixel later
        if (!inside && (to + 0.5) / scale - 0.5 === crossing) to = Math.min(to + 1, width);
        if (inside && to > from) visit(y, from, to);
        from = to;
        inside = !inside;
      }
      a = b;
    }
    if (inside && width > from) visit(y, from, width);
  }
}

/**
 * The mask `resizeLogits(…) > 0`, without computing the resized logits.
 *
 * @example
 * ```ts
 * const logits = new Float32Array(256 * 256).fill(-1);
 * const mask = resizeMask(logits, 256, 1280, 853); // { data, width: 1280, height: 853 }, all 0
 * ```
 */
export function resizeMask(logits: Float32Array, side: number, width: number, height: number): Mask {
  const data = new Uint8Array(width * height);
  forEachRun(logits, side, width, height, 0, (y, from, to) => data.fill(1, y * width + from, y * width + to));
  return { data, width, height };
}

/**
 * Number of pixels in the mask.
 *
 * @example
 * ```ts
 * maskArea({ data: Uint8Array.of(0, 1, 1, 0), width: 2, height: 2 }); // 2
 * ```
 */
export function maskArea({ data }: Mask): number {
  let area = 0;
  for (let i = 0; i < data.length; i++) area += data[i] as number;
  return area;
}

/**
 * Intersection over union of two masks of one size; 1 where both are empty.
 *
 * @throws InvalidMaskError for masks of different sizes
 *
 * @example
 * ```ts
 * maskIou(result.mask(0), result.mask(1)); // how much the two best masks agree
 * ```
 */
export function maskIou(a: Mask, b: Mask): number {
  checkSameSize(b, a);
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.data.length; i++) {
    both += (a.data[i] as number) & (b.data[i] as number);
    either += (a.data[i] as number) | (b.data[i] as number);
  }
  return either === 0 ? 1 : both / either;
}

/**
 * The smallest box around the mask; all zeros when it is empty.
 *
 * @example
 * ```ts
 * maskBox({ data: Uint8Array.of(0, 1, 0, 1), width: 2, height: 2 }); // [1, 0, 1, 2]
 * ```
 */
export function maskBox({ data, width, height }: Mask): BoxXYWH {
  let [left, top, right, bottom] = [width, -1, -1, -1];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(1);
    if (first < 0) continue;
    if (top < 0) top = y;
    bottom = y;
    left = Math.min(left, first);
    right = Math.max(right, row.lastIndexOf(1));
  }
  return top < 0 ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/** Meta's limit for logits that are returned, ±32. Clamping keeps their signs, so masks do not change. */
const LOGIT_LIMIT = 32;

/** Clamps logits to ±32, in place; the decoder expects its mask prompt clamped like this. */
export function clampLogits(logits: Float32Array): Float32Array {
  for (let i = 0; i < logits.length; i++) {
    logits[i] = Math.min(Math.max(logits[i] as number, -LOGIT_LIMIT), LOGIT_LIMIT);
  }
  return logits;
}

/**
 * The number of pixels over `delta`, divided by the number over −`delta`. 1 means that moving the threshold a
 * little does not change the mask.
 *
 * @example
 * ```ts
 * stabilityScore(Float32Array.of(-3, 0.5, 2, 4), 1); // 2 / 3: of three pixels over −1, two are over 1
 * ```
 */
export function stabilityScore(logits: Float32Array, delta: number): number {
  let inner = 0;
  let outer = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number;
    if (value > delta) inner++;
    if (value > -delta) outer++;
  }
  return outer === 0 ? 1 : inner / outer;
}
