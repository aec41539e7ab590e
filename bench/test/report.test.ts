/** What the table says of aims. */
import { expect, test } from "vitest";
import type { Row } from "../measure.ts";
import { notedAim } from "../missed.ts";
import { cells, line } from "../report.ts";

const ROW: Row = { bench: "encode", work: "SAM 2.1 tiny", device: "wasm", threads: 2, peer: "the other", aim: 0.8 };

test.each<[string, Partial<Row>, string, string]>([
  ["that is met", { ratio: 0.79 }, "≤ 0.8", ""],
  ["that is missed", { ratio: 0.96 }, "≤ 0.8", "missed: both compute the same products in the same runtime; int8"],
  [
    "that is missed, with a note",
    { ratio: 0.96, note: "15 MB" },
    "≤ 0.8",
    "missed: both compute the same products in the same runtime; int8 makes two thirds of them cheaper; 15 MB",
  ],
  ["that is missed, nobody knows why", { bench: "load", aim: 50, ours_ms: 60 }, "≤ 50 ms", "missed"],
  ["in milliseconds", { aim: 50, ours_ms: 40 }, "≤ 50 ms", ""],
  ["from below, met", { bench: "x", ratio: 0.9, isFloor: true }, "≥ 0.8", ""],
  ["from below, missed", { bench: "x", ratio: 0.7, isFloor: true }, "≥ 0.8", "missed"],
  ["that nothing was measured for", { note: "not run" }, "≤ 0.8 ms", "not run"],
])("an aim %s", (_, given, aim, said) => {
  const row = { ...ROW, ...given };
  const columns = cells(row);
  expect(columns.at(-2)).toBe(aim);
  if (said === "") expect(columns.at(-1)).toBe("");
  else expect(columns.at(-1)).toContain(said);
  expect(line(row).includes("missed")).toBe(said.includes("missed"));
});

test.each([
  [7.9, "aim 8 kB"],
  [8, "aim 8 kB"],
  [14, "aim 8 kB, missed"],
])("an aim in a note, for %d kB", (came, said) => {
  expect(notedAim(came, 8, "kB")).toBe(said);
});
