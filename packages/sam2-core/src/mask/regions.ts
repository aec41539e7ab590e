/** Connected regions of a mask, on its runs: holes are filled and islands removed. */
import { Sam2Error } from "sam2-contract";
import { compressRuns, expandRuns, type Rle, RunWriter } from "./rle.ts";

/** A stretch of equal pixels within one column (or row, where runs go along rows): `from` to `to`, the last one excluded. */
interface Segment {
  readonly column: number;
  readonly from: number;
  readonly to: number;
}

/** The runs of `value` (0 or 1), split where they cross from one column to the next. */
function segmentsOf(runs: readonly number[], height: number, value: 0 | 1): Segment[] {
  const segments: Segment[] = [];
  let position = 0;
  for (const [index, run] of runs.entries()) {
    if (index % 2 === value) {
      for (let at = position; at < position + run; ) {
        const column = Math.floor(at / height);
        const end = Math.min(position + run, (column + 1) * height);
        segments.push({ column, from: at - column * height, to: end - column * height });
        at = end;
      }
    }
    position += run;
  }
  return segments;
}

/** Connected components: the region number of each segment. Segments that touch, also diagonally, share a region. */
function label(segments: readonly Segment[]): number[] {
  const parent = segments.map((_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  let before = 0;
  for (const [i, { column, from, to }] of segments.entries()) {
    while (before < i && (segments[before] as Segment).column < column - 1) before++;
    for (let j = before; j < i; j++) {
      const other = segments[j] as Segment;
      if (other.column === column || other.from > to) break;
      if (other.to >= from) parent[root(j)] = root(i);
    }
    // skip segments of the previous column that end before this one starts
    while (before < i && (segments[before] as Segment).column === column - 1 && (segments[before] as Segment).to < from)
      before++;
  }
  return segments.map((_, i) => root(i));
}

/**
 * The connected parts of a mask, largest first. Pixels are connected to their eight neighbors.
 *
 * @throws InvalidMaskError for an RLE that is none
 *
 * @example
 * ```ts
 * const [largest, ...others] = maskParts(result.toRle());
 * ```
 */
export function maskParts(rle: Rle): Rle[] {
  const [height, width] = rle.size;
  const segments = segmentsOf(expandRuns(rle), height, 1);
  const labels = label(segments);
  const parts = new Map<number, { readonly writer: RunWriter; area: number }>();
  for (const [i, { column, from, to }] of segments.entries()) {
    const region = labels[i] as number;
    const part = parts.get(region) ?? { writer: new RunWriter(), area: 0 };
    parts.set(region, part);
    part.writer.add(column * height + from, column * height + to);
    part.area += to - from;
  }
  return [...parts.values()]
    .sort((a, b) => b.area - a.area)
    .map(({ writer }) => compressRuns(writer.finish(width * height), [height, width]));
}

/**
 * Fills holes and removes islands smaller than `minArea` pixels (Meta's `remove_small_regions`). Pixels are
 * connected to their eight neighbors. If all islands are smaller, the largest is kept.
 *
 * @param runs lengths of 0, 1, 0, … down the columns
 * @returns the runs, or null where nothing changed
 */
export function removeSmallRegions(runs: readonly number[], height: number, minArea: number): number[] | null {
  const filled = flipSmall(runs, height, minArea, 0);
  const cleaned = flipSmall(filled ?? runs, height, minArea, 1);
  return cleaned ?? filled;
}

function flipSmall(runs: readonly number[], height: number, minArea: number, value: 0 | 1): number[] | null {
  const { kept, small } = sifted(runs, height, value, (area) => area < minArea);
  if (small.length === 0) return null;
  const writer = new RunWriter();
  for (const { column, from, to } of kept) writer.add(column * height + from, column * height + to);
  const rest = writer.finish(runs.reduce((sum, run) => sum + run, 0));
  if (value === 1) return rest;
  // `rest` has 1 for the background that was kept: drop or add the empty first run to swap 0 and 1
  return rest[0] === 0 ? rest.slice(1) : [0, ...rest];
}

/** Splits the segments of `value` into those of small regions and the others. At least one island is kept. */
function sifted(
  runs: readonly number[],
  height: number,
  value: 0 | 1,
  isSmall: (area: number) => boolean,
): { readonly kept: readonly Segment[]; readonly small: readonly Segment[] } {
  const segments = segmentsOf(runs, height, value);
  const labels = label(segments);
  const areas = new Map<number, number>();
  for (const [i, { from, to }] of segments.entries()) {
    const region = labels[i] as number;
    areas.set(region, (areas.get(region) ?? 0) + to - from);
  }
  const regions = new Set([...areas].filter(([, area]) => isSmall(area)).map(([region]) => region));
  if (value === 1 && regions.size > 0 && regions.size === areas.size) {
    const [largest] = [...areas].reduce((most, next) => (next[1] > most[1] ? next : most));
    regions.delete(largest);
  }
  const isIn = (_: Segment, i: number): boolean => regions.has(labels[i] as number);
  return { kept: segments.filter((segment, i) => !isIn(segment, i)), small: segments.filter(isIn) };
}

/** The logit that filled holes get; removed islands get its negative (Meta's values). */
const SURE = 10;

/** The largest holes and islands to remove, in cells of the low-resolution mask; 0 removes none. */
export interface RegionLimits {
  readonly maxHoleArea: number;
  readonly maxSprinkleArea: number;
}

/**
 * The limits that a prompt asks for; null where it asks for none.
 *
 * @throws InvalidPromptError
 */
export function toRegionLimits({
  max_hole_area = 0,
  max_sprinkle_area = 0,
}: {
  readonly max_hole_area?: number | undefined;
  readonly max_sprinkle_area?: number | undefined;
}): RegionLimits | null {
  for (const [field, area] of Object.entries({ max_hole_area, max_sprinkle_area })) {
    if (typeof area !== "number" || !(area >= 0)) {
      const came = typeof area === "number" ? area : typeof area;
      throw new Sam2Error("InvalidPromptError", `${field}: expected a number of cells, 0 or more, got ${came}`);
    }
  }
  if (max_hole_area === 0 && max_sprinkle_area === 0) return null;
  return { maxHoleArea: max_hole_area, maxSprinkleArea: max_sprinkle_area };
}

/**
 * Fills small holes and removes small islands of low-resolution logits, in place (Meta's
 * `SAM2Transforms.postprocess_masks`). Holes and islands are both looked for in the original mask, as Meta does:
 * a small island inside a small hole is removed while the hole around it is filled, and so becomes a hole. Unlike
 * Meta's code, this keeps the largest island if all are small.
 *
 * @param logits [side,side]
 */
export function settleSmallRegions(logits: Float32Array, side: number, limits: RegionLimits): void {
  const writer = new RunWriter();
  for (const [at, logit] of logits.entries()) if (logit > 0) writer.add(at, at + 1);
  const runs = writer.finish(logits.length);
  for (const [value, most] of [[0, limits.maxHoleArea] as const, [1, limits.maxSprinkleArea] as const]) {
    for (const { column: row, from, to } of sifted(runs, side, value, (area) => area <= most).small) {
      logits.fill(value === 0 ? SURE : -SURE, row * side + from, row * side + to);
    }
  }
}
