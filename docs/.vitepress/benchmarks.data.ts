/** BENCHMARKS.md as data, so that the docs' figures are always the measured ones. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineLoader } from "vitepress";

/** One measurement: its kind, the work, where it ran, and the median in milliseconds. */
export interface Measurement {
  readonly kind: string;
  readonly work: string;
  readonly on: string;
  readonly milliseconds: number;
}

export interface Benchmarks {
  /** The machine, and the date. */
  readonly machine: string;
  readonly measurements: readonly Measurement[];
}

declare const data: Benchmarks;

export { data };

export function readBenchmarks(text: string): Benchmarks {
  const [, date, machine] = /on (\d{4}-\d\d-\d\d): (.*?)\.\sFigures/s.exec(text) ?? [];
  if (date === undefined || machine === undefined) throw new Error("BENCHMARKS.md: expected a date and a machine");
  const rows = text.split("\n").filter((line) => line.startsWith("| "));
  const measurements = rows.flatMap((row) => {
    const [, kind = "", work = "", on = "", milliseconds = ""] = row.split("|").map((cell) => cell.trim());
    return milliseconds !== "" && Number.isFinite(Number(milliseconds))
      ? [{ kind, work, on, milliseconds: Number(milliseconds) }]
      : [];
  });
  return { machine: `${machine.replaceAll("\n", " ")}, ${date}`, measurements };
}

const FILE = fileURLToPath(new URL("../../BENCHMARKS.md", import.meta.url));

export default defineLoader({
  watch: [FILE],
  load: (): Benchmarks => readBenchmarks(readFileSync(FILE, "utf8")),
});
