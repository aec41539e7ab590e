/** Prompts: what is understood, what it becomes, what is refused. */
import { describe, expect, test } from "vitest";
import { toRegionLimits } from "../../src/mask/regions.ts";
import { type PromptSpace, type SegmentPrompt, toModelPrompt } from "../../src/prompt/prompt.ts";

/** A picture of 200×100 before a model of 1024, masks of 4×4. */
const SPACE: PromptSpace = { width: 200, height: 100, imageSize: 1024, maskSize: 4 };
const zeros = (rows: number, columns: number): number[][] => Array.from({ length: rows }, () => Array(columns).fill(0));

function converted(prompt: SegmentPrompt): { coords: number[]; dims: readonly number[]; labels: number[] } {
  const { coords, labels } = toModelPrompt(prompt, SPACE);
  return { coords: Array.from(coords.data), dims: coords.dims, labels: Array.from(labels.data) };
}

describe("coordinates", () => {
  test.each<[string, SegmentPrompt, number[], number[], number[]]>([
    ["a point", { point_coords: [[100, 50]], point_labels: [1] }, [1, 1, 2], [512, 512], [1]],
    ["a point, in short", { point: [100, 50] }, [1, 1, 2], [512, 512], [1]],
    [
      "a point, in short, with a box",
      { point: [100, 50], box: [50, 25, 100, 50] },
      [1, 3, 2],
      [256, 256, 512, 512, 512, 512],
      [2, 3, 1],
    ],
    ["JSON, as the API has it", { point_coords: "[[100, 50]]", point_labels: "[1]" }, [1, 1, 2], [512, 512], [1]],
    [
      "typed arrays",
      { point_coords: Float32Array.of(100, 50, 0, 0), point_labels: Uint8Array.of(1, 0) },
      [1, 2, 2],
      [512, 512, 0, 0],
      [1, 0],
    ],
    [
      "already in [0,1]",
      { point_coords: [[0.5, 0.25]], point_labels: [0], normalize_coords: false },
      [1, 1, 2],
      [512, 256],
      [0],
    ],
    ["outside the image: passed on", { point_coords: [[-100, 200]], point_labels: [1] }, [1, 1, 2], [-512, 2048], [1]],
    ["a box is two points with labels 2 and 3", { box: [50, 25, 100, 50] }, [1, 2, 2], [256, 256, 512, 512], [2, 3]],
    [
      "a box comes before points",
      { box: [50, 25, 100, 50], point_coords: [[0, 0]], point_labels: [1] },
      [1, 3, 2],
      [256, 256, 512, 512, 0, 0],
      [2, 3, 1],
    ],
    [
      "two objects",
      { point_coords: [[[100, 50]], [[0, 0]]], point_labels: [[1], [0]] },
      [2, 1, 2],
      [512, 512, 0, 0],
      [1, 0],
    ],
    [
      "two boxes",
      {
        box: [
          [0, 0, 100, 50],
          [50, 25, 100, 50],
        ],
      },
      [2, 2, 2],
      [0, 0, 512, 512, 256, 256, 512, 512],
      [2, 3, 2, 3],
    ],
    ["a mask alone is given a padding point", { mask_input: zeros(4, 4) }, [1, 1, 2], [0, 0], [-1]],
  ])("%s", (_, prompt, dims, coords, labels) => {
    expect(converted(prompt)).toEqual({ dims, coords, labels });
  });
});

test.each<[SegmentPrompt, ReturnType<typeof toRegionLimits> | RegExp]>([
  [{}, null],
  [{ max_hole_area: 0 }, null],
  [{ max_hole_area: 8 }, { maxHoleArea: 8, maxSprinkleArea: 0 }],
  [{ max_sprinkle_area: 2.5 }, { maxHoleArea: 0, maxSprinkleArea: 2.5 }],
  [{ max_hole_area: -1 }, /max_hole_area: expected a number of cells, 0 or more, got -1/],
  [{ max_sprinkle_area: Number.NaN }, /max_sprinkle_area: .* got NaN/],
])("small regions: %o", (prompt, expected) => {
  if (expected instanceof RegExp) expect(() => toRegionLimits(prompt)).toThrow(expected);
  else expect(toRegionLimits(prompt)).toEqual(expected);
});

test("a mask of one object serves all", () => {
  const mask = { data: Float32Array.from({ length: 16 }, (_, i) => i), dims: [4, 4] };
  const prompt = toModelPrompt(
    { point_coords: [[[1, 1]], [[2, 2]]], point_labels: [[1], [1]], mask_input: mask },
    SPACE,
  );
  expect(prompt.mask?.dims).toEqual([2, 1, 4, 4]);
  expect(Array.from(prompt.mask?.data.subarray(16) ?? [])).toEqual(Array.from(mask.data));
});

describe("refusals", () => {
  test.each<[string, SegmentPrompt, RegExp]>([
    ["nothing", {}, /expected point, point_coords, box or mask_input, got none/],
    [
      "a short point of three numbers",
      { point: [1, 2, 3] as unknown as [number, number] },
      /point: expected x, y, got shape \[3\]/,
    ],
    [
      "a short point as text",
      { point: ["500", "375"] as unknown as [number, number] },
      /point: expected numbers, got the text "500"/,
    ],
    [
      "a short point as an object",
      { point: { x: 1, y: 2 } as unknown as [number, number] },
      /point: expected an array such as \[x, y\], or a tensor of data and dims, got another object/,
    ],
    ["a short point that is none", { point: [1, Number.NaN] }, /point: expected finite numbers, got NaN at index 1/],
    [
      "a short point and others",
      { point: [1, 2], point_coords: [[1, 1]], point_labels: [1] },
      /point: expected it alone, .*, got both/,
    ],
    [
      "points of which none is left",
      { point_coords: [], point_labels: [] },
      /point_coords: expected at least one point, got none/,
    ],
    ["points without labels", { point_coords: [[1, 1]] }, /point_labels: expected it with point_coords/],
    ["labels without points", { point_labels: [1] }, /point_coords: expected it with point_labels/],
    [
      "another number of labels",
      {
        point_coords: [
          [1, 1],
          [2, 2],
        ],
        point_labels: [1],
      },
      /one for each point, \[1,2\], got \[1,1\]/,
    ],
    ["label 2", { point_coords: [[1, 1]], point_labels: [2] }, /point_labels: expected 0 or 1, got 2/],
    ["three coordinates", { point_coords: [[1, 1, 1]], point_labels: [1] }, /\[N,2\] or \[B,N,2\], got shape \[1,3\]/],
    [
      "null",
      { point_coords: null as unknown as number[], point_labels: [1] },
      /point_coords: expected an array, got null/,
    ],
    [
      "a tensor without sizes",
      { point_coords: { data: Float32Array.of(1, 1), dims: 2 } as never, point_labels: [1] },
      /an array such as \[x, y\], or a tensor of data and dims/,
    ],
    ["nested too deep", { box: [[[[[1, 1, 2, 2]]]]] }, /all rows of one length/],
    ["a typed array with NaN", { box: Float32Array.of(0, 0, Number.NaN, 1) }, /box: expected finite numbers, got NaN/],
    [
      "far beyond float32",
      { point_coords: [[3e38, 1]], point_labels: [1] },
      /the model's pixels: expected finite numbers/,
    ],
    [
      "a switch that is none",
      { box: [0, 0, 1, 1], multimask_output: "no" as never },
      /multimask_output: expected true or false/,
    ],
    ["ragged points", { point_coords: [[1, 1], [2]], point_labels: [1, 1] }, /all rows of one length/],
    ["text for a number", { point_coords: [["1", 1]], point_labels: [1] }, /expected numbers, got the text "1"/],
    ["NaN", { point_coords: [[Number.NaN, 1]], point_labels: [1] }, /finite numbers, got NaN at index 0/],
    [
      "infinity in a typed array",
      { box: Float32Array.of(1, 2, Number.POSITIVE_INFINITY, 4) },
      /box: expected finite numbers, got Infinity at index 2/,
    ],
    [
      "NaN in a tensor",
      { box: { data: Float32Array.of(0, 0, 1, Number.NaN), dims: [4] } },
      /box: expected finite numbers, got NaN at index 3/,
    ],
    [
      "20,000 lists in each other",
      { box: "[".repeat(20_000) + "]".repeat(20_000) },
      /box: expected an array of numbers/,
    ],
    ["no JSON", { box: "[1,2" }, /box: expected a JSON array, got "\[1,2"/],
    ["JSON of another kind", { box: "{}" }, /box: expected an array/],
    ["three box values", { box: [1, 2, 3] }, /\[4\] or \[B,4\].*got shape \[3\]/],
    ["x2 before x1", { box: [5, 1, 4, 3] }, /x1 < x2 and y1 < y2, got \[5,1,4,3\]/],
    ["an empty box", { box: [1, 1, 1, 3] }, /x1 < x2/],
    ["a mask of another size", { mask_input: zeros(4, 5) }, /\[4,4\], got shape \[1,1,4,5\]/],
    [
      "a tensor that is short",
      { mask_input: { data: new Float32Array(3), dims: [4, 4] } },
      /values for \[4,4\], got 3/,
    ],
    [
      "objects that differ in number",
      {
        point_coords: [[[1, 1]], [[2, 2]]],
        point_labels: [[1], [1]],
        box: [
          [0, 0, 1, 1],
          [0, 0, 1, 1],
          [0, 0, 1, 1],
        ],
      },
      /one number of objects/,
    ],
  ])("%s", (_, prompt, message) => {
    expect(() => toModelPrompt(prompt, SPACE)).toThrow(
      expect.objectContaining({ name: "InvalidPromptError", message: expect.stringMatching(message) }),
    );
  });
});
