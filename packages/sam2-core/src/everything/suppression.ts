/** Non-maximum suppression: of boxes that overlap too much, only the best-scored is kept. */

/** Left, top, right, bottom. */
export type BoxXYXY = readonly [number, number, number, number];

/** Indices of the boxes that are kept, by descending score; equal scores keep their order. */
export function nonMaximumSuppression(
  boxes: readonly BoxXYXY[],
  scores: readonly number[],
  threshold: number,
): number[] {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const kept: number[] = [];
  for (const i of order) {
    const box = boxes[i] as BoxXYXY;
    if (kept.every((k) => boxIou(box, boxes[k] as BoxXYXY) <= threshold)) kept.push(i);
  }
  return kept;
}

function boxIou([ax1, ay1, ax2, ay2]: BoxXYXY, [bx1, by1, bx2, by2]: BoxXYXY): number {
  const both =
    Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  // a box of one pixel has area 0 here, as in Meta's code; 0/0 then counts as no overlap
  return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both) || 0;
}
