/** Being told to end: commands end at once, but for those that have something to bring to an end first. */

import { holdWorkers } from "../threads.ts";

/** Exit codes of signals. */
const EXIT = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT;

let onSignal: ((signal: Signal) => void) | undefined;

let isEnding = false;

/** Listens to SIGINT and SIGTERM, for as long as the process lives. */
export function listenToSignals(): void {
  // a file over the system's limit is an error of its write; proper-lockfile would take the signal for the end
  if (process.platform !== "win32") process.on("SIGXFSZ", () => undefined);
  for (const signal of Object.keys(EXIT) as Signal[]) {
    process.on(signal, () => {
      const first = onSignal;
      onSignal = undefined;
      if (first) first(signal);
      else if (isEnding) process.exit(EXIT[signal]);
      else void end(EXIT[signal]);
    });
  }
}

/** Ends the process once none of its threads is in native code; at a further signal, at once. */
async function end(code: number): Promise<void> {
  isEnding = true;
  await holdWorkers();
  process.exit(code);
}

/** Resolves with the first signal, which then does not end the process; a second one does. */
export function untilInterrupted(): Promise<Signal> {
  return new Promise((resolve) => {
    onSignal = resolve;
  });
}
