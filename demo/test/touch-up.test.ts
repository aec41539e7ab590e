/** Masks changed by hand. */
import type { Mask } from "sam2-web";
import { describe, expect, test } from "vitest";
import { brushed, combined, type Stroke } from "../src/masks/touch-up.ts";

const mask = (...rows: string[]): Mask => ({
  data: Uint8Array.from(rows.join(""), Number),
  width: rows[0]?.length ?? 0,
  height: rows.length,
});
const rowsOf = ({ data, width, height }: Mask): string[] =>
  Array.from({ length: height }, (_, y) => data.subarray(y * width, (y + 1) * width).join(""));

test.each([
  ["add", ["110", "011"]],
  ["subtract", ["100", "000"]],
] as const)("%s", (how, expected) => {
  const before = mask("110", "000");
  expect(rowsOf(combined(before, mask("010", "011"), how))).toEqual(expected);
  expect(rowsOf(before)).toEqual(["110", "000"]);
});

describe("a stroke", () => {
  const empty = mask("00000", "00000", "00000");
  const at = (x: number, y: number) => ({ x, y });
  test.each<[string, Stroke, string[]]>([
    ["a dot", { points: [at(2.5, 1.5)], radius: 1, erase: false }, ["00100", "01110", "00100"]],
    ["a line", { points: [at(0.5, 1.5), at(4.5, 1.5)], radius: 0.4, erase: false }, ["00000", "11111", "00000"]],
    ["over the edge", { points: [at(-1, -1)], radius: 2.2, erase: false }, ["10000", "00000", "00000"]],
  ])("%s", (_, stroke, expected) => {
    expect(rowsOf(brushed(empty, stroke))).toEqual(expected);
  });

  test("erases", () => {
    const full = mask("11111", "11111", "11111");
    const stroke = { points: [at(0.5, 0.5), at(0.5, 2.5)], radius: 0.6, erase: true };
    expect(rowsOf(brushed(full, stroke))).toEqual(["01111", "01111", "01111"]);
  });
});
