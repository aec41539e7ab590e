/** What is called flat. */
import { expect, test } from "vitest";
import { slopeOf, trendOf } from "../flat.ts";

const points = (...values: number[]): [number, number][] => values.map((value, minute) => [minute, value]);

test("one peak is no slope", () => {
  expect(slopeOf(points(10, 10, 99, 10, 10))).toBe(0);
  expect(slopeOf(points(1, 3, 5, 7))).toBe(2);
  expect(slopeOf(points(5))).toBe(0);
});

test.each<[string, number[], number, boolean]>([
  ["level", [50, 51, 49, 50, 50], 2, true],
  ["falling", [90, 70, 60, 50, 50], 2, true],
  ["within the slack", [50, 50.4, 51, 51.4, 52], 5, true],
  ["a tenth of the median", [100, 102, 104, 106, 108], 2, true],
  ["noise that ends high", [1019, 890, 1043, 1165, 1033, 1011, 987, 1039, 1085, 1142], 10, true],
  ["a leak", [50, 54, 58, 62, 66], 5, false],
  ["a leak under noise", [50, 49, 56, 55, 61, 60, 68, 66], 5, false],
  ["one more each time, where none is allowed", [1, 2, 3, 4, 5], 0, false],
])("%s", (_, values, slack, isFlat) => {
  expect(trendOf({ name: "memory", unit: "MB", slack, points: points(...values) }).isFlat).toBe(isFlat);
});
