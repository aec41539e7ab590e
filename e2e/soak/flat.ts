/** Whether a figure stays flat over time. */

/** One figure over time. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** How much it may grow over the whole time without being called a leak: caches fill, the collector is late. */
  readonly slack: number;
  /** Minutes and values. */
  readonly points: readonly (readonly [minute: number, value: number])[];
}

/** What became of a figure. */
export interface Trend {
  readonly name: string;
  /** Growth an hour, by `slopeOf`. */
  readonly hourly: number;
  /** Growth over the time that was measured, by the same slope. */
  readonly growth: number;
  /** What the growth may be: the slack, or a tenth of the median where that is more. */
  readonly bound: number;
  readonly isFlat: boolean;
}

/** Share of the median that a figure may grow by. */
const SHARE = 0.1;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** The median of the slopes between all pairs of points (Theil and Sen), a minute: single peaks do not count. */
export function slopeOf(points: Series["points"]): number {
  const slopes = points.flatMap(([x1, y1], i) => points.slice(i + 1).map(([x2, y2]) => (y2 - y1) / (x2 - x1)));
  return median(slopes);
}

/**
 * How surely values rise with time: Mann's and Kendall's statistic, in standard deviations of what values in random
 * order would give.
 */
export function riseOf(points: Series["points"]): number {
  const count = points.length;
  const signs = points.flatMap(([, y1], i) => points.slice(i + 1).map(([, y2]) => Math.sign(y2 - y1)));
  const sum = signs.reduce((all, sign) => all + sign, 0);
  const deviation = Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);
  return sum === 0 ? 0 : (sum - Math.sign(sum)) / deviation;
}

/** A rise of less than this may be chance: one in twenty, one-sided. */
const SURE = 1.645;

/** Judges a figure: it leaks where it rises surely, and by more than its bound. */
export function trendOf({ name, slack, points }: Series): Trend {
  const slope = slopeOf(points);
  const minutes = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0);
  const bound = Math.max(slack, SHARE * median(points.map(([, value]) => value)));
  const growth = slope * minutes;
  return { name, hourly: 60 * slope, growth, bound, isFlat: growth <= bound || riseOf(points) < SURE };
}
