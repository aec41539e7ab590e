/**
 * Options of everything mode, their defaults and limits: those of Meta's `SAM2AutomaticMaskGenerator`, but for the defaults of
 * `points_per_batch` and `output_mode`.
 */
import { Sam2Error, shown } from "sam2-contract";

/** The form of a mask in the result. */
export type OutputMode = "coco_rle" | "binary_mask" | "polygon";

/**
 * Options of everything mode, their defaults and limits: those of Meta's `SAM2AutomaticMaskGenerator`, but for the defaults of
 * `points_per_batch` and `output_mode`.
 */
export interface EverythingOptions {
  /** Points along one side of the grid; 32. */
  readonly points_per_side?: number | undefined;
  /** Points decoded at once. Changes memory use, not the result; 16 (Meta: 64). */
  readonly points_per_batch?: number | undefined;
  /** Masks whose predicted IoU is not over this are dropped; 0.8. */
  readonly pred_iou_thresh?: number | undefined;
  /** Masks less stable than this are dropped; 0.95. */
  readonly stability_score_thresh?: number | undefined;
  /** How far the threshold is moved up and down to measure stability; 1. */
  readonly stability_score_offset?: number | undefined;
  /** Logits over this are the mask; 0. */
  readonly mask_threshold?: number | undefined;
  /** Of masks whose boxes overlap by more than this (IoU), only the best-scored is kept; 0.7. */
  readonly box_nms_thresh?: number | undefined;
  /** Layers of crops to segment besides the whole image; layer n has (2^n)² crops; 0. */
  readonly crop_n_layers?: number | undefined;
  /** Like `box_nms_thresh`, but between crops: the mask from the smaller crop is kept; 0.7. */
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

/** All options, with defaults filled in. */
export type Settings = { readonly [K in keyof EverythingOptions]-?: NonNullable<EverythingOptions[K]> };

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
const LIMITS: Partial<Record<keyof EverythingOptions, readonly [number, number, "whole" | "any"]>> = {
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

/** Options that are true or false. */
const SWITCHES = ["use_m2m", "multimask_output"] as const;

function invalid(name: string, expected: string, came: unknown): Sam2Error {
  return new Sam2Error("InvalidPromptError", `${name}: expected ${expected}, got ${shown(came)}`);
}

function arePointGrids(grids: unknown): boolean {
  const isShare = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= 1;
  const isPoint = (point: unknown): boolean => Array.isArray(point) && point.length === 2 && point.every(isShare);
  return Array.isArray(grids) && grids.every((grid) => Array.isArray(grid) && grid.every(isPoint));
}

/** Fills in defaults. @throws InvalidPromptError */
export function everythingSettings(options: EverythingOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...DEFAULTS, point_grids: [], ...given } as Settings;
  for (const [name, [least, greatest, kind]] of Object.entries(LIMITS)) {
    const value = settings[name as keyof Settings];
    const whole = kind === "any" || Number.isInteger(value);
    if (typeof value !== "number" || !(value >= least && value <= greatest) || !whole) {
      throw invalid(name, `a${kind === "whole" ? " whole" : ""} number from ${least} to ${greatest}`, value);
    }
  }
  for (const name of SWITCHES) {
    if (typeof settings[name] !== "boolean") throw invalid(name, "true or false", settings[name]);
  }
  if (!arePointGrids(settings.point_grids))
    throw invalid("point_grids", "lists of points x, y in [0,1]", given.point_grids);
  if (!["coco_rle", "binary_mask", "polygon"].includes(settings.output_mode)) {
    throw invalid("output_mode", "coco_rle, binary_mask or polygon", settings.output_mode);
  }
  return settings;
}
