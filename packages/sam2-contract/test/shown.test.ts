/** Values as messages show them: of any type, and short. */
import { expect, test } from "vitest";
import { shown } from "../src/index.ts";

test.each<[unknown, string]>([
  ["two", '"two"'],
  ["\x1b]0;\n", '"\\u001b]0;\\n"'],
  [null, "null"],
  [undefined, "undefined"],
  [true, "true"],
  [1.5, "1.5"],
  [Number.NaN, "NaN"],
  [8n, "8n"],
  [Symbol("s"), "Symbol(s)"],
  [() => 1, "a function"],
  [[], "[]"],
  [[1, "two", null], '[1,"two",null]'],
  [[Number.NaN, undefined, Number.NEGATIVE_INFINITY, 8n], "[NaN,undefined,-Infinity,8n]"],
  [{ deep: {} }, "an object"],
  [[[1]], "a nested list"],
  ["w".repeat(1000), `"${"w".repeat(119)}…`],
])("%o", (value, text) => {
  expect(shown(value)).toBe(text);
});
