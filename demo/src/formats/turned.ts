/** Boxes that are turned, as some tools let people draw them. */

/** A box: x1, y1, x2, y2. */
type Box = readonly [number, number, number, number];

/** The upright box around a box that is turned about a point, clockwise. */
export function aroundTurned(
  [x1, y1, x2, y2]: Box,
  degrees: number,
  [aboutX, aboutY]: readonly [number, number],
): number[] {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const corners = [x1, x2].flatMap((x) => [y1, y2].map((y) => [x - aboutX, y - aboutY] as const));
  const xs = corners.map(([x, y]) => aboutX + x * cos - y * sin);
  const ys = corners.map(([x, y]) => aboutY + x * sin + y * cos);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
