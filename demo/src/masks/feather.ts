/**
 * A stroke whose outer part follows the picture. Masks have no soft edges; so what a feather softens elsewhere is decided
 * here by what is seen: in the outer part of the brush a pixel is taken where it looks more like what is under the middle of
 * the brush than like what lies just outside of it.
 */
import type { Mask } from "sam2-web";
import type { Stroke } from "./touch-up.ts";

/** A part of the picture: RGBA, at its place. */
export interface Pixels {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** What lies just outside is looked at so far from the stroke's line, in radii. */
const OUTSIDE = 1.3;

/** Colors that are nearer to each other than this, of 442 at most, are no edge: the brush then ends halfway. */
const NO_EDGE = 24;

/** The part of a picture that a feathered stroke looks at: left, top, width and height; empty outside of the picture. */
export function seenBy({ points, radius }: Stroke, size: { readonly width: number; readonly height: number }) {
  const reach = Math.ceil(OUTSIDE * radius) + 2;
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const left = Math.max(Math.floor(Math.min(...xs)) - reach, 0);
  const top = Math.max(Math.floor(Math.min(...ys)) - reach, 0);
  const right = Math.min(Math.ceil(Math.max(...xs)) + reach, size.width);
  const bottom = Math.min(Math.ceil(Math.max(...ys)) + reach, size.height);
  return { left, top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) };
}

/**
 * Applies a stroke as `brushed` does, but in the outer `share` of its radius only to pixels that look as what is under it.
 *
 * @param share 0 for a hard brush, 1 for one that follows the picture up to its middle
 */
export function feathered(mask: Mask, stroke: Stroke, share: number, pixels: Pixels): Mask {
  const { radius, erase } = stroke;
  const data = mask.data.slice();
  const core = radius * (1 - share);
  const { away, nearX, nearY } = nearestOn(stroke, pixels);
  for (let i = 0; i < away.length; i++) {
    const distance = away[i] as number;
    if (distance > radius) continue;
    const [column, row] = [pixels.left + (i % pixels.width), pixels.top + Math.floor(i / pixels.width)];
    const [qx, qy] = [nearX[i] as number, nearY[i] as number];
    if (distance > core && !isInside(pixels, column + 0.5, row + 0.5, qx, qy, distance, radius, core)) continue;
    data[row * mask.width + column] = erase ? 0 : 1;
  }
  return { ...mask, data };
}

/** Whether a pixel of the outer part looks as what is under the brush. */
function isInside(
  pixels: Pixels,
  px: number,
  py: number,
  qx: number,
  qy: number,
  away: number,
  radius: number,
  core: number,
): boolean {
  const out = OUTSIDE * Math.max(radius, 1);
  const here = colorAt(pixels, px, py, 0);
  const inner = colorAt(pixels, qx, qy, 1);
  const outer = colorAt(pixels, qx + ((px - qx) / away) * out, qy + ((py - qy) / away) * out, 1);
  if (distance(inner, outer) < NO_EDGE) return away <= (radius + core) / 2;
  return distance(here, inner) <= distance(here, outer);
}

/** The mean color around a place. */
function colorAt({ left, top, width, height, data }: Pixels, x: number, y: number, reach: number): readonly number[] {
  const within = (at: number, most: number): number => Math.min(Math.max(at, 0), most - 1);
  const [column, row] = [within(Math.floor(x) - left, width), within(Math.floor(y) - top, height)];
  const sum = [0, 0, 0];
  let count = 0;
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const at = 4 * (within(row + dy, height) * width + within(column + dx, width));
      for (const channel of [0, 1, 2]) (sum[channel] as number) += data[at + channel] as number;
      count++;
    }
  }
  return sum.map((value) => value / count);
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - (b[i] as number)));
}

/** For each pixel of a part that the stroke reaches, the nearest place of the stroke's line, and how far it is. */
function nearestOn({ points, radius }: Stroke, { left, top, width, height }: Pixels) {
  const away = new Float64Array(width * height).fill(Number.POSITIVE_INFINITY);
  const [nearX, nearY] = [new Float64Array(width * height), new Float64Array(width * height)];
  const within = (at: number, most: number): number => Math.min(Math.max(at, 0), most);
  for (const [i, to] of points.entries()) {
    const from = points[i - 1] ?? to;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = dx * dx + dy * dy;
    const [x1, x2] = [Math.min(from.x, to.x) - radius, Math.max(from.x, to.x) + radius];
    const [y1, y2] = [Math.min(from.y, to.y) - radius, Math.max(from.y, to.y) + radius];
    const [last, lowest] = [within(Math.ceil(x2) - left, width), within(Math.ceil(y2) - top, height)];
    for (let row = within(Math.floor(y1) - top, height); row < lowest; row++) {
      for (let column = within(Math.floor(x1) - left, width); column < last; column++) {
        const [x, y] = [left + column + 0.5, top + row + 0.5];
        const share = length === 0 ? 0 : within(((x - from.x) * dx + (y - from.y) * dy) / length, 1);
        const [qx, qy] = [from.x + share * dx, from.y + share * dy];
        const distance = Math.hypot(x - qx, y - qy);
        const at = row * width + column;
        if (distance >= (away[at] as number)) continue;
        away[at] = distance;
        nearX[at] = qx;
        nearY[at] = qy;
      }
    }
  }
  return { away, nearX, nearY };
}
