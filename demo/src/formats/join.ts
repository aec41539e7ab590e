/** Polygons with holes, and several pieces, as one ring: for formats that know nothing else. */
import type { Polygon, Ring } from "sam2-web";

/**
 * One ring through all pieces and holes: it goes from ring to ring along a line and back along the same
 * line, so that filled by the even-odd rule, or as pycocotools fills, it is the same mask.
 */
export function joined(polygons: readonly Polygon[]): [number, number][] {
  const [first, ...rest] = polygons.flatMap(({ outer, holes }): Ring[] => [outer, ...holes]);
  let ring = (first ?? []).map(([x, y]): [number, number] => [x, y]);
  for (const other of rest) {
    const [from, to] = nearest(ring, other);
    const around = [...other.slice(to), ...other.slice(0, to + 1)].map(([x, y]): [number, number] => [x, y]);
    ring = [...ring.slice(0, from + 1), ...around, ...ring.slice(from)];
  }
  return ring;
}

/** The places of the two corners that are nearest to each other. */
function nearest(a: Ring, b: Ring): [number, number] {
  let [least, from, to] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const [i, [ax, ay]] of a.entries()) {
    for (const [j, [bx, by]] of b.entries()) {
      const distance = (ax - bx) ** 2 + (ay - by) ** 2;
      if (distance < least) [least, from, to] = [distance, i, j];
    }
  }
  return [from, to];
}
