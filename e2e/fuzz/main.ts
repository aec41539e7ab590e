/** The fuzz command: tries cases of every target until the time is over, and keeps those that fail. */
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import fc from "fast-check";
import { keepCase } from "./corpus.ts";
import { minimized } from "./minimize.ts";
import { Runner } from "./runner.ts";
import type { Outcome, Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const TABLE = fileURLToPath(new URL("targets.ts", import.meta.url));

/** Cases that are made, and sent to the child, at a time. */
const BATCH = 32;

/** How long a case is made smaller, in milliseconds. */
const MINIMIZING = 60_000;

/** How often a long run says how far it is, in milliseconds. */
const REPORT = 60_000;

interface Tally {
  readonly target: Target;
  /** Batches made so far. */
  batches: number;
  cases: number;
  refused: number;
  /** Milliseconds spent. */
  spent: number;
  /** Failures by what they have in common: how often each came. */
  readonly found: Map<string, number>;
}

/** What failures with one cause have in common. */
function signature(outcome: Outcome): string | null {
  switch (outcome.kind) {
    case "held":
    case "refused":
      return null;
    case "failed": {
      const place = /(?:packages|demo)\/[^\s):]+:\d+/.exec(outcome.stack)?.[0];
      return place === undefined ? outcome.error.replace(/\d+/g, "…") : `${outcome.error.split(":")[0]} at ${place}`;
    }
    case "hung":
      return "no answer in time";
    case "crashed":
      return "the process ended";
  }
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

const program = new Command("fuzz")
  .description("Feeds every reader with broken input, in a child process with 512 MB and 5 s of the processor a case")
  .argument("[seconds]", "how long", whole, 60)
  .option("--seed <n>", "the same cases again; another seed each time by default", whole)
  .option("--target <name>", "one target; all by default")
  .option("--keep", "write cases that fail to the corpus", true)
  .option("--no-keep", "only name them");

program.action(async (seconds: number, options: { seed?: number; target?: string; keep: boolean }) => {
  const seed = options.seed ?? randomInt(2 ** 31);
  const chosen = TARGETS.filter(({ name }) => options.target === undefined || name === options.target);
  if (chosen.length === 0) program.error(`error: the targets are ${TARGETS.map(({ name }) => name).join(", ")}`);
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  say(`seed ${seed}`);
  const tallies = chosen.map(
    (target): Tally => ({ target, batches: 0, cases: 0, refused: 0, spent: 0, found: new Map() }),
  );
  const runner = new Runner(TABLE);
  const start = performance.now();
  let told = start;
  while (performance.now() - start < 1000 * seconds) {
    // each target gets the same time
    const tally = tallies.reduce((least, each) => (each.spent < least.spent ? each : least));
    await runBatch(tally, runner, { seed, keep: options.keep, say });
    if (performance.now() - told < REPORT) continue;
    told = performance.now();
    const cases = tallies.reduce((sum, each) => sum + each.cases, 0);
    say(`${Math.round((told - start) / 1000)} s: ${cases} cases`);
  }
  await runner.close();
  const width = Math.max(...tallies.map(({ target }) => target.name.length));
  for (const { target, cases, refused, found } of tallies) {
    const failures = [...found].map(([what, times]) => `\n    ${times} × ${what}`).join("");
    say(`${target.name.padEnd(width)} ${String(cases).padStart(8)} cases, ${refused} refused${failures}`);
  }
  const failed = tallies.reduce((sum, { found }) => sum + found.size, 0);
  const total = tallies.reduce((sum, { cases }) => sum + cases, 0);
  const took = Math.round((performance.now() - start) / 1000);
  say(`${total} cases of ${tallies.length} targets in ${took} s, seed ${seed}: ${failed} faults found`);
  if (failed > 0) process.exitCode = 1;
});

interface Run {
  readonly seed: number;
  readonly keep: boolean;
  say(line: string): void;
}

async function runBatch(tally: Tally, runner: Runner, { seed, keep, say }: Run): Promise<void> {
  const { target, found } = tally;
  const before = performance.now();
  const cases = fc.sample(target.cases, { seed: seed + tally.batches++, numRuns: BATCH });
  const outcomes = await runner.run(target.name, cases);
  tally.spent += performance.now() - before;
  tally.cases += outcomes.length;
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.kind === "refused") tally.refused++;
    const first = signature(outcome);
    if (first === null) continue;
    const times = found.get(first);
    if (times !== undefined) {
      found.set(first, times + 1);
      continue;
    }
    const failsAlike = async (bytes: Uint8Array): Promise<boolean> => {
      const [again] = await runner.run(target.name, [bytes]);
      return again !== undefined && signature(again) === first;
    };
    const bytes = cases[index] as Uint8Array;
    if (!(await failsAlike(bytes))) {
      say(`${target.name}: ${first}, which did not come again: the machine was busy, or cases before it matter`);
      continue;
    }
    found.set(first, 1);
    say(`${target.name}: ${"error" in outcome ? outcome.error : first}`);
    if ("stack" in outcome) say(outcome.stack);
    const until = performance.now() + MINIMIZING;
    const smaller = await minimized(bytes, target.isJson, failsAlike, () => performance.now() > until);
    say(`${target.name}: ${bytes.length} bytes, made ${smaller.length}`);
    if (keep) say(`kept as ${keepCase(target, smaller)}`);
  }
}

await program.parseAsync();
