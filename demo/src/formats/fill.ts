/** Polygons and runs → masks, to the pixel as pycocotools fills them. */
import type { Mask } from "sam2-web";

/** Cells along a pixel's side, at which outlines are drawn. */
const FINENESS = 5;

/** Sets the pixels from one position to another, the last one excluded; positions count down the columns. */
function fillDown({ data, width, height }: Mask, from: number, to: number): void {
  for (let at = from; at < to; at++) data[(at % height) * width + Math.floor(at / height)] = 1;
}

/** Cells of the outline between two corners, both included, by whole steps along the longer direction. */
function* line(x1: number, y1: number, x2: number, y2: number): Generator<[number, number]> {
  const [wide, high] = [Math.abs(x2 - x1), Math.abs(y2 - y1)];
  const along = Math.max(wide, high);
  const isFlat = wide >= high;
  // each line is drawn from its lower end, so that it has the same cells in both directions
  const isTurned = isFlat ? x1 > x2 : y1 > y2;
  const [fromX, fromY, toX, toY] = isTurned ? [x2, y2, x1, y1] : [x1, y1, x2, y2];
  for (let i = 0; i <= along; i++) {
    const step = isTurned ? along - i : i;
    if (isFlat) yield [fromX + step, Math.trunc(fromY + (along > 0 ? ((toY - fromY) / along) * step : 0) + 0.5)];
    else yield [Math.trunc(fromX + ((toX - fromX) / along) * step + 0.5), fromY + step];
  }
}

/** Where the filling turns on or off, as positions down the columns: `rleFrPoly` of pycocotools' maskApi.c. */
function crossings(ring: readonly number[], width: number, height: number): number[] {
  const corners = Array.from({ length: ring.length / 2 }, (_, i): [number, number] => [
    Math.trunc(FINENESS * (ring[2 * i] as number) + 0.5),
    Math.trunc(FINENESS * (ring[2 * i + 1] as number) + 0.5),
  ]);
  const found: number[] = [];
  let before: [number, number] | undefined;
  for (const [i, [x1, y1]] of corners.entries()) {
    const [x2, y2] = corners[(i + 1) % corners.length] as [number, number];
    for (const [x, y] of line(x1, y1, x2, y2)) {
      const [lastX, lastY] = before ?? [x, y];
      before = [x, y];
      if (x === lastX) continue;
      // the outline crosses a column of pixels at its middle
      const column = ((x < lastX ? x : x - 1) + 0.5) / FINENESS - 0.5;
      if (!Number.isInteger(column) || column < 0 || column > width - 1) continue;
      const row = (Math.min(y, lastY) + 0.5) / FINENESS - 0.5;
      found.push(column * height + Math.ceil(Math.min(Math.max(row, 0), height)));
    }
  }
  return found.sort((a, b) => a - b);
}

/**
 * The pixels that any of `rings` covers, each a list of x and y in turn, in pixels from the picture's
 * corner. A ring that crosses itself is filled by the even-odd rule.
 */
export function fillPolygons(rings: readonly (readonly number[])[], width: number, height: number): Mask {
  const mask: Mask = { data: new Uint8Array(width * height), width, height };
  for (const ring of rings) {
    const turns = crossings(ring, width, height);
    for (let i = 0; i < turns.length; i += 2) {
      const end = turns[i + 1] ?? width * height;
      fillDown(mask, turns[i] as number, end);
    }
  }
  return mask;
}

/**
 * The pixels of runs of 0, 1, 0, … down the columns.
 *
 * @throws RangeError when they do not add up to the size
 */
export function fillRuns(runs: readonly number[], width: number, height: number): Mask {
  const total = runs.reduce((sum, run) => sum + run, 0);
  if (total !== width * height || !runs.every((run) => Number.isInteger(run) && run >= 0)) {
    throw new RangeError(`RLE: runs add up to ${total}, expected ${width * height}`);
  }
  const mask: Mask = { data: new Uint8Array(width * height), width, height };
  let end = 0;
  for (const [index, run] of runs.entries()) {
    const start = end;
    end += run;
    if (index % 2 === 1) fillDown(mask, start, end);
  }
  return mask;
}
