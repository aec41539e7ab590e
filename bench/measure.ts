/** Paired timing: every candidate once a round, so that noise falls on all alike. */

/** A figure, or a comparison: `ratio` is ours over theirs. */
export interface Row {
  readonly bench: string;
  readonly work: string;
  readonly device: string;
  readonly threads: number;
  readonly ours_ms?: number;
  readonly peer?: string;
  readonly theirs_ms?: number;
  readonly ratio?: number;
  readonly aim?: number;
  /** Half the distance between the quartiles of our times, by their median. */
  readonly spread?: number;
}

/** The value a share of the way through the sorted list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

/** Runs each candidate `repeats` times after one warm-up, in turns; medians in milliseconds. */
export async function compare(
  runs: { ours: () => Promise<unknown>; theirs?: () => Promise<unknown> },
  repeats: number,
): Promise<{ ours_ms: number; theirs_ms?: number; ratio?: number; spread: number }> {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let round = -1; round < repeats; round++) {
    for (const who of ["ours", "theirs"] as const) {
      const run = runs[who];
      if (!run) continue;
      const start = performance.now();
      await run();
      if (round >= 0) times[who].push(performance.now() - start);
    }
  }
  const ours_ms = quantile(times.ours, 0.5);
  const spread = (quantile(times.ours, 0.75) - quantile(times.ours, 0.25)) / 2 / ours_ms;
  if (times.theirs.length === 0) return { ours_ms, spread };
  const theirs_ms = quantile(times.theirs, 0.5);
  return { ours_ms, theirs_ms, ratio: ours_ms / theirs_ms, spread };
}
