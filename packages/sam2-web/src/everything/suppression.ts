/** Which of two masks stays when their boxes are nearly the same. */

/** Left, top, right, bottom. */
export type BoxXYXY = readonly [number, number, number, number];

/** Non-maximum suppression: the indices that stay, by descending score; equal scores in their order. */
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
  // boxes of one pixel have no area in Meta's edges; 0/0 suppresses nothing there either
  return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both) || 0;
}
