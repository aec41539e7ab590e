/** Joins polygons with holes, and several pieces, into one ring, for formats that have only that. */
import Delaunator from "delaunator";
import type { Polygon, Ring } from "sam2-web";

type Corner = Ring[number];

/** A line from a corner of one ring to a corner of another; rings and corners are given as indices. */
interface Bridge {
  readonly fromRing: number;
  readonly fromCorner: number;
  readonly toRing: number;
  readonly toCorner: number;
}

/**
 * One ring through all pieces and holes: it goes from ring to ring along a line and back along the same
 * line, so that filled by the even-odd rule, or as pycocotools fills, it is the same mask.
 *
 * The lines are the shortest that join all rings: a minimum spanning tree, which is part of the Delaunay
 * triangulation of the corners. Takes time in proportion to n log n for n corners.
 */
export function joined(polygons: readonly Polygon[]): [number, number][] {
  const rings = polygons.flatMap(({ outer, holes }): Ring[] => [outer, ...holes]);
  if (rings.length <= 1) return (rings[0] ?? []).map(([x, y]) => [x, y]);
  const bridges = new Map<number, Bridge[]>();
  for (const bridge of shortestBridges(rings)) {
    const there = bridges.get(bridge.fromRing) ?? [];
    there.push(bridge);
    bridges.set(bridge.fromRing, there);
    const { fromRing, fromCorner, toRing, toCorner } = bridge;
    const back = bridges.get(toRing) ?? [];
    back.push({ fromRing: toRing, fromCorner: toCorner, toRing: fromRing, toCorner: fromCorner });
    bridges.set(toRing, back);
  }
  return walk(rings, bridges);
}

/** Walks around the first ring; where a bridge starts, crosses it, walks around the ring there, and returns. */
function walk(rings: readonly Ring[], bridges: ReadonlyMap<number, readonly Bridge[]>): [number, number][] {
  const path: [number, number][] = [];
  const visited = new Uint8Array(rings.length);
  const enter = (ring: number, first: number) => {
    visited[ring] = 1;
    const ahead = new Map<number, Bridge[]>();
    for (const bridge of bridges.get(ring) ?? []) {
      ahead.set(bridge.fromCorner, [...(ahead.get(bridge.fromCorner) ?? []), bridge]);
    }
    return { ring, first, passed: 0, ahead };
  };
  const stack = [enter(0, 0)];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const ring = rings[top.ring] as Ring;
    const corner = (top.first + top.passed) % ring.length;
    const bridge = top.ahead.get(corner)?.pop();
    if (bridge && visited[bridge.toRing]) continue;
    if (bridge) {
      path.push(at(ring, corner));
      stack.push(enter(bridge.toRing, bridge.toCorner));
      continue;
    }
    path.push(at(ring, corner));
    top.passed++;
    if (top.passed < ring.length) continue;
    // every ring but the first returns to the corner where it was entered
    if (stack.length > 1) path.push(at(ring, top.first));
    stack.pop();
  }
  return path;
}

function at(ring: Ring, corner: number): [number, number] {
  const [x, y] = ring[corner] as Corner;
  return [x, y];
}

/** Kruskal's minimum spanning tree over the rings, with edges of the Delaunay triangulation of their corners. */
function shortestBridges(rings: readonly Ring[]): Bridge[] {
  const ringOf = Uint32Array.from(rings.flatMap((ring, i) => ring.map(() => i)));
  const firstOf = new Uint32Array(rings.length);
  for (let i = 1; i < rings.length; i++) firstOf[i] = (firstOf[i - 1] as number) + (rings[i - 1] as Ring).length;
  const coordinates = Float64Array.from(rings.flat(2));
  const length = (a: number, b: number): number =>
    ((coordinates[2 * a] as number) - (coordinates[2 * b] as number)) ** 2 +
    ((coordinates[2 * a + 1] as number) - (coordinates[2 * b + 1] as number)) ** 2;
  const edges: [number, number][] = [];
  for (const each of [meetings(coordinates), triangulation(coordinates)]) {
    for (const [a, b] of each) if (ringOf[a] !== ringOf[b]) edges.push([a, b]);
  }
  const group = Uint32Array.from(rings, (_, i) => i);
  const groupOf = (ring: number): number => {
    let root = ring;
    while (group[root] !== root) {
      group[root] = group[group[root] as number] as number;
      root = group[root] as number;
    }
    return root;
  };
  const bridges: Bridge[] = [];
  for (const [a, b] of edges.sort((x, y) => length(...x) - length(...y))) {
    const [fromRing, toRing] = [ringOf[a] as number, ringOf[b] as number];
    const [from, to] = [groupOf(fromRing), groupOf(toRing)];
    if (from === to) continue;
    group[to] = from;
    const [fromCorner, toCorner] = [a - (firstOf[fromRing] as number), b - (firstOf[toRing] as number)];
    bridges.push({ fromRing, fromCorner, toRing, toCorner });
  }
  return bridges;
}

/** Pairs of corners at the same place: the triangulation contains only one of each. */
function* meetings(coordinates: Float64Array): Generator<[number, number]> {
  const seen = new Map<string, number>();
  for (let i = 0; i < coordinates.length / 2; i++) {
    const place = `${coordinates[2 * i]} ${coordinates[2 * i + 1]}`;
    const before = seen.get(place);
    if (before === undefined) seen.set(place, i);
    else yield [before, i];
  }
}

/** Each edge of the Delaunay triangulation once. */
function* triangulation(coordinates: Float64Array): Generator<[number, number]> {
  const { triangles, halfedges } = new Delaunator(coordinates);
  for (let edge = 0; edge < triangles.length; edge++) {
    if (edge < (halfedges[edge] as number)) continue;
    const next = edge % 3 === 2 ? edge - 2 : edge + 1;
    yield [triangles[edge] as number, triangles[next] as number];
  }
}
