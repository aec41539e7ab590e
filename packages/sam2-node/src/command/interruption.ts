/** Being told to end: commands end at once, but for those that have something to bring to an end first. */

/** Exit codes of signals. */
const EXIT = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT;

let onSignal: ((signal: Signal) => void) | undefined;

/** Listens to SIGINT and SIGTERM, for as long as the process lives. */
export function listenToSignals(): void {
  for (const signal of Object.keys(EXIT) as Signal[]) {
    process.on(signal, () => {
      const first = onSignal;
      onSignal = undefined;
      if (first) first(signal);
      else process.exit(EXIT[signal]);
    });
  }
}

/** Resolves with the first signal, which then does not end the process; a second one does. */
export function untilInterrupted(): Promise<Signal> {
  return new Promise((resolve) => {
    onSignal = resolve;
  });
}
