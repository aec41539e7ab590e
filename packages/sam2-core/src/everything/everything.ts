/**
 * Everything mode: decodes a grid of clicks over the picture, then drops bad masks and duplicates. The
 * algorithm, its options and their defaults are those of Meta's `SAM2AutomaticMaskGenerator`
 * (facebookresearch/sam2, `automatic_mask_generator.py`, `utils/amg.py`).
 */
import { type BoxXYWH, clampLogits, forEachRun, type Mask } from "../mask/mask.ts";
import { maskToPolygons, type Polygon } from "../mask/polygon.ts";
import { removeSmallRegions } from "../mask/regions.ts";
import { compressRuns, decodeRle, expandRuns, type Rle, RunWriter } from "../mask/rle.ts";
import type { Tensor } from "../prompt/prompt.ts";
import { cropBoxes, pointGrid } from "./grid.ts";
import { type EverythingOptions, everythingSettings, type OutputMode, type Settings } from "./options.ts";
import { type BoxXYXY, nonMaximumSuppression } from "./suppression.ts";

/** One mask of everything mode. */
export interface EverythingMask {
  /** In the form asked for: `Rle`, `Mask`, or `Polygon[]`. */
  readonly segmentation: Rle | Mask | readonly Polygon[];
  /** Pixels. */
  readonly area: number;
  /** Left, top, width, height, as COCO counts them. */
  readonly bbox: BoxXYWH;
  /** The model's own estimate. */
  readonly predicted_iou: number;
  /** The click it came from, in pixels. */
  readonly point_coords: readonly (readonly [number, number])[];
  /** IoU of the masks at a higher and a lower threshold. */
  readonly stability_score: number;
  /** Part of the image that was segmented: left, top, width, height. */
  readonly crop_box: BoxXYWH;
}

/** Progress of everything mode, reported after each batch. */
export interface EverythingProgress {
  /** Points decoded. */
  readonly done: number;
  /** Points in all. */
  readonly total: number;
  /** The masks kept so far, best first. */
  readonly masks: readonly EverythingMask[];
}

/** What a second look at a mask found. */
export interface Closer {
  /** Of the picture's size. */
  readonly rle: Rle;
  readonly score: number;
  readonly stability: number;
  /** The part of the picture that was looked at. */
  readonly crop: BoxXYXY;
}

/** Looks at a mask a second time; null where the mask stays as it is. */
export type LookCloser = (mask: Candidate, settings: Settings) => Promise<Closer | null>;

/** A mask that is good enough, before its form is that which was asked for. */
export interface Candidate {
  readonly rle: Rle;
  readonly area: number;
  /** As Meta's `batched_mask_to_box`: right and bottom are the last column and row, not one past them. */
  readonly box: BoxXYXY;
  readonly score: number;
  readonly stability: number;
  /** The click, in pixels of the picture. */
  readonly point: readonly [number, number];
  readonly crop: BoxXYXY;
}

/** What everything mode needs from a model: a decoder for one encoded picture, or for a crop of it. */
export interface PointDecoder {
  /**
   * Decodes clicks; each click is a separate object.
   *
   * @param points [B,1,2] in pixels of the picture
   * @param masks [B,1,S/4,S/4] as mask prompts, or null
   */
  decode(points: Tensor, masks: Tensor | null, multimask: boolean): Promise<{ logits: Tensor; scores: Tensor }>;
  release(): Promise<void>;
}

/** A mask whose box comes this close to a crop's edge, in pixels, is treated as cut off by the crop. */
const EDGE_TOLERANCE = 20;

function touchesCrop(box: BoxXYXY, crop: BoxXYXY, image: BoxXYXY): boolean {
  const near = (edges: BoxXYXY, i: number): boolean =>
    Math.abs((box[i] as number) - (edges[i] as number)) <= EDGE_TOLERANCE;
  return [0, 1, 2, 3].some((i) => near(crop, i) && !near(image, i));
}

/**
 * Segments everything in a picture.
 *
 * @param open encodes a part of the picture; the first call is for the whole picture
 * @param onProgress called after each batch, and after each second look; if it throws or rejects, everything mode stops
 * @param lookCloser looks a second time at each mask that is left; null for one look
 */
export async function segmentEverything(
  { width, height }: { readonly width: number; readonly height: number },
  options: EverythingOptions,
  open: (crop: BoxXYXY) => Promise<PointDecoder>,
  onProgress: (progress: EverythingProgress) => Promise<void>,
  lookCloser: LookCloser | null = null,
): Promise<EverythingMask[]> {
  const settings = everythingSettings(options);
  const image: BoxXYXY = [0, 0, width, height];
  const crops = cropBoxes(width, height, settings.crop_n_layers, settings.crop_overlap_ratio).map(({ box, layer }) => {
    const side = Math.max(1, Math.floor(settings.points_per_side / settings.crop_n_points_downscale_factor ** layer));
    return { box, grid: settings.point_grids[layer] ?? pointGrid(side) };
  });
  const total = crops.reduce((sum, { grid }) => sum + grid.length, 0);
  const finished: Candidate[] = [];
  let done = 0;
  const written = new Map<Candidate, EverythingMask>();
  const write = (candidate: Candidate): EverythingMask => {
    const known = written.get(candidate) ?? toMask(candidate, settings.output_mode);
    written.set(candidate, known);
    return known;
  };
  for (const { box, grid } of crops) {
    const decoder = await open(box);
    try {
      const found: Candidate[] = [];
      const best = (): Candidate[] => suppressed(found, ({ score }) => score, settings.box_nms_thresh);
      const size = settings.points_per_batch;
      for (let start = 0; start < grid.length; start += size) {
        const points = grid.slice(start, start + size);
        found.push(...(await decodeBatch(decoder, points, box, image, settings)));
        done += points.length;
        await onProgress({ done, total, masks: [...finished, ...best()].map(write) });
      }
      finished.push(...best());
    } finally {
      await decoder.release();
    }
  }
  let kept = finished;
  if (crops.length > 1) {
    kept = suppressed(kept, ({ crop }) => 1 / ((crop[2] - crop[0]) * (crop[3] - crop[1])), settings.crop_nms_thresh);
  }
  if (lookCloser) {
    kept = await lookedCloser(
      kept,
      (candidate) => lookCloser(candidate, settings),
      async (masks) => {
        await onProgress({ done, total, masks: masks.map(write) });
      },
    );
    // two masks may have become the same
    kept = suppressed(kept, ({ score }) => score, settings.box_nms_thresh);
  }
  if (settings.min_mask_region_area > 0) kept = withoutSmallRegions(kept, settings);
  return kept.map(write);
}

/** The candidates after a second look at each. */
async function lookedCloser(
  candidates: readonly Candidate[],
  look: (candidate: Candidate) => Promise<Closer | null>,
  onLook: (candidates: readonly Candidate[]) => Promise<void>,
): Promise<Candidate[]> {
  const all = [...candidates];
  for (const [i, candidate] of candidates.entries()) {
    const closer = await look(candidate);
    if (closer) all[i] = { ...candidate, ...closer, ...measured(expandRuns(closer.rle), closer.rle.size) };
    await onLook(all);
  }
  return all;
}

/** Whether a mask's predicted IoU is high enough; a threshold of 0 lets all pass. */
export function isSure(score: number, { pred_iou_thresh }: Settings): boolean {
  return pred_iou_thresh <= 0 || score > pred_iou_thresh;
}

/** Whether a mask is stable enough; a threshold of 0 lets all pass. */
export function isStable(stability: number, { stability_score_thresh }: Settings): boolean {
  return stability_score_thresh <= 0 || stability >= stability_score_thresh;
}

function suppressed(candidates: Candidate[], score: (of: Candidate) => number, threshold: number): Candidate[] {
  const boxes = candidates.map(({ box }) => box);
  return nonMaximumSuppression(boxes, candidates.map(score), threshold).map((i) => candidates[i] as Candidate);
}

/** Removes small regions from every mask. Of masks that become duplicates, those that did not change are kept. */
function withoutSmallRegions(candidates: Candidate[], settings: Settings): Candidate[] {
  const unchanged = new Set<Candidate>();
  const cleaned = candidates.map((candidate) => {
    const [height] = candidate.rle.size;
    const runs = removeSmallRegions(expandRuns(candidate.rle), height, settings.min_mask_region_area);
    if (runs) return { ...candidate, ...measured(runs, candidate.rle.size) };
    unchanged.add(candidate);
    return candidate;
  });
  const threshold = Math.max(settings.box_nms_thresh, settings.crop_nms_thresh);
  return suppressed(cleaned, (candidate) => (unchanged.has(candidate) ? 1 : 0), threshold);
}

/** RLE, area and box of runs down the columns. */
function measured(runs: readonly number[], size: readonly [number, number]): Pick<Candidate, "rle" | "area" | "box"> {
  const [height] = size;
  let area = 0;
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1, -1];
  let position = 0;
  for (const [index, run] of runs.entries()) {
    if (index % 2 === 1 && run > 0) {
      area += run;
      const [first, last] = [position, position + run - 1];
      const [firstColumn, lastColumn] = [Math.floor(first / height), Math.floor(last / height)];
      left = Math.min(left, firstColumn);
      right = Math.max(right, lastColumn);
      // a run that continues into the next column touches the bottom edge and the top edge
      top = Math.min(top, firstColumn === lastColumn ? first % height : 0);
      bottom = Math.max(bottom, firstColumn === lastColumn ? last % height : height - 1);
    }
    position += run;
  }
  return { rle: compressRuns(runs, size), area, box: area === 0 ? [0, 0, 0, 0] : [left, top, right, bottom] };
}

async function decodeBatch(
  decoder: PointDecoder,
  grid: readonly (readonly [number, number])[],
  crop: BoxXYXY,
  image: BoxXYXY,
  settings: Settings,
): Promise<Candidate[]> {
  const [x0, y0, x1, y1] = crop;
  const [width, height] = [x1 - x0, y1 - y0];
  const coords = Float32Array.from(grid.flatMap(([x, y]) => [x * width, y * height]));
  const points: Tensor = { data: coords, dims: [grid.length, 1, 2] };
  const first = await decoder.decode(points, null, settings.multimask_output);
  const { logits, scores } = settings.use_m2m ? await refined(decoder, points, first.logits) : first;
  const side = logits.dims[3] as number;
  const perPoint = scores.data.length / grid.length;
  const found: Candidate[] = [];
  for (const [i, score] of scores.data.entries()) {
    if (!isSure(score, settings)) continue;
    const plane = logits.data.subarray(i * side * side, (i + 1) * side * side);
    const over = (threshold: number): number => {
      let count = 0;
      forEachRun(plane, side, width, height, threshold, (_, from, to) => {
        count += to - from;
      });
      return count;
    };
    const { mask_threshold: threshold, stability_score_offset: offset } = settings;
    const stability = over(threshold + offset) / over(threshold - offset);
    if (!isStable(stability, settings)) continue;
    const writer = new RunWriter();
    // RLE runs down the columns, so the mask is transposed, and moved to the crop's place in the image
    forEachRun(transposed(plane, side), side, height, width, threshold, (x, from, to) => {
      const column = (x0 + x) * image[3] + y0;
      writer.add(column + from, column + to);
    });
    const mask = measured(writer.finish(image[2] * image[3]), [image[3], image[2]]);
    if (touchesCrop(mask.box, crop, image)) continue;
    const [x = 0, y = 0] = coords.subarray(2 * Math.floor(i / perPoint));
    found.push({ ...mask, score, stability, point: [x0 + x, y0 + y], crop });
  }
  return found;
}

/** Refines each mask once: the decoder gets it as a mask prompt, with its point (Meta's `use_m2m`). */
async function refined(
  decoder: PointDecoder,
  points: Tensor,
  logits: Tensor,
): Promise<{ logits: Tensor; scores: Tensor }> {
  const [batch = 0, count = 0, side = 0] = logits.dims;
  const repeated = new Float32Array(batch * count * 2);
  for (let i = 0; i < batch * count; i++) {
    const from = 2 * Math.floor(i / count);
    repeated.set(points.data.subarray(from, from + 2), 2 * i);
  }
  const all: Tensor = { data: repeated, dims: [batch * count, 1, 2] };
  const masks: Tensor = {
    data: clampLogits(logits.data),
    dims: [batch * count, 1, side, side],
  };
  return decoder.decode(all, masks, false);
}

function transposed(plane: Float32Array, side: number): Float32Array {
  const result = new Float32Array(plane.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) result[x * side + y] = plane[y * side + x] as number;
  }
  return result;
}

function toMask({ rle, area, box, score, stability, point, crop }: Candidate, mode: OutputMode): EverythingMask {
  const segmentation =
    mode === "coco_rle" ? rle : mode === "binary_mask" ? decodeRle(rle) : maskToPolygons(decodeRle(rle));
  const size = ([left, top, right, bottom]: BoxXYXY, last: number): BoxXYWH => [
    left,
    top,
    right - left + last,
    bottom - top + last,
  ];
  return {
    segmentation,
    area,
    bbox: area === 0 ? [0, 0, 0, 0] : size(box, 1),
    predicted_iou: score,
    point_coords: [point],
    stability_score: stability,
    crop_box: size(crop, 0),
  };
}
