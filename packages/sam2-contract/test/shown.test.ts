/** Values in messages: whatever came, it is shown, and in short. */
import { expect, test } from "vitest";
import { shown } from "../src/shown.ts";

const VALUES: [unknown, string][] = [
  [1, "1"],
  ["two", '"two"'],
  [[1, "two", null], '[1,"two",null]'],
  [Number.NaN, "NaN"],
  [Number.NEGATIVE_INFINITY, "-Infinity"],
  [undefined, "undefined"],
  [null, "null"],
  [{ deep: {} }, "an object"],
  [[[1]], "a nested list"],
  [5n, "a bigint"],
  [[1n, 2], '["a bigint",2]'],
  [() => 1, "a function"],
  [Symbol("s"), "a symbol"],
  ["x".repeat(200), `"${"x".repeat(119)}…`],
];

test.each(VALUES.map(([value, text]) => [text, value] as const))("%s", (text, value) => {
  expect(shown(value)).toBe(text);
});
