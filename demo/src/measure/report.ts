/** The table that is shown and copied, and the rows of BENCHMARKS.md beside which it is shown. */
import type { Figures } from "./measure.ts";
import type { Run } from "./plan.ts";

/** A row that was measured, or why it was not. */
export interface Row {
  readonly run: Run;
  readonly figures: Figures | null;
  readonly problem: string | null;
}

/** Medians of BENCHMARKS.md in milliseconds; null where it has no such row. */
export type Reference = Readonly<Record<"open" | "encode" | "click", number | null>>;

/** The works of BENCHMARKS.md that are comparable: the same encoder, the same click. */
const WORKS: Readonly<Record<string, Partial<Record<keyof Reference, readonly [kind: string, work: string]>>>> = {
  "sam2-mini": { click: ["click", "1 MP, sam2-mini: total"] },
  "sam2.1-tiny": { encode: ["encode", "SAM 2.1 tiny, 1024²"], click: ["decode", "one point to low-res logits"] },
};

/** The machine that BENCHMARKS.md was measured on, and its rows. */
export interface Benchmarks {
  readonly machine: string;
  readonly rows: readonly { readonly kind: string; readonly work: string; readonly on: string; readonly ms: number }[];
}

/** Reads BENCHMARKS.md. */
export function readBenchmarks(text: string): Benchmarks {
  const [, date = "", machine = ""] = /on (\d{4}-\d\d-\d\d): (.*?)\.\sFigures/s.exec(text) ?? [];
  const rows = text.split("\n").flatMap((line) => {
    const [, kind = "", work = "", on = "", ms = ""] = line.split("|").map((cell) => cell.trim());
    return ms !== "" && Number.isFinite(Number(ms)) ? [{ kind, work, on, ms: Number(ms) }] : [];
  });
  return { machine: `${machine.replaceAll("\n", " ")}, ${date}`, rows };
}

/** What BENCHMARKS.md has for a row: figures in float32, with as many threads. */
export function referenceOf({ model, device, threads, dtype }: Run, { rows }: Benchmarks): Reference {
  const find = (part: keyof Reference): number | null => {
    const [kind, work] = WORKS[model.id]?.[part] ?? [];
    const found = rows.find((row) => row.kind === kind && row.work === work && row.on === `${device} ${threads}×`);
    return ["int8", "fp16-compute"].includes(dtype) ? null : (found?.ms ?? null);
  };
  return { open: find("open"), encode: find("encode"), click: find("click") };
}

/** Milliseconds for people. */
export function shownTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** The cells of a row: the model, where it ran, its precision, and three times, each with BENCHMARKS.md's in brackets. */
export function cells({ run, figures, problem }: Row, benchmarks: Benchmarks): string[] {
  const on = run.device === "wasm" ? `WASM, ${run.threads === 1 ? "1 thread" : `${run.threads} threads`}` : "WebGPU";
  const reference = referenceOf(run, benchmarks);
  const time = (part: keyof Reference): string => {
    if (!figures) return "";
    const there = reference[part];
    return shownTime(figures[part]) + (there === null ? "" : ` (${shownTime(there)})`);
  };
  const last = figures ? [time("open"), time("encode"), time("click")] : [problem ?? "", "", ""];
  return [run.model.title, on, figures?.dtype ?? run.dtype, ...last];
}

export const HEAD = ["model", "on", "precision", "open", "encode", "click"] as const;

/** The table as Markdown. */
export function markdown(rows: readonly Row[], benchmarks: Benchmarks, browser: string, cores: number): string {
  const escaped = (cell: string): string => cell.replaceAll("|", "\\|").replaceAll("\n", " ");
  const line = (each: readonly string[]): string => `| ${each.map(escaped).join(" | ")} |`;
  const table = [HEAD, HEAD.map(() => "---"), ...rows.map((row) => cells(row, benchmarks))].map(line);
  return `${table.join("\n")}\n\n${cores} cores; ${browser}. In brackets: ${benchmarks.machine}.\n`;
}
