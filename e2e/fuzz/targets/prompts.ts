/** Prompts and options of everything mode, as JavaScript's values: typed arrays and texts too. */
import fc from "fast-check";
import { everythingSettings, type PromptSpace, toModelPrompt, toRegionLimits } from "sam2-core";
import type { SegmentPrompt } from "sam2-web";
import { mutatedJson } from "../mutate.ts";
import { jsonCase, jsonOf, must, NoCase, type Target } from "../target.ts";

const SPACE: PromptSpace = { width: 200, height: 100, imageSize: 1024, maskSize: 4 };

const TYPES = { Float32Array, Float64Array, Int32Array, Uint8Array };

/** `{"typed": "Float32Array", "values": […]}` stands for a typed array, `{"text": …}` for the value's JSON. */
function revived(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { typed, values, text } = value as { typed?: unknown; values?: unknown; text?: unknown };
  if (text !== undefined) return JSON.stringify(text);
  if (typeof typed !== "string" || !Object.hasOwn(TYPES, typed) || !Array.isArray(values)) return value;
  return TYPES[typed as keyof typeof TYPES].from(values.map(Number));
}

/** The fields of an object, revived. */
function eachRevived(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revived(each)]));
}

/** A prompt, whose fields and the `data` of its tensors are revived. @throws NoCase */
function promptOf(value: unknown): SegmentPrompt {
  if (typeof value !== "object" || value === null) throw new NoCase("the case is no object");
  try {
    const isTensor = (each: unknown): each is object => typeof each === "object" && each !== null && "data" in each;
    const entries = Object.entries(eachRevived(value));
    return Object.fromEntries(entries.map(([name, each]) => [name, isTensor(each) ? eachRevived(each) : each]));
  } catch (cause) {
    throw new NoCase("the case is too deep to be written as text", { cause });
  }
}

const MASK = [0, 1, 2, 3].map((row) => [row, -row, 0.5, 1]);

const prompt: Target = {
  name: "prompt",
  isJson: true,
  cases: fc.oneof(
    mutatedJson([
      { point_coords: [[100, 50]], point_labels: [1] },
      {
        point_coords: {
          text: [
            [100, 50],
            [3, 4],
          ],
        },
        point_labels: { text: [1, 0] },
        multimask_output: false,
      },
      {
        point_coords: { typed: "Float32Array", values: [100, 50, 0, 0] },
        point_labels: { typed: "Uint8Array", values: [1, 0] },
      },
      { point_coords: [[[1, 2]], [[3, 4]]], point_labels: [[1], [0]], mask_input: [MASK] },
      { box: { typed: "Float64Array", values: [50, 25, 100, 50] }, normalize_coords: false },
      {
        box: [
          [0, 0, 100, 50],
          [50, 25, 100, 50],
        ],
        max_hole_area: 8,
        max_sprinkle_area: 2.5,
      },
      {
        mask_input: { data: { typed: "Float32Array", values: MASK.flat() }, dims: [1, 4, 4] },
        point_coords: [[1, 1]],
        point_labels: [1],
      },
    ]),
    fc.record({ point_coords: fc.array(fc.array(fc.double())), point_labels: fc.array(fc.nat(1)) }).map(jsonCase),
  ),
  check(bytes) {
    const given = promptOf(jsonOf(bytes));
    toRegionLimits(given);
    const { coords, labels, mask } = toModelPrompt(given, SPACE);
    const [objects = 0, points = 0] = labels.dims;
    must(objects > 0 && points > 0, "there is something to ask");
    must(
      coords.data.length === objects * points * 2 && labels.data.length === objects * points,
      "values fit the shape",
    );
    must(coords.data.every(Number.isFinite), "coordinates are finite");
    must(
      labels.data.every((label) => [-1, 0, 1, 2, 3].includes(label)),
      "labels are the model's",
    );
    must(
      mask === null || (mask.data.length === objects * 16 && mask.data.every(Number.isFinite)),
      "a mask is whole and finite",
    );
  },
};

const everything: Target = {
  name: "everything",
  isJson: true,
  cases: mutatedJson([
    {},
    {
      points_per_side: 16,
      points_per_batch: 8,
      pred_iou_thresh: 0.5,
      stability_score_thresh: 0.9,
      output_mode: "polygon",
    },
    {
      crop_n_layers: 1,
      crop_overlap_ratio: 0.3,
      crop_n_points_downscale_factor: 2,
      min_mask_region_area: 100,
      use_m2m: true,
    },
    {
      point_grids: [
        [
          [0.5, 0.5],
          [0.1, 0.9],
        ],
      ],
      multimask_output: false,
      box_nms_thresh: 0.7,
      mask_threshold: 0,
    },
  ]),
  check(bytes) {
    const given = jsonOf(bytes) as Parameters<typeof everythingSettings>[0];
    if (typeof given !== "object" || given === null) return;
    const settings = everythingSettings(given);
    must(settings.point_grids.flat(2).every(Number.isFinite), "points are numbers");
    must(
      [true, false].includes(settings.use_m2m) && [true, false].includes(settings.multimask_output),
      "switches are switches",
    );
  },
};

export const PROMPTS: readonly Target[] = [prompt, everything];
