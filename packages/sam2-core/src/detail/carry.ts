/** Carries prompts and masks between an image and a region of it. Both are stretched to the model's square input. */
import { type Mask, resizeLogits, resizeMask } from "../mask/mask.ts";
import { type ModelPrompt, type PromptSpace, type Tensor, TOP_LEFT } from "../prompt/prompt.ts";
import type { Region } from "./region.ts";

/**
 * The prompt of one object in a region's own coordinates. Points outside the region are left out: they say what the
 * object is not, and that is not in sight. Of a box that reaches beyond the image the part in the region is given.
 *
 * @param mask logits [1,1,S/4,S/4] of the region, from `logitsInside`; null for a decoder that takes no mask
 */
export function promptInside(
  { coords, labels }: ModelPrompt,
  object: number,
  { width, height, imageSize }: PromptSpace,
  [left, top, right, bottom]: Region,
  mask: Tensor | null,
): ModelPrompt {
  const points = coords.dims[1] as number;
  const kept: { x: number; y: number; label: number }[] = [];
  const within = (place: number): number => Math.min(Math.max(place, 0), imageSize);
  for (let at = object * points; at < (object + 1) * points; at++) {
    const label = labels.data[at] as number;
    const x = ((((coords.data[2 * at] as number) * width) / imageSize - left) * imageSize) / (right - left);
    const y = ((((coords.data[2 * at + 1] as number) * height) / imageSize - top) * imageSize) / (bottom - top);
    const isInside = x === within(x) && y === within(y);
    if (label >= TOP_LEFT) kept.push({ x: within(x), y: within(y), label });
    else if (label >= 0 && isInside) kept.push({ x, y, label });
  }
  // a mask without points gets one padding point, as in the reference
  if (kept.length === 0) kept.push({ x: 0, y: 0, label: -1 });
  return {
    coords: { data: Float32Array.from(kept.flatMap(({ x, y }) => [x, y])), dims: [1, kept.length, 2] },
    labels: { data: Float32Array.from(kept, ({ label }) => label), dims: [1, kept.length] },
    mask,
    multimask: false,
  };
}

/** Where the centers of `count` cells of a region lie among an image's `side` cells, along one axis. */
function centers(count: number, from: number, to: number, pixels: number, side: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, cell) => ((from + ((cell + 0.5) * (to - from)) / count) * side) / pixels - 0.5,
  );
}

/** An image's logits [side,side] as seen in a region: [1,1,side,side], interpolated. */
export function logitsInside(
  logits: Float32Array,
  { width, height, maskSize: side }: PromptSpace,
  [left, top, right, bottom]: Region,
): Tensor {
  const columns = centers(side, left, right, width, side);
  const rows = centers(side, top, bottom, height, side);
  const data = new Float32Array(side * side);
  const at = (row: number, column: number): number =>
    logits[Math.min(Math.max(row, 0), side - 1) * side + Math.min(Math.max(column, 0), side - 1)] as number;
  for (const [i, y] of rows.entries()) {
    const row = Math.floor(y);
    for (const [j, x] of columns.entries()) {
      const column = Math.floor(x);
      const above = at(row, column) + (at(row, column + 1) - at(row, column)) * (x - column);
      const below = at(row + 1, column) + (at(row + 1, column + 1) - at(row + 1, column)) * (x - column);
      data[i * side + j] = above + (below - above) * (y - row);
    }
  }
  return { data, dims: [1, 1, side, side] };
}

/**
 * Writes a region's logits into the image's, both [side,side]: each cell of the image that lies in the region becomes the
 * mean of the cells of the region that cover it.
 */
export function putLogits(
  target: Float32Array,
  inside: Float32Array,
  { width, height, maskSize: side }: PromptSpace,
  [left, top, right, bottom]: Region,
): void {
  const spans = (from: number, to: number, pixels: number): (readonly [number, number] | null)[] =>
    Array.from({ length: side }, (_, cell) => {
      // the cell's extent, in cells of the region
      const low = (((cell * pixels) / side - from) * side) / (to - from);
      const high = ((((cell + 1) * pixels) / side - from) * side) / (to - from);
      const center = (low + high) / 2;
      if (center < 0 || center >= side) return null;
      const first = Math.min(Math.max(Math.round(low), 0), side - 1);
      return [first, Math.min(Math.max(Math.round(high), first + 1), side)] as const;
    });
  const columns = spans(left, right, width);
  const rows = spans(top, bottom, height);
  for (const [row, down] of rows.entries()) {
    if (down === null) continue;
    for (const [column, across] of columns.entries()) {
      if (across === null) continue;
      let total = 0;
      for (let i = down[0]; i < down[1]; i++) {
        for (let j = across[0]; j < across[1]; j++) total += inside[i * side + j] as number;
      }
      target[row * side + column] = total / ((down[1] - down[0]) * (across[1] - across[0]));
    }
  }
}

/** What a second look found; see `SecondLooks`. */
export interface CloseUp {
  /** The part of the image that was looked at, in its pixels. */
  readonly region: Region;
  /** Logits of the mask there, [S/4,S/4] over the region. Outside the region there is nothing of the object. */
  readonly logits: Float32Array;
}

/** The mask of a close-up at the image's size. */
export function closeUpMask({ region, logits }: CloseUp, width: number, height: number): Mask {
  const [left, top, right, bottom] = region;
  const side = Math.sqrt(logits.length);
  const inside = resizeMask(logits, side, right - left, bottom - top);
  const data = new Uint8Array(width * height);
  pasteRows(data, width, inside.data, region);
  return { data, width, height };
}

/** Writes a close-up's logits into those of its image, [height,width]. */
export function pasteCloseUp(target: Float32Array, width: number, { region, logits }: CloseUp): void {
  const [left, top, right, bottom] = region;
  pasteRows(target, width, resizeLogits(logits, Math.sqrt(logits.length), right - left, bottom - top), region);
}

function pasteRows<T extends Float32Array | Uint8Array>(
  target: T,
  width: number,
  source: T,
  [left, top, right, bottom]: Region,
): void {
  const wide = right - left;
  for (let row = 0; row < bottom - top; row++) {
    target.set(source.subarray(row * wide, (row + 1) * wide), (top + row) * width + left);
  }
}
