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

/** How long to measure: `short` takes a third of the repeats, so that the whole table takes about twelve minutes. */
export type Length = "full" | "short";

/** How often to repeat; at least three times, so that one disturbance is not the figure. */
export function repeatsIn(length: Length, full: number): number {
  return length === "full" ? full : Math.max(3, Math.round(full / 3));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}

/** The standard error of a mean of these values. */
export function standardError(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)) / values.length);
}

/** A share as reports have it: to four places. */
export function rounded(share: number): number {
  return Number(share.toFixed(4));
}

/**
 * The value a share of the way through the sorted list, where each value stands in the middle of its part: between two of
 * them in proportion, so that the median of an even count is the mean of the middle two.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(Math.max(share * sorted.length - 0.5, 0), sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]] as [number, number];
  return below + (at % 1) * (above - below);
}

/** Median and spread of times in milliseconds. */
export function summary(times: readonly number[]): { ours_ms: number; spread: number } {
  const ours_ms = quantile(times, 0.5);
  return { ours_ms, spread: (quantile(times, 0.75) - quantile(times, 0.25)) / 2 / ours_ms };
}

/**
 * Runs each candidate `repeats` times after one warm-up, in turns: the times of each, in milliseconds. A candidate that
 * answers with a number has measured itself.
 */
export async function timesInTurns<K extends string>(
  runs: Readonly<Record<K, () => Promise<unknown>>>,
  repeats: number,
): Promise<Record<K, number[]>> {
  const candidates = Object.entries(runs) as [K, () => Promise<unknown>][];
  const times = Object.fromEntries(candidates.map(([name]) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = -1; round < repeats; round++) {
    for (const [name, run] of candidates) {
      const start = performance.now();
      const own = await run();
      if (round >= 0) times[name].push(typeof own === "number" ? own : performance.now() - start);
    }
  }
  return times;
}

/** Our times beside another's. */
export function beside(ours: readonly number[], theirs: readonly number[]): Comparison {
  const mine = summary(ours);
  const theirs_ms = quantile(theirs, 0.5);
  return { ...mine, theirs_ms, ratio: mine.ours_ms / theirs_ms };
}

/** Runs each candidate `repeats` times, in turns, and compares; see `timesInTurns`. */
export async function compare(
  { ours, theirs }: { ours: () => Promise<unknown>; theirs?: () => Promise<unknown> },
  repeats: number,
): Promise<Comparison> {
  if (!theirs) return summary((await timesInTurns({ ours }, repeats)).ours);
  const times = await timesInTurns({ ours, theirs }, repeats);
  return beside(times.ours, times.theirs);
}
