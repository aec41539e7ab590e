/** Rows as text: a line on the terminal, and a row of a table. */
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

/** The columns of the table. */
export const HEAD: readonly string[] = [
  "",
  "work",
  "on",
  "ours, ms",
  "spread",
  "peer",
  "theirs, ms",
  "ratio",
  "aim",
  "",
];

/** A row of the table; its first cell names the benchmark. */
export function cells(row: Row): string[] {
  return [
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
}
