/** Paired timing: each round runs every candidate once, so that noise affects all alike. For Node and for pages. */

/** A figure, or a comparison; `ratio` is our time divided by theirs. */
export interface Row {
  readonly bench: string;
  readonly work: string;
  readonly device: string;
  readonly threads: number;
  readonly ours_ms?: number | undefined;
  readonly peer?: string | undefined;
  readonly theirs_ms?: number | undefined;
  readonly ratio?: number | undefined;
  /** What the ratio should be at most, or where there is none our milliseconds. */
  readonly aim?: number | undefined;
  /** Whether the ratio should be at least that instead. */
  readonly isFloor?: boolean | undefined;
  /** Half the distance between the quartiles of our times, divided by their median. */
  readonly spread?: number | undefined;
  /** Further figures: bytes, masks, elements a second. */
  readonly note?: string | undefined;
}

/** Medians in milliseconds. */
export interface Comparison {
  readonly ours_ms: number;
  readonly theirs_ms?: number;
  readonly ratio?: number;
  readonly spread: number;
}

/** How long to measure: `short` takes a third of the repeats, so that the whole table fits into twelve minutes. */
export type Length = "full" | "short";

/** How often to repeat; at least twice, so that one disturbance is not the figure. */
export function repeatsIn(length: Length, full: number): number {
  return length === "full" ? full : Math.max(2, Math.round(full / 3));
}

/** The value a share of the way through the sorted list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

/** Median and spread of times in milliseconds. */
export function summary(times: readonly number[]): { ours_ms: number; spread: number } {
  const ours_ms = quantile(times, 0.5);
  return { ours_ms, spread: (quantile(times, 0.75) - quantile(times, 0.25)) / 2 / ours_ms };
}

/**
 * Runs each candidate `repeats` times after one warm-up, in turns. A candidate that answers with a
 * number has measured itself, in milliseconds.
 */
export async function compare(
  runs: { ours: () => Promise<unknown>; theirs?: () => Promise<unknown> },
  repeats: number,
): Promise<Comparison> {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let round = -1; round < repeats; round++) {
    for (const who of ["ours", "theirs"] as const) {
      const run = runs[who];
      if (!run) continue;
      const start = performance.now();
      const own = await run();
      if (round >= 0) times[who].push(typeof own === "number" ? own : performance.now() - start);
    }
  }
  const ours = summary(times.ours);
  if (times.theirs.length === 0) return ours;
  const theirs_ms = quantile(times.theirs, 0.5);
  return { ...ours, theirs_ms, ratio: ours.ours_ms / theirs_ms };
}
