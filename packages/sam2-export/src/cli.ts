#!/usr/bin/env node
/** The command line of the exporter. */
import { constants } from "node:os";
import { exportCommand } from "./command.ts";

// an exit, other than a signal's own end, clears away what was begun
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}
await exportCommand("sam2-export").parseAsync();
