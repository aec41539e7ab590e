/** Runs in a process of its own: tries the cases that it is sent, and notes on disk which one it is at. */
import { openSync, writeSync } from "node:fs";
import { attempt, type Outcome, type Target } from "./target.ts";

/** Cases of one target. */
export interface Batch {
  readonly target: string;
  readonly cases: readonly Uint8Array[];
}

// Node's fetch reserves address space for its WebAssembly when it is first used: before that is limited
await fetch("data:,");

const [table, progressFile] = process.argv.slice(2) as [string, string];
const { TARGETS } = (await import(table)) as { TARGETS: readonly Target[] };
const progress = openSync(progressFile, "w");
const note = new Int32Array(1);

process.on("message", async ({ target: name, cases }: Batch) => {
  const target = TARGETS.find((each) => each.name === name);
  if (!target) throw new Error(`no target ${name}`);
  // what cases before have left behind counts against none of these
  (globalThis as { gc?(): void }).gc?.();
  const outcomes: Outcome[] = [];
  for (const [index, bytes] of cases.entries()) {
    note[0] = index;
    writeSync(progress, note, 0, 4, 0);
    outcomes.push(await attempt(target, bytes));
  }
  process.send?.(outcomes);
});
process.send?.("ready");
