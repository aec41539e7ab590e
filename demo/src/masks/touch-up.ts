/** Edits a mask: brush strokes, and adding or subtracting another mask. */
import type { Mask } from "sam2-web";

/** A stroke of a round brush; pixels of the picture. */
export interface Stroke {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly radius: number;
  readonly erase: boolean;
}

/** Adds another mask of the same size to the mask, or subtracts it. */
export function combined(mask: Mask, other: Mask, how: "add" | "subtract"): Mask {
  const data = mask.data.map((value, i) =>
    how === "add" ? value | (other.data[i] as number) : value & (1 - (other.data[i] as number)),
  );
  return { ...mask, data };
}

/** Applies a stroke to every pixel whose center is within the radius of the stroke's line. */
export function brushed(mask: Mask, { points, radius, erase }: Stroke): Mask {
  const { width, height } = mask;
  const data = mask.data.slice();
  const value = erase ? 0 : 1;
  for (const [i, to] of points.entries()) {
    const from = points[i - 1] ?? to;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = dx * dx + dy * dy;
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
    const right = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + radius));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
        const along = length === 0 ? 0 : Math.min(Math.max((px * dx + py * dy) / length, 0), 1);
        if (Math.hypot(px - along * dx, py - along * dy) <= radius) data[y * width + x] = value;
      }
    }
  }
  return { ...mask, data };
}
