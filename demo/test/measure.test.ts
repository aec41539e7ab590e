/** What is measured on a device, and the table that is copied. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Abilities, type MeasuredModel, MODELS, plan } from "../src/measure/plan.ts";
import { cells, markdown, type Row, readBenchmarks } from "../src/measure/report.ts";

const [MINI, EDGETAM, TINY] = MODELS as [MeasuredModel, MeasuredModel, MeasuredModel];

test.each<[string, MeasuredModel[], Abilities, string[]]>([
  ["one thread", [MINI], { threads: 1, hasGpu: false, hasHalf: false }, ["sam2-mini wasm 1 auto"]],
  [
    "threads and a GPU with half precision",
    [EDGETAM],
    { threads: 4, hasGpu: true, hasHalf: true },
    ["edgetam wasm 1 fp32", "edgetam wasm 4 fp32", "edgetam webgpu 4 fp32", "edgetam webgpu 4 fp16-compute"],
  ],
  [
    "a model that gains by int8",
    [TINY],
    { threads: 2, hasGpu: true, hasHalf: false },
    [
      "sam2.1-tiny wasm 1 fp32",
      "sam2.1-tiny wasm 2 fp32",
      "sam2.1-tiny wasm 1 int8",
      "sam2.1-tiny wasm 2 int8",
      "sam2.1-tiny webgpu 2 fp32",
    ],
  ],
  [
    "an export, on such a GPU",
    [MINI],
    { threads: 1, hasGpu: true, hasHalf: true },
    ["sam2-mini wasm 1 auto", "sam2-mini webgpu 1 auto"],
  ],
  ["no model", [], { threads: 2, hasGpu: true, hasHalf: false }, []],
])("with %s", (_, models, abilities, expected) => {
  const runs = plan(models, abilities);
  expect(runs.map(({ model, device, threads, dtype }) => `${model.id} ${device} ${threads} ${dtype}`)).toEqual(
    expected,
  );
});

const BENCHMARKS = readBenchmarks(`# Benchmarks

Written by \`npm run bench\` on 2026-11-22: 2 × Some
Processor, Node. Figures are medians.

|  | work | on | ours, ms | spread |
| --- | --- | --- | --- | --- |
| encode | SAM 2.1 tiny, 1024² | wasm 2× | 5139 | ± 2 % |
| decode | one point to low-res logits | wasm 2× | 101 | ± 20 % |
| memory | page and worker | wasm 2× |  |  |
`);

const row = (dtype: "fp32" | "int8", threads: number): Row => ({
  run: { model: TINY, device: "wasm", threads, dtype },
  figures: { open: 340.4, encode: 3210, click: 52.6, dtype },
  problem: null,
});

test.each<[string, Row, string[]]>([
  [
    "with its row of BENCHMARKS.md",
    row("fp32", 2),
    ["WASM, 2 threads", "fp32", "340 ms", "3.2 s (5.1 s)", "53 ms (101 ms)"],
  ],
  ["which BENCHMARKS.md does not have", row("fp32", 1), ["WASM, 1 thread", "fp32", "340 ms", "3.2 s", "53 ms"]],
  ["in int8", row("int8", 2), ["WASM, 2 threads", "int8", "340 ms", "3.2 s", "53 ms"]],
  [
    "that failed",
    { ...row("fp32", 2), figures: null, problem: "DownloadError: the network failed" },
    ["WASM, 2 threads", "fp32", "DownloadError: the network failed", "", ""],
  ],
])("a row %s", (_, measured, expected) => {
  expect(cells(measured, BENCHMARKS)).toEqual(["SAM 2.1 tiny", ...expected]);
});

test("the table is Markdown, and says what it was measured on", () => {
  const failed: Row = { ...row("fp32", 1), figures: null, problem: "a | b\nc" };
  expect(markdown([row("fp32", 2), failed], BENCHMARKS, "A browser", 8)).toBe(
    `| model | on | precision | open | encode | click |
| --- | --- | --- | --- | --- | --- |
| SAM 2.1 tiny | WASM, 2 threads | fp32 | 340 ms | 3.2 s (5.1 s) | 53 ms (101 ms) |
| SAM 2.1 tiny | WASM, 1 thread | fp32 | a \\| b c |  |  |

8 cores; A browser. In brackets: 2 × Some Processor, Node, 2026-11-22.
`,
  );
});

test("the file of this repository says on which machine it was measured, and when", () => {
  const file = readFileSync(new URL("../../BENCHMARKS.md", import.meta.url), "utf8");
  expect(readBenchmarks(file).machine).toMatch(/^\d+ × .+, \d{4}-\d\d-\d\d$/);
});
