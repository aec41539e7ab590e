/** BENCHMARKS.md: a table of the last figures of each benchmark, which run they come from, and what people wrote below. */
import type { Row } from "./measure.ts";
import { cells, HEAD } from "./report.ts";

/** A file, read. */
interface BenchmarksFile {
  /** The run that the file is of, in words. */
  readonly run: string;
  /** The runs of single benchmarks, where they are others. */
  readonly runs: ReadonlyMap<string, string>;
  /** The table's rows, each with its benchmark. */
  readonly rows: readonly (readonly [bench: string, text: string])[];
  /** What follows the table. */
  readonly rest: string;
}

/** What a run gave. */
export interface Measured {
  /** The run in words: its command, when and where. */
  readonly run: string;
  /** Whether it was to measure everything, so that the file is of this run. */
  readonly isWhole: boolean;
  readonly rows: readonly Row[];
}

const text = (columns: readonly string[]): string => `| ${columns.join(" | ")} |`;
const TABLE = [HEAD, HEAD.map(() => "---")].map(text).join("\n");

/** Reads a file that was written by these benchmarks; null where it was not. */
export function readBenchmarksFile(content: string): BenchmarksFile | null {
  const [, run] = /^# Benchmarks\n\nWritten by (.*?)\.\sFigures are /s.exec(content) ?? [];
  const [head = "", below] = content.split(`${TABLE}\n`, 2);
  if (run === undefined || below === undefined) return null;
  const [table = ""] = /^(?:\| .*\n)*/.exec(below) ?? [];
  const after = content.slice(head.length + TABLE.length + 1 + table.length);
  return {
    run: run.replaceAll("\n", " "),
    runs: new Map(
      [...head.matchAll(/^- (`.*?`): (.*)$/gm)].flatMap(([, benches = "", run = ""]) =>
        [...benches.matchAll(/`([^`]+)`/g)].map(([, bench = ""]) => [bench, run]),
      ),
    ),
    rows: [...table.matchAll(/^\| (\S*) \|.*$/gm)].map(([row, bench = ""]) => [bench, row]),
    rest: after,
  };
}

/** The file with what a run gave: rows of benchmarks that it did not measure stay, and so does what follows the table. */
export function writtenBenchmarks({ run, isWhole, rows }: Measured, before: BenchmarksFile | null): string {
  const measured = new Set(rows.map(({ bench }) => bench));
  const kept = before?.rows.filter(([bench]) => !measured.has(bench)) ?? [];
  const fresh = rows.map((row) => [row.bench, text(cells(row))] as const);
  // a benchmark stays where it was in the table
  const order = [...new Set([...(before?.rows ?? []), ...fresh].map(([bench]) => bench))];
  const table = order.flatMap((bench) => [...kept, ...fresh].filter(([of]) => of === bench).map(([, row]) => row));
  const fileRun = before === null || isWhole ? run : before.run;
  const runOf = (bench: string): string | undefined =>
    measured.has(bench) ? run : (before?.runs.get(bench) ?? before?.run);
  const otherRuns = [...new Set(order.map(runOf))].filter((other) => other !== fileRun);
  const others = otherRuns.map((other) => {
    const benches = order.filter((bench) => runOf(bench) === other).map((bench) => `\`${bench}\``);
    return `- ${benches.join(", ")}: ${other}`;
  });
  const ofOthers = others.length === 0 ? "" : `\nRows of other runs:\n\n${others.join("\n")}\n`;
  return `# Benchmarks

Written by ${fileRun}.
Figures are medians of repeats, but \`load\`, \`everything\`, \`memory\`, \`serve\` and the adding of \`page\` run once; the spread is
half the distance between the quartiles; comparisons run in turns in one process, on the same weights and picture; a ratio is
ours over theirs. Where an aim is missed, the last column says so, and why where that is known. What each one is, and how to
make the peer's files: [bench/README.md](bench/README.md).
${ofOthers}
${TABLE}
${table.map((row) => `${row}\n`).join("")}${before?.rest ?? ""}`;
}
