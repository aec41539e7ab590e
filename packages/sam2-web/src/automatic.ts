/**
 * Everything mode: a grid of clicks over the picture, and what is left of their masks after the bad
 * and the doubled ones are dropped. The algorithm, its options and their defaults are those of Meta's
 * `SAM2AutomaticMaskGenerator` (facebookresearch/sam2, `automatic_mask_generator.py`, `utils/amg.py`).
 */
import { Sam2Error } from "./errors.ts";
import { type BoxXYWH, clampLogits, forEachRun, type Mask } from "./mask.ts";
import { maskToPolygons, type Polygon } from "./polygon.ts";
import type { Tensor } from "./prompt.ts";
import { removeSmallRegions } from "./regions.ts";
import { compressRuns, decodeRle, expandRuns, type Rle, RunWriter } from "./rle.ts";

/** The form of a mask in the result. */
export type OutputMode = "coco_rle" | "binary_mask" | "polygon";

/** Options of everything mode, named as Meta's. */
export interface AutomaticOptions {
  /** Points along one side of the grid; 32. */
  readonly points_per_side?: number | undefined;
  /** Points decoded at once; the result does not depend on it; 16, since memory grows with it (Meta: 64). */
  readonly points_per_batch?: number | undefined;
  /** Masks whose predicted IoU is not over this are dropped; 0.8. */
  readonly pred_iou_thresh?: number | undefined;
  /** Masks less stable than this are dropped; 0.95. */
  readonly stability_score_thresh?: number | undefined;
  /** How far the threshold is moved up and down to measure stability; 1. */
  readonly stability_score_offset?: number | undefined;
  /** Logits over this are the mask; 0. */
  readonly mask_threshold?: number | undefined;
  /** Of masks whose boxes overlap by more (IoU), the best-scored stays; 0.7. */
  readonly box_nms_thresh?: number | undefined;
  /** Layers of crops that are segmented too, layer n having (2^n)² of them; 0. */
  readonly crop_n_layers?: number | undefined;
  /** As `box_nms_thresh`, between crops: the mask of the smaller crop stays; 0.7. */
  readonly crop_nms_thresh?: number | undefined;
  /** Overlap of the first layer's crops, as a share of the image's shorter side; 512/1500. */
  readonly crop_overlap_ratio?: number | undefined;
  /** Layer n has `points_per_side` / this^n points along a side; 1. */
  readonly crop_n_points_downscale_factor?: number | undefined;
  /** Grids of each layer in place of `points_per_side`: points x, y in [0,1]. */
  readonly point_grids?: readonly (readonly (readonly [number, number])[])[] | undefined;
  /** Holes and islands smaller than this many pixels are filled and removed; 0. */
  readonly min_mask_region_area?: number | undefined;
  /** Whether each mask is refined once, by giving it back to the decoder; false. */
  readonly use_m2m?: boolean | undefined;
  /** Whether each point gives three masks; true. */
  readonly multimask_output?: boolean | undefined;
  /** Form of the masks; `coco_rle` by default. */
  readonly output_mode?: OutputMode | undefined;
}

/** One mask of everything mode. */
export interface AutomaticMask {
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

/** How far everything mode is: after each batch, the masks that are left so far. */
export interface AutomaticProgress {
  /** Points decoded. */
  readonly done: number;
  /** Points in all. */
  readonly total: number;
  /** The masks that are left, best first. */
  readonly masks: readonly AutomaticMask[];
}

/** Left, top, right, bottom. */
type BoxXYXY = readonly [number, number, number, number];

interface Candidate {
  readonly rle: Rle;
  readonly area: number;
  /** Edges as Meta's `batched_mask_to_box`: the last row and column included. */
  readonly box: BoxXYXY;
  readonly score: number;
  readonly stability: number;
  readonly point: readonly [number, number];
  readonly crop: BoxXYXY;
}

/** What everything mode needs of a model, about one picture or a crop of it. */
export interface PointDecoder {
  /**
   * Decodes clicks, each an object of its own.
   *
   * @param points [B,1,2] in pixels of the picture
   * @param masks [B,1,S/4,S/4] as mask prompts, or null
   */
  decode(points: Tensor, masks: Tensor | null, multimask: boolean): Promise<{ logits: Tensor; scores: Tensor }>;
  release(): Promise<void>;
}

type Settings = { readonly [K in keyof AutomaticOptions]-?: NonNullable<AutomaticOptions[K]> };

const DEFAULTS: Omit<Settings, "point_grids"> = {
  points_per_side: 32,
  points_per_batch: 16,
  pred_iou_thresh: 0.8,
  stability_score_thresh: 0.95,
  stability_score_offset: 1,
  mask_threshold: 0,
  box_nms_thresh: 0.7,
  crop_n_layers: 0,
  crop_nms_thresh: 0.7,
  crop_overlap_ratio: 512 / 1500,
  crop_n_points_downscale_factor: 1,
  min_mask_region_area: 0,
  use_m2m: false,
  multimask_output: true,
  output_mode: "coco_rle",
};

/** Least and greatest values, and whether they must be whole. */
const LIMITS: Partial<Record<keyof AutomaticOptions, readonly [number, number, "whole" | "any"]>> = {
  points_per_side: [1, 256, "whole"],
  points_per_batch: [1, 1024, "whole"],
  pred_iou_thresh: [0, 1, "any"],
  stability_score_thresh: [0, 1, "any"],
  stability_score_offset: [0, 32, "any"],
  mask_threshold: [-32, 32, "any"],
  box_nms_thresh: [0, 1, "any"],
  crop_n_layers: [0, 4, "whole"],
  crop_nms_thresh: [0, 1, "any"],
  crop_overlap_ratio: [0, 1, "any"],
  crop_n_points_downscale_factor: [1, 256, "whole"],
  min_mask_region_area: [0, Number.MAX_SAFE_INTEGER, "any"],
};

/** Fills in defaults. @throws InvalidPromptError */
export function automaticSettings(options: AutomaticOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...DEFAULTS, point_grids: [], ...given } as Settings;
  for (const [name, [least, greatest, kind]] of Object.entries(LIMITS)) {
    const value = settings[name as keyof Settings];
    const whole = kind === "any" || Number.isInteger(value);
    if (typeof value !== "number" || !(value >= least && value <= greatest) || !whole) {
      const expected = `a${kind === "whole" ? " whole" : ""} number from ${least} to ${greatest}`;
      throw new Sam2Error("InvalidPromptError", `${name}: expected ${expected}, got ${JSON.stringify(value)}`);
    }
  }
  if (!["coco_rle", "binary_mask", "polygon"].includes(settings.output_mode)) {
    const expected = "coco_rle, binary_mask or polygon";
    throw new Sam2Error("InvalidPromptError", `output_mode: expected ${expected}, got ${settings.output_mode}`);
  }
  return settings;
}

/** Points in the middle of the cells of an n×n grid over [0,1]², row by row. */
export function pointGrid(side: number): [number, number][] {
  const at = (i: number): number => (i + 0.5) / side;
  return Array.from({ length: side * side }, (_, i) => [at(i % side), at(Math.floor(i / side))]);
}

/** The image, then the crops of each layer, column by column, with the layer that each belongs to. */
export function cropBoxes(
  width: number,
  height: number,
  layers: number,
  overlapRatio: number,
): { readonly box: BoxXYXY; readonly layer: number }[] {
  const crops: { box: BoxXYXY; layer: number }[] = [{ box: [0, 0, width, height], layer: 0 }];
  for (let layer = 1; layer <= layers; layer++) {
    const perSide = 2 ** layer;
    const overlap = Math.floor(overlapRatio * Math.min(width, height) * (2 / perSide));
    const length = (whole: number): number => Math.ceil((overlap * (perSide - 1) + whole) / perSide);
    const [cropWidth, cropHeight] = [length(width), length(height)];
    for (let column = 0; column < perSide; column++) {
      for (let row = 0; row < perSide; row++) {
        const [x, y] = [(cropWidth - overlap) * column, (cropHeight - overlap) * row];
        crops.push({ box: [x, y, Math.min(x + cropWidth, width), Math.min(y + cropHeight, height)], layer });
      }
    }
  }
  return crops;
}

/** Non-maximum suppression: the indices that stay, by descending score; equal scores in their order. */
export function nonMaximumSuppression(
  boxes: readonly BoxXYXY[],
  scores: readonly number[],
  threshold: number,
): number[] {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const kept: number[] = [];
  for (const i of order) {
    const box = boxes[i] as BoxXYXY;
    if (kept.every((k) => boxIou(box, boxes[k] as BoxXYXY) <= threshold)) kept.push(i);
  }
  return kept;
}

function boxIou([ax1, ay1, ax2, ay2]: BoxXYXY, [bx1, by1, bx2, by2]: BoxXYXY): number {
  const both =
    Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  // boxes of one pixel have no area in Meta's edges; 0/0 suppresses nothing there either
  return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both) || 0;
}

/** Edges that lie within this many pixels of a crop's are taken for cut off by it. */
const EDGE_TOLERANCE = 20;

function touchesCrop(box: BoxXYXY, crop: BoxXYXY, image: BoxXYXY): boolean {
  const near = (edges: BoxXYXY, i: number): boolean =>
    Math.abs((box[i] as number) - (edges[i] as number)) <= EDGE_TOLERANCE;
  return [0, 1, 2, 3].some((i) => near(crop, i) && !near(image, i));
}

/**
 * Segments everything in a picture.
 *
 * @param open encodes a part of the picture; the first time the whole of it
 * @param onProgress called after each batch; everything stops when it throws, or rejects
 */
export async function segmentEverything(
  { width, height }: { readonly width: number; readonly height: number },
  options: AutomaticOptions,
  open: (crop: BoxXYXY) => Promise<PointDecoder>,
  onProgress: (progress: AutomaticProgress) => Promise<void>,
): Promise<AutomaticMask[]> {
  const settings = automaticSettings(options);
  const image: BoxXYXY = [0, 0, width, height];
  const crops = cropBoxes(width, height, settings.crop_n_layers, settings.crop_overlap_ratio).map(({ box, layer }) => {
    const side = Math.max(1, Math.floor(settings.points_per_side / settings.crop_n_points_downscale_factor ** layer));
    return { box, grid: settings.point_grids[layer] ?? pointGrid(side) };
  });
  const total = crops.reduce((sum, { grid }) => sum + grid.length, 0);
  const finished: Candidate[] = [];
  let done = 0;
  const written = new Map<Candidate, AutomaticMask>();
  const write = (candidate: Candidate): AutomaticMask => {
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
  if (settings.min_mask_region_area > 0) kept = withoutSmallRegions(kept, settings);
  return kept.map(write);
}

function suppressed(candidates: Candidate[], score: (of: Candidate) => number, threshold: number): Candidate[] {
  const boxes = candidates.map(({ box }) => box);
  return nonMaximumSuppression(boxes, candidates.map(score), threshold).map((i) => candidates[i] as Candidate);
}

/** Cleans every mask, and prefers those that needed no cleaning where two have become the same. */
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
      // over the end of a column, a run touches both edges
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
    if (settings.pred_iou_thresh > 0 && !(score > settings.pred_iou_thresh)) continue;
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
    if (settings.stability_score_thresh > 0 && !(stability >= settings.stability_score_thresh)) continue;
    const writer = new RunWriter();
    // down the columns of the crop, in the image
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

/** Gives each mask back to the decoder with its point, for one better mask. */
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

function toMask({ rle, area, box, score, stability, point, crop }: Candidate, mode: OutputMode): AutomaticMask {
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
