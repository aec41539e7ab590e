/** The prompt being made: points and a box on the picture. Plain data that is never changed in place. */
import type { SegmentPrompt } from "sam2-web";
import { type Box, type Place, type Size, toView, type Viewport } from "./viewport.ts";

/** A point in image pixels. */
export interface PromptPoint extends Place {
  /** Whether it is on the object. */
  readonly positive: boolean;
}

/** What the person has marked so far. */
export interface Prompts {
  readonly points: readonly PromptPoint[];
  readonly box: Box | null;
}

/** Nothing marked. */
export const NO_PROMPTS: Prompts = { points: [], box: null };

/**
 * Whether there is nothing to ask the model.
 *
 * @example
 * ```ts
 * isEmptyPrompt({ points: [], box: [10, 10, 90, 90] }); // false
 * ```
 */
export function isEmptyPrompt({ points, box }: Prompts): boolean {
  return points.length === 0 && box === null;
}

/**
 * The prompts as parameters of `segment`.
 *
 * @example
 * ```ts
 * const prompt = toSegmentPrompt({ points: [{ x: 500, y: 375, positive: true }], box: null });
 * const found = await segmenter.segment({ image, ...prompt }); // point_coords [[500, 375]], point_labels [1]
 * ```
 */
export function toSegmentPrompt({ points, box }: Prompts): SegmentPrompt {
  return {
    ...(points.length > 0
      ? { point_coords: points.map(({ x, y }) => [x, y]), point_labels: points.map(({ positive }) => Number(positive)) }
      : {}),
    ...(box ? { box } : {}),
  };
}

/**
 * The box between two corners, within the picture; null where it is narrower or lower than one pixel.
 *
 * @example
 * ```ts
 * boxBetween({ x: 90, y: 80 }, { x: -5, y: 10 }, { width: 100, height: 100 }); // [0, 10, 90, 80]
 * ```
 */
export function boxBetween(a: Place, b: Place, picture: Size): Box | null {
  const within = (at: number, most: number): number => Math.min(Math.max(at, 0), most);
  const [ax, bx] = [within(a.x, picture.width), within(b.x, picture.width)];
  const [ay, by] = [within(a.y, picture.height), within(b.y, picture.height)];
  const box: Box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  return box[2] - box[0] >= 1 && box[3] - box[1] >= 1 ? box : null;
}

/** A mark under the pointer: a point by its place in the list, or a corner of the box (0 top left, then clockwise). */
export type PromptMark =
  | { readonly kind: "point"; readonly index: number }
  | { readonly kind: "corner"; readonly index: number };

/** The box's corners, clockwise from the top left. */
function cornersOf([x1, y1, x2, y2]: Box): readonly Place[] {
  return [
    { x: x1, y: y1 },
    { x: x2, y: y1 },
    { x: x2, y: y2 },
    { x: x1, y: y2 },
  ];
}

/**
 * The mark nearest to a place, within a radius; null where there is none. A finger needs a radius of 22 CSS pixels.
 *
 * @param at view coordinates
 * @param radius CSS pixels
 *
 * @example
 * ```ts
 * const prompts = { points: [{ x: 10, y: 10, positive: true }], box: null };
 * markAt(prompts, { scale: 2, left: 0, top: 0 }, { x: 25, y: 20 }, 8); // { kind: "point", index: 0 }
 * ```
 */
export function markAt({ points, box }: Prompts, viewport: Viewport, at: Place, radius: number): PromptMark | null {
  let nearest: PromptMark | null = null;
  let least = radius;
  const look = (places: readonly Place[], kind: PromptMark["kind"]): void => {
    for (const [index, place] of places.entries()) {
      const { x, y } = toView(viewport, place);
      const distance = Math.hypot(x - at.x, y - at.y);
      if (distance <= least) [nearest, least] = [{ kind, index }, distance];
    }
  };
  if (box) look(cornersOf(box), "corner");
  look(points, "point");
  return nearest;
}

/**
 * The prompts with one mark moved to a place in image pixels; as they were where that leaves no box.
 *
 * @example
 * ```ts
 * const prompts = { points: [{ x: 1, y: 1, positive: true }], box: null };
 * withMarkMoved(prompts, { kind: "point", index: 0 }, { x: 5, y: 6 }, image); // that point at 5, 6
 * ```
 */
export function withMarkMoved(prompts: Prompts, mark: PromptMark, to: Place, picture: Size): Prompts {
  const { points, box } = prompts;
  if (mark.kind === "corner") {
    const opposite = box && cornersOf(box)[(mark.index + 2) % 4];
    const moved = opposite && boxBetween(opposite, to, picture);
    return moved ? { points, box: moved } : prompts;
  }
  const x = Math.min(Math.max(to.x, 0), picture.width);
  const y = Math.min(Math.max(to.y, 0), picture.height);
  return { points: points.map((point, i) => (i === mark.index ? { ...point, x, y } : point)), box };
}

/**
 * The prompts without one mark: a point, or the box whose corner it is.
 *
 * @example
 * ```ts
 * withoutMark({ points: [], box: [0, 0, 9, 9] }, { kind: "corner", index: 2 }); // nothing is left
 * ```
 */
export function withoutMark({ points, box }: Prompts, mark: PromptMark): Prompts {
  return mark.kind === "corner" ? { points, box: null } : { points: points.filter((_, i) => i !== mark.index), box };
}
