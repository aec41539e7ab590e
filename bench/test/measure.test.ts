/** What is made of measured times. */
import { expect, test } from "vitest";
import { beside, quantile, repeatsIn, standardError } from "../measure.ts";

test.each([
  ["full", 2, 2],
  ["full", 9, 9],
  ["short", 2, 3],
  ["short", 3, 3],
  ["short", 9, 3],
  ["short", 15, 5],
] as const)("a %s run of %d repeats takes %d", (length, full, repeats) => {
  expect(repeatsIn(length, full)).toBe(repeats);
});

test.each<[times: number[], share: number, value: number]>([
  [[7], 0.25, 7],
  [[7], 0.95, 7],
  [[900, 100], 0.5, 500],
  [[9, 1, 5], 0.5, 5],
  [[9, 1, 5], 0.25, 2],
  [[9, 1, 5], 0.75, 8],
  [[4, 1, 2, 3], 0.5, 2.5],
  [[4, 1, 2, 3], 0.25, 1.5],
  [[4, 1, 2, 3], 0, 1],
  [[4, 1, 2, 3], 1, 4],
])("of %j, the value at %d is %d", (times, share, value) => {
  expect(quantile(times, share)).toBe(value);
});

test("one slow run of two counts half, on either side", () => {
  expect(beside([100, 300], [900, 100])).toMatchObject({ ours_ms: 200, theirs_ms: 500, ratio: 0.4 });
});

test.each([
  [0.006, 178, 0.00045],
  [0.012, 178, 0.0009],
  [0.5, 100, 0.05],
])("gains that spread by %d, of %d regions, have a mean known to %d", (spread, regions, error) => {
  const gains = Array.from({ length: regions }, (_, i) => 0.1 + (i % 2 === 0 ? spread : -spread));
  expect(standardError(gains)).toBeCloseTo(error, 5);
});
