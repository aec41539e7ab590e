/** Where a second look looks: the surroundings of a mask and of its prompt. */
import { forEachRun } from "../mask/mask.ts";
import type { ModelPrompt, PromptSpace } from "../prompt/prompt.ts";

/** A part of an image in whole pixels: left, top, right, bottom; the last two are excluded. */
export type Region = readonly [left: number, top: number, right: number, bottom: number];

/** A region's sides, as multiples of what must be in it: the surroundings that tell an object from its ground. */
const SURROUNDINGS = 1.4;
/** The least side of a region in pixels, and the least share of the longer side: less would be stretched to mush. */
const LEAST_SIDE = 48;
const LEAST_ASPECT = 0.5;
/** A kept region serves another object while that one's longer side takes at least this share of it. */
const STILL_CLOSE = 0.4;

/**
 * What a second look must contain: the box around the mask that `logits` [side,side] give, the points on the
 * object, and the box of the prompt. Null where the mask is empty.
 */
export function contentOf(
  logits: Float32Array,
  prompt: ModelPrompt,
  object: number,
  { width, height, imageSize, maskSize }: PromptSpace,
): Region | null {
  let [left, top, right, bottom] = [width, height, 0, 0];
  const include = (x0: number, y0: number, x1: number, y1: number): void => {
    [left, top, right, bottom] = [Math.min(left, x0), Math.min(top, y0), Math.max(right, x1), Math.max(bottom, y1)];
  };
  forEachRun(logits, maskSize, width, height, 0, (row, from, to) => include(from, row, to, row + 1));
  if (right <= left) return null;
  const points = prompt.coords.dims[1] as number;
  for (let at = object * points; at < (object + 1) * points; at++) {
    if ((prompt.labels.data[at] as number) <= 0) continue;
    const x = ((prompt.coords.data[2 * at] as number) * width) / imageSize;
    const y = ((prompt.coords.data[2 * at + 1] as number) * height) / imageSize;
    include(x, y, x, y);
  }
  return clipped([left, top, right, bottom], width, height);
}

/** The region of a second look at `content`. */
export function regionAround([left, top, right, bottom]: Region, width: number, height: number): Region {
  const [wide, high] = [(right - left) * SURROUNDINGS, (bottom - top) * SURROUNDINGS];
  const least = Math.max(LEAST_SIDE, LEAST_ASPECT * Math.max(wide, high));
  const [halfWidth, halfHeight] = [Math.max(wide, least) / 2, Math.max(high, least) / 2];
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return clipped([x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight], width, height);
}

/** Whether a second look at `content` can use a region that was made for another: it is inside, and not lost in it. */
export function serves(region: Region, content: Region): boolean {
  const inside =
    region[0] <= content[0] && region[1] <= content[1] && region[2] >= content[2] && region[3] >= content[3];
  const longer = ([left, top, right, bottom]: Region): number => Math.max(right - left, bottom - top);
  return inside && longer(content) >= STILL_CLOSE * longer(region);
}

/** A region's share of an image. */
export function shareOf([left, top, right, bottom]: Region, width: number, height: number): number {
  return ((right - left) * (bottom - top)) / (width * height);
}

/** Grown to whole pixels, and cut to the image. */
function clipped([left, top, right, bottom]: Region, width: number, height: number): Region {
  const within = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  return [
    within(Math.floor(left), width),
    within(Math.floor(top), height),
    within(Math.ceil(right), width),
    within(Math.ceil(bottom), height),
  ];
}
