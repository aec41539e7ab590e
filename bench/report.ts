/** Rows as text: a line on the terminal, and BENCHMARKS.md. */
import { cpus } from "node:os";
import type { Row } from "./measure.ts";
import { whyMissed } from "./missed.ts";

const ms = (value: number | undefined): string =>
  value === undefined ? "" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

/** The aim of a row as text: a ratio, or milliseconds. */
function aimed({ aim, isFloor, ratio }: Row): string {
  if (aim === undefined) return "";
  return ratio === undefined ? `≤ ${aim} ms` : `${isFloor ? "≥" : "≤"} ${aim}`;
}

/** What is noted of a row, and why it misses its aim. */
function noted(row: Row): string {
  return [whyMissed(row), row.note].filter(Boolean).join("; ");
}

/** One line for the terminal. */
export function line(row: Row): string {
  const { bench, work, device, threads, ours_ms, peer, theirs_ms, ratio } = row;
  const parts = [
    `${bench}: ${work}`,
    [device, threads > 0 ? `${threads}×` : ""].join(" ").trim(),
    ours_ms === undefined ? "" : `${ms(ours_ms)} ms`,
    peer === undefined ? "" : `${peer} ${theirs_ms === undefined ? "" : `${ms(theirs_ms)} ms`}`.trim(),
    ratio === undefined ? "" : `ratio ${ratio.toPrecision(2)}`,
    row.aim === undefined ? "" : `aim ${aimed(row)}`,
    noted(row),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** The whole file. */
export function markdown(rows: readonly Row[], command: string): string {
  const [processor] = cpus();
  const cells = (row: Row): string[] => [
    row.bench,
    row.work,
    [row.device, row.threads > 0 ? `${row.threads}×` : ""].join(" ").trim(),
    ms(row.ours_ms),
    row.spread === undefined ? "" : `± ${(100 * row.spread).toFixed(0)} %`,
    row.peer ?? "",
    ms(row.theirs_ms),
    row.ratio?.toPrecision(2) ?? "",
    aimed(row),
    noted(row),
  ];
  const head = ["", "work", "on", "ours, ms", "spread", "peer", "theirs, ms", "ratio", "aim", ""];
  const table = [head, head.map(() => "---"), ...rows.map(cells)].map((each) => `| ${each.join(" | ")} |`);
  return `# Benchmarks

Written by \`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${processor?.model}, Node
${process.version}, headless Chromium. Figures are medians; the spread is half the distance between the quartiles;
comparisons run in turns in one process, on the same weights and picture; a ratio is ours over theirs. Where an aim is
missed, the last column says so, and why where that is known. What each one is, and how to make the peer's files:
[bench/README.md](bench/README.md).

${table.join("\n")}
`;
}
