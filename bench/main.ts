/** The benchmarks' command: `npm run bench -- [NAME…] [--json FILE] [--markdown FILE]`. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Detail } from "sam2-web";
import { readBenchmarksFile, writtenBenchmarks } from "./benchmarks-file.ts";
import { click, draft, edgetam, everything, int8, kept, kernels, load, memory, models } from "./browser.ts";
import { detail } from "./detail.ts";
import { embeddingSizes, embeddings } from "./embeddings.ts";
import { gpu } from "./gpu.ts";
import { graphs } from "./graphs.ts";
import { page } from "./labeling-page.ts";
import type { Length, Row } from "./measure.ts";
import { node } from "./node.ts";
import { quality } from "./quality.ts";
import { line } from "./report.ts";
import { serve } from "./serve.ts";
import { size } from "./size.ts";

type Bench = (length: Length) => Promise<Row[]>;

const of =
  (bench: Bench, name: string): Bench =>
  async (length) =>
    (await bench(length)).filter((row) => row.bench === name);

/** A benchmark that gives the rows of two, and is run once for both. */
function once(bench: Bench): Bench {
  let rows: Promise<Row[]> | undefined;
  return (length) => {
    rows ??= bench(length);
    return rows;
  };
}

const encodeAndDecode = once(models);

const BENCHES: Readonly<Record<string, Bench>> = {
  encode: of(encodeAndDecode, "encode"),
  decode: of(encodeAndDecode, "decode"),
  edgetam,
  int8,
  graphs,
  click,
  load,
  kept,
  draft,
  everything,
  memory,
  kernels,
  size,
  embeddings: embeddingSizes,
  gpu,
  node,
  serve,
  page,
};

function megapixels(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 100) return value;
  throw new InvalidArgumentError("expected a number from 1 to 100");
}

function every(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("expected a whole number from 1");
}

const program = new Command("bench")
  .description(
    "Measures this machine. Figures are medians of repeats, but load, everything, memory, serve and the adding of page run once; comparisons are paired in one run",
  )
  .argument(
    "[names...]",
    `of ${Object.keys(BENCHES).join(", ")}, all by default; or one of quality, detail, and embeddings with --set, alone`,
  )
  .option("--set <folder>", "for quality, detail and embeddings: photographs, labels and prompts.json")
  .option("--model <id>", "for these: a model of the catalog, an address, or an exported folder", "sam2-mini")
  .addOption(
    new Option("--detail <when>", "for quality: a second look").choices(["off", "auto", "always"]).default("off"),
  )
  .option("--megapixels <number>", "for detail: all photographs on one picture of that size", megapixels)
  .option("--every <n>", "for detail: every Nth region of a picture", every, 1)
  .option(
    "--short",
    "a third of the repeats but at least three, without gpu and serve: about twelve minutes for all others",
    false,
  )
  .option("--json <file>", "rows as JSON; for quality, detail and embeddings their report")
  .option(
    "--markdown <file>",
    "a table of rows; of one that is there, rows that are not measured stay, and so does what follows",
  );

interface Options {
  set?: string;
  model: string;
  detail: Detail;
  megapixels?: number;
  every: number;
  short: boolean;
  json?: string;
  markdown?: string;
}

/** Reports of their own, on a set that the caller names. */
const REPORTS: Readonly<Record<string, (set: string, options: Options) => Promise<object>>> = {
  quality: (set, { model, detail }) => quality(set, model, detail),
  detail: (set, { model, megapixels = null, every }) => detail(set, model, { megapixels, every }),
  embeddings: (set, { model }) => embeddings(set, model),
};

async function writeReport(name: string, options: Options): Promise<void> {
  const { set, json } = options;
  if (set === undefined) program.error(`error: ${name} needs --set FOLDER`);
  const report = await (REPORTS[name] as (typeof REPORTS)[string])(set as string, options);
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
}

/** The table that a file has; null where there is no file. */
async function tableIn(path: string | undefined): Promise<ReturnType<typeof readBenchmarksFile>> {
  const content = path === undefined ? null : await readFile(path, "utf8").catch(() => null);
  if (content === null) return null;
  return readBenchmarksFile(content) ?? program.error(`error: ${path}: expected a file that --markdown wrote, or none`);
}

program.action(async (names: string[], options: Options) => {
  const [name = ""] = names;
  if (names.length === 1 && name in REPORTS && (options.set !== undefined || !(name in BENCHES)))
    return writeReport(name, options);
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown !== undefined)
    program.error(
      `error: no benchmark "${unknown}"; there are ${[...new Set([...Object.keys(BENCHES), ...Object.keys(REPORTS)])].join(", ")}`,
    );
  const before = await tableIn(options.markdown);
  const rows: Row[] = [];
  const length: Length = options.short ? "short" : "full";
  const left = options.short ? ["serve", "gpu"] : [];
  const runs =
    names.length > 0
      ? names.map((name) => BENCHES[name] as Bench)
      : Object.entries(BENCHES).flatMap(([name, run]) => (left.includes(name) ? [] : [run]));
  const short = options.short ? ["--short"] : [];
  const command = ["npm run bench --", ...names, ...short, "--markdown BENCHMARKS.md"].join(" ");
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, headless Chromium`;
  const run = `\`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${machine}`;
  for (const bench of runs) {
    const found = await bench(length);
    for (const row of found) process.stdout.write(`${line(row)}\n`);
    rows.push(...found);
    // after each benchmark: a run that is cut keeps what it measured
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
    if (options.markdown !== undefined) {
      await writeFile(options.markdown, writtenBenchmarks({ run, isWhole: names.length === 0, rows }, before));
    }
  }
});

await program.parseAsync();
// WASM threads keep the process alive
process.exit();
