/** The names of options. One that no call knows is refused: a misspelled option would otherwise be ignored silently. */
import leven from "leven";
import { Sam2Error, shown } from "sam2-contract";
import type { EverythingOptions } from "../everything/options.ts";
import type { SegmentPrompt } from "../prompt/prompt.ts";
import type {
  CallOptions,
  SaveEmbeddingOptions,
  SegmentEverythingOptions,
  SegmenterOptionsOf,
  SegmentOptions,
  SetImageOptions,
} from "./options.ts";

/** Every name of an interface of options; the compiler checks that they are all there. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

export const CALL: OptionNames<CallOptions> = { signal: true };

export const OPENING: OptionNames<SegmenterOptionsOf> = {
  ...CALL,
  model: true,
  device: true,
  dtype: true,
  draft: true,
  softwareGpu: true,
  threads: true,
  lazyEncoder: true,
  acceptChanges: true,
  embeddingBudget: true,
  maxPixels: true,
  onProgress: true,
};

export const IMAGE: OptionNames<SetImageOptions> = { ...CALL, onProgress: true, embedding: true };

export const SAVING: OptionNames<SaveEmbeddingOptions> = { ...CALL, dtype: true };

export const SEGMENTING: OptionNames<SegmentOptions> = { ...CALL, supersede: true, detail: true, onProgress: true };

/** Of a request: its prompt, and the image it is about. */
export const REQUEST: OptionNames<SegmentPrompt & { image: unknown }> = {
  image: true,
  point: true,
  point_coords: true,
  point_labels: true,
  box: true,
  mask_input: true,
  multimask_output: true,
  return_logits: true,
  normalize_coords: true,
  max_hole_area: true,
  max_sprinkle_area: true,
};

const GENERATOR: OptionNames<EverythingOptions> = {
  points_per_side: true,
  points_per_batch: true,
  pred_iou_thresh: true,
  stability_score_thresh: true,
  stability_score_offset: true,
  mask_threshold: true,
  box_nms_thresh: true,
  crop_n_layers: true,
  crop_nms_thresh: true,
  crop_overlap_ratio: true,
  crop_n_points_downscale_factor: true,
  point_grids: true,
  min_mask_region_area: true,
  use_m2m: true,
  multimask_output: true,
  output_mode: true,
};

export const EVERYTHING: OptionNames<SegmentEverythingOptions> = {
  ...CALL,
  ...GENERATOR,
  detail: true,
  onProgress: true,
};

/** A name that is as near as a slip of the fingers, or has other words for the same: `pointCoords`, `boxes`. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const bare = (text: string): string => text.toLowerCase().replaceAll("_", "");
  const near = known.map((each) => ({ each, distance: leven(bare(name), bare(each)) }));
  const [best] = near.sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, name.length / 4) ? best.each : undefined;
}

/**
 * Checks the names of a call's options, not their values.
 *
 * @param call the call's name, for the message
 * @throws UnknownOptionError, which names the option and the nearest one that there is
 */
export function checkOptions(call: string, options: unknown, names: Readonly<Record<string, true>>): void {
  if (typeof options !== "object" || options === null) {
    throw new Sam2Error("UnknownOptionError", `${call}: expected an object with options, got ${shown(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const known = Object.keys(names);
  const near = nearest(unknown, known);
  const expected = near === undefined ? `expected ${known.join(", ")}` : `did you mean ${near}?`;
  throw new Sam2Error("UnknownOptionError", `${call}: there is no option ${JSON.stringify(unknown)}; ${expected}`);
}
