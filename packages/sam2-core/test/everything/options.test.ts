/** Options of everything mode: what is refused by name. */
import { expect, test } from "vitest";
import { everythingSettings } from "../../src/everything/options.ts";

test.each<[object, RegExp]>([
  [{ points_per_side: 0 }, /points_per_side: expected a whole number from 1 to 256, got 0/],
  [{ use_m2m: "yes" }, /use_m2m: expected true or false, got "yes"/],
  [{ multimask_output: null }, /multimask_output: expected true or false, got null/],
  [{ point_grids: 3 }, /point_grids: expected lists of points x, y in \[0,1\], got 3/],
  [{ point_grids: [[[0.5, 1.5]]] }, /point_grids: expected lists of points/],
  [{ output_mode: [[]] }, /output_mode: expected coco_rle, binary_mask or polygon/],
])("%j", (options, message) => {
  expect(() => everythingSettings(options)).toThrow(
    expect.objectContaining({ name: "InvalidPromptError", message: expect.stringMatching(message) }),
  );
});
