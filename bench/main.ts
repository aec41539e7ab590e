/** The benchmarks' command: `npm run bench -- [NAME…] [--json FILE]`. */
import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { graphs } from "./graphs.ts";
import type { Row } from "./measure.ts";

const BENCHES: Readonly<Record<string, () => Promise<Row[]>>> = { graphs };

const program = new Command("bench")
  .description("Measures this machine; every figure is a median of repeats, comparisons are paired in one run")
  .argument("[names...]", `of ${Object.keys(BENCHES).join(", ")}`)
  .option("--json <file>", "rows as JSON");

function line(row: Row): string {
  const ms = (value: number | undefined): string => (value === undefined ? "" : `${value.toFixed(1)} ms`);
  const ratio =
    row.ratio === undefined ? "" : `ratio ${row.ratio.toFixed(2)}${row.aim === undefined ? "" : ` (aim ${row.aim})`}`;
  return [row.bench, row.device, row.work, ms(row.ours_ms), row.peer, ms(row.theirs_ms), ratio]
    .filter(Boolean)
    .join("  ");
}

program.action(async (names: string[], { json }: { json?: string }) => {
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
