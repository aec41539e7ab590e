/** BENCHMARKS.md, when some benchmarks are run again. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type Measured, readBenchmarksFile, writtenBenchmarks } from "../benchmarks-file.ts";
import type { Row } from "../measure.ts";

const row = (bench: string, ours_ms: number): Row => ({ bench, work: "x", device: "wasm", threads: 1, ours_ms });

const measured = (run: string, isWhole: boolean, ...rows: Row[]): Measured => ({ run, isWhole, rows });

/** The file after one run more. */
const after = (file: string | null, run: Measured): string =>
  writtenBenchmarks(run, file === null ? null : readBenchmarksFile(file));

/** What a reader finds: the run that the file is of, others, figures, and what people wrote below. */
function found(file: string): { run: string | undefined; others: string[]; figures: string[]; below: string } {
  const lines = file.split("\n");
  return {
    run: /Written by (.*?)\.\sFigures/s.exec(file)?.[1],
    others: lines.filter((line) => line.startsWith("- ")),
    figures: lines.flatMap((line) => /^\| (\w+) \|(?:[^|]*\|){2} ([\d.]+) /.exec(line)?.slice(1, 3).join(" ") ?? []),
    below: file.includes("## Elsewhere") ? file.slice(file.indexOf("## Elsewhere")) : "",
  };
}

const WHOLE = after(null, measured("run 1", true, row("size", 1), row("load", 1), row("load", 2), row("gpu", 1)));
const ELSEWHERE = "## Elsewhere\n\n| size | y |\n";
const FILE = `${WHOLE}\n${ELSEWHERE}`;

test.each<[string, Measured[], ReturnType<typeof found>]>([
  [
    "nothing more",
    [],
    { run: "run 1", others: [], figures: ["size 1.00", "load 1.00", "load 2.00", "gpu 1.00"], below: ELSEWHERE },
  ],
  [
    "one benchmark again",
    [measured("run 2", false, row("load", 9))],
    { run: "run 1", others: ["- `load`: run 2"], figures: ["size 1.00", "load 9.00", "gpu 1.00"], below: ELSEWHERE },
  ],
  [
    "the same one twice",
    [measured("run 2", false, row("load", 8)), measured("run 3", false, row("load", 9))],
    { run: "run 1", others: ["- `load`: run 3"], figures: ["size 1.00", "load 9.00", "gpu 1.00"], below: ELSEWHERE },
  ],
  [
    "two of one run, then one of them again",
    [measured("run 2", false, row("size", 9), row("load", 9), row("gpu", 9)), measured("run 3", false, row("load", 8))],
    {
      run: "run 1",
      others: ["- `size`, `gpu`: run 2", "- `load`: run 3"],
      figures: ["size 9.00", "load 8.00", "gpu 9.00"],
      below: ELSEWHERE,
    },
  ],
  [
    "a new one",
    [measured("run 2", false, row("kept", 9))],
    {
      run: "run 1",
      others: ["- `kept`: run 2"],
      figures: ["size 1.00", "load 1.00", "load 2.00", "gpu 1.00", "kept 9.00"],
      below: ELSEWHERE,
    },
  ],
  [
    "all but one",
    [measured("run 2", true, row("size", 9), row("load", 9))],
    { run: "run 2", others: ["- `gpu`: run 1"], figures: ["size 9.00", "load 9.00", "gpu 1.00"], below: ELSEWHERE },
  ],
  [
    "one, then all",
    [measured("run 2", false, row("gpu", 8)), measured("run 3", true, row("size", 9), row("load", 9), row("gpu", 9))],
    { run: "run 3", others: [], figures: ["size 9.00", "load 9.00", "gpu 9.00"], below: ELSEWHERE },
  ],
])("%s", (_, runs, expected) => {
  expect(found(runs.reduce(after, FILE))).toEqual(expected);
});

test("BENCHMARKS.md is such a file; what it says of other computers stays", async () => {
  const file = await readFile(new URL("../../BENCHMARKS.md", import.meta.url), "utf8");
  const again = after(file, measured("a run", false, row("size", 1)));
  const [, below] = file.split("\n## ");
  expect(below).toContain("gpu");
  expect(again.endsWith(`\n## ${below}`)).toBe(true);
  expect(again.split("\n").filter((line) => line.startsWith("| click"))).toEqual(
    file.split("\n").filter((line) => line.startsWith("| click")),
  );
});

test.each(["", "# My labels\n", "# Benchmarks\n\n| size | y |\n"])("%j is no such file", (content) => {
  expect(readBenchmarksFile(content)).toBe(null);
});
