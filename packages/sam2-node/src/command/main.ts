#!/usr/bin/env node
/** `sam2`: the command line. */
import { listenToSignals } from "./interruption.ts";
import { runCommand } from "./program.ts";

listenToSignals();
process.stdout.on("error", ({ message }) => {
  process.stderr.write(`OutputError: standard output: could not be written: ${message}\n`);
  process.exitCode = 1;
});
await runCommand(process.argv.slice(2));
