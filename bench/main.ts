/** The benchmarks' command: `npm run bench -- [NAME…] [--json FILE]`. */
import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { graphs } from "./graphs.ts";
import type { Row } from "./measure.ts";
import { quality } from "./quality.ts";

const BENCHES: Readonly<Record<string, () => Promise<Row[]>>> = { graphs };

const program = new Command("bench")
  .description("Measures this machine; every figure is a median of repeats, comparisons are paired in one run")
  .argument("[names...]", `of ${[...Object.keys(BENCHES), "quality"].join(", ")}`)
  .option("--set <folder>", "for quality: photographs, labels and prompts.json")
  .option("--model <id>", "for quality: a model of the catalogue, an address, or an exported folder", "sam2-mini")
  .option("--json <file>", "rows as JSON; for quality its report");

function line(row: Row): string {
  const ms = (value: number | undefined): string => (value === undefined ? "" : `${value.toFixed(1)} ms`);
  const ratio =
    row.ratio === undefined ? "" : `ratio ${row.ratio.toFixed(2)}${row.aim === undefined ? "" : ` (aim ${row.aim})`}`;
  return [row.bench, row.device, row.work, ms(row.ours_ms), row.peer, ms(row.theirs_ms), ratio]
    .filter(Boolean)
    .join("  ");
}

/** Quality is a report of its own, on a set that the caller names. */
async function reportQuality({ set, model, json }: Options): Promise<void> {
  if (set === undefined) program.error("error: quality needs --set FOLDER");
  const report = await quality(set as string, model);
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
}

interface Options {
  set?: string;
  model: string;
  json?: string;
}

program.action(async (names: string[], options: Options) => {
  const { json } = options;
  if (names.length === 1 && names[0] === "quality") return reportQuality(options);
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown !== undefined)
    program.error(`error: no benchmark "${unknown}"; there are ${Object.keys(BENCHES).join(", ")}`);
  const rows: Row[] = [];
  for (const name of names.length > 0 ? names : Object.keys(BENCHES)) {
    for (const row of await (BENCHES[name] as () => Promise<Row[]>)()) {
      process.stdout.write(`${line(row)}\n`);
      rows.push(row);
    }
  }
  if (json !== undefined) await writeFile(json, `${JSON.stringify(rows, null, 2)}\n`);
});

await program.parseAsync();
// WASM threads keep the process alive
process.exit();
