/** The prompt being made: points and a box. */
import type { SegmentPrompt } from "sam2-web";

/** A point in pixels of the picture. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
}

/** x1, y1, x2, y2 in pixels of the picture. */
export type Box = readonly [number, number, number, number];

/** What the person has marked so far. */
export interface Marks {
  readonly points: readonly Point[];
  readonly box: Box | null;
  /** Whether what is marked is looked at closer: where that pays, or in any case. */
  readonly closer?: "auto" | "always" | undefined;
}

/** Nothing marked. */
export const NO_MARKS: Marks = { points: [], box: null };

/** Whether there is anything to ask the model. */
export function isEmpty({ points, box }: Marks): boolean {
  return points.length === 0 && box === null;
}

/** The marks as parameters of `segment`. */
export function toPrompt({ points, box }: Marks): SegmentPrompt {
  return {
    ...(points.length > 0
      ? { point_coords: points.map(({ x, y }) => [x, y]), point_labels: points.map(({ positive }) => Number(positive)) }
      : {}),
    ...(box ? { box } : {}),
  };
}
