#!/usr/bin/env node
/** `sam2`: the command line. */
import { listenToSignals } from "./interruption.ts";
import { runCommand } from "./program.ts";

listenToSignals();
await runCommand(process.argv.slice(2));
