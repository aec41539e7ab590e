/** Masks → polygons with holes, and SVG paths. */
import type { Mask } from "./mask.ts";

/** Corners x, y, in pixels; a pixel covers [x, x+1] × [y, y+1]. The last corner joins the first. */
export type Ring = readonly (readonly [number, number])[];

type Corner = Ring[number];

/** One connected piece of a mask. */
export interface Polygon {
  /** Its outline, clockwise on the screen. */
  readonly outer: Ring;
  /** Holes in it, counter-clockwise. */
  readonly holes: readonly Ring[];
}

/** Options of `maskToPolygons`. */
export interface PolygonOptions {
  /** How far the outline may be simplified, in pixels; 0 (default) follows the pixels' edges exactly. */
  readonly tolerance?: number | undefined;
}

/**
 * Traces the mask's outlines along the edges between pixels. Filling the polygons by the even-odd rule gives
 * the mask again. Pixels that only touch at a corner belong to different pieces.
 *
 * @returns pieces in reading order of their top-left pixel
 *
 * @example
 * ```ts
 * for (const { outer, holes } of maskToPolygons(result.mask(), { tolerance: 1 })) {
 *   outer; // [[x, y], …] in pixels
 *   holes; // rings inside of it
 * }
 * ```
 */
export function maskToPolygons(mask: Mask, { tolerance = 0 }: PolygonOptions = {}): Polygon[] {
  const { rings, ringAbove } = traceRings(mask);
  type Piece = { readonly outer: Ring; readonly holes: Ring[] };
  const pieces: Piece[] = [];
  /** The piece that each ring belongs to. A hole's outline comes earlier in the list than the hole. */
  const pieceOf: Piece[] = [];
  for (const ring of rings) {
    const isHole = signedArea(ring) < 0;
    const piece: Piece = isHole ? (pieceOf[ringAbove(ring)] as Piece) : { outer: ring, holes: [] };
    pieceOf.push(piece);
    if (isHole) piece.holes.push(ring);
    else pieces.push(piece);
  }
  if (tolerance <= 0) return pieces;
  return pieces.flatMap(({ outer, holes: inside }) => {
    const simple = simplifyRing(outer, tolerance);
    const simpleHoles = inside.map((hole) => simplifyRing(hole, tolerance)).filter((hole) => hole.length >= 3);
    return simple.length >= 3 ? [{ outer: simple, holes: simpleHoles }] : [];
  });
}

/**
 * SVG path data; to be filled by the even-odd rule.
 *
 * @example
 * ```ts
 * const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
 * path.setAttribute("d", polygonsToPath(maskToPolygons(result.mask())));
 * path.setAttribute("fill-rule", "evenodd");
 * ```
 */
export function polygonsToPath(polygons: readonly Polygon[]): string {
  const rings = polygons.flatMap(({ outer, holes }) => [outer, ...holes]);
  return rings.map((ring) => `M${ring.map(([x, y]) => `${x} ${y}`).join("L")}Z`).join("");
}

/** Twice the area; positive for outlines, negative for holes, as `traceRings` walks them. */
function signedArea(ring: Ring): number {
  let sum = 0;
  for (const [i, [x, y]] of ring.entries()) {
    const [nextX, nextY] = ring[(i + 1) % ring.length] as Corner;
    sum += x * nextY - nextX * y;
  }
  return sum;
}

/**
 * The four directions, clockwise, starting with right. For each: the step (x, y), and where the pixels ahead on the
 * right and on the left are, relative to the corner that was reached.
 */
const RIGHT = 0;
const STEP = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;
const AHEAD_RIGHT = [
  [0, 0],
  [-1, 0],
  [-1, -1],
  [0, -1],
] as const;
const AHEAD_LEFT = [
  [0, -1],
  [0, 0],
  [-1, 0],
  [-1, -1],
] as const;

/** All outlines, in reading order of their topmost edge. */
interface Traced {
  readonly rings: readonly Ring[];
  /** Index of the ring met first when going up from a hole: the outline of its piece, or another hole of it. */
  ringAbove(hole: Ring): number;
}

/** Walks along the edges between mask and background, keeping the mask on the right. */
function traceRings({ data, width, height }: Mask): Traced {
  const at = (x: number, y: number): number =>
    x >= 0 && y >= 0 && x < width && y < height ? (data[y * width + x] as number) : 0;
  // for each pixel, the ring (from 1) that runs along its upper edge; where there is none yet, a new ring starts
  const passed = new Uint32Array(width * height);
  const rings: Ring[] = [];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const last = row.lastIndexOf(1);
    for (let x = row.indexOf(1); x >= 0 && x <= last; x++) {
      if (at(x, y) === 0 || at(x, y - 1) === 1 || passed[y * width + x]) continue;
      const ring: [number, number][] = [];
      let [cx, cy, direction] = [x, y, RIGHT];
      do {
        if (direction === RIGHT) passed[cy * width + cx] = rings.length + 1;
        const ahead = (offsets: readonly Corner[]): number => {
          const [dx, dy] = offsets[direction] as Corner;
          return at(cx + dx, cy + dy);
        };
        const [dx, dy] = STEP[direction] as Corner;
        cx += dx;
        cy += dy;
        // turn right where the mask ends, left where it blocks the way
        const turn = ahead(AHEAD_RIGHT) === 0 ? 1 : ahead(AHEAD_LEFT) === 1 ? 3 : 0;
        if (turn !== 0) ring.push([cx, cy]);
        direction = (direction + turn) % 4;
      } while (cx !== x || cy !== y || direction !== RIGHT);
      rings.push(ring);
    }
  }
  const ringAbove = (hole: Ring): number => {
    // start at the hole's topmost, leftmost corner and go up to the next edge that a ring ran along
    let [x, y] = hole.reduce((top, [cx, cy]) => (cy < top[1] || (cy === top[1] && cx < top[0]) ? [cx, cy] : top));
    do y--;
    while (passed[y * width + x] === 0);
    return (passed[y * width + x] as number) - 1;
  };
  return { rings, ringAbove };
}

/** Douglas and Peucker (1973), on the two halves of the ring between its corners farthest apart. */
function simplifyRing(ring: Ring, tolerance: number): Ring {
  const first = ring[0] as Corner;
  const distance = ([x, y]: Corner): number => (x - first[0]) ** 2 + (y - first[1]) ** 2;
  let far = 0;
  for (const [i, corner] of ring.entries()) if (distance(corner) > distance(ring[far] as typeof corner)) far = i;
  const kept = new Uint8Array(ring.length + 1);
  kept[0] = 1;
  kept[far] = 1;
  const closed = [...ring, first];
  const spans: [number, number][] = [
    [0, far],
    [far, ring.length],
  ];
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [start, end] = span;
    let worst = tolerance;
    let split = -1;
    for (let i = start + 1; i < end; i++) {
      const off = distanceToSegment(closed[i] as Corner, closed[start] as Corner, closed[end] as Corner);
      if (off > worst) [worst, split] = [off, i];
    }
    if (split < 0) continue;
    kept[split] = 1;
    spans.push([start, split], [split, end]);
  }
  return ring.filter((_, i) => kept[i] === 1);
}

function distanceToSegment([x, y]: Corner, [x1, y1]: Corner, [x2, y2]: Corner): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = dx === 0 && dy === 0 ? 0 : ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy);
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}
