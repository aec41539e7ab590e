/** Masks as runs along the rows, which CVAT and Label Studio use; COCO's run down the columns. */
import type { Mask } from "sam2-web";

/** Lengths of the runs of 0, 1, 0, … along the rows. */
export function rowRuns(data: Uint8Array): number[] {
  const runs: number[] = [];
  let [value, from] = [0, 0];
  for (let at = 0; at < data.length; at++) {
    if (data[at] === value) continue;
    runs.push(at - from);
    from = at;
    value = 1 - value;
  }
  runs.push(data.length - from);
  return runs;
}

/** The part of a mask in a box, as a mask of its own. */
export function cropped(mask: Mask, [left, top, width, height]: readonly [number, number, number, number]): Mask {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * mask.width + left;
    data.set(mask.data.subarray(from, from + width), y * width);
  }
  return { data, width, height };
}

/**
 * A mask from runs along the rows of a box in it.
 *
 * @throws Error when the box is not in the picture, or the runs do not fill it
 */
export function fromRowRuns(
  runs: readonly number[],
  [left, top, width, height]: readonly [number, number, number, number],
  size: { readonly width: number; readonly height: number },
): Mask {
  const isInside =
    [left, top, width, height].every((value) => Number.isInteger(value) && value >= 0) &&
    left + width <= size.width &&
    top + height <= size.height;
  if (!isInside) {
    throw new Error(`expected a box in ${size.width}×${size.height}, got ${width}×${height} at ${left}, ${top}`);
  }
  let total = 0;
  for (const run of runs) {
    if (!Number.isInteger(run) || run < 0) throw new Error(`expected runs of whole numbers, got ${String(run)}`);
    total += run;
  }
  if (total !== width * height) throw new Error(`expected runs of ${width * height} pixels in all, got ${total}`);
  const data = new Uint8Array(size.width * size.height);
  let at = 0;
  for (const [index, run] of runs.entries()) {
    for (let end = at + run; at < end; at++) {
      if (index % 2 === 1) data[(top + Math.floor(at / width)) * size.width + left + (at % width)] = 1;
    }
  }
  return { data, ...size };
}
