/** Masks as paths that a canvas draws, each made once for a range of zoom. */
import type { Outline } from "./contour.ts";
import { isLogits, type MaskShape, outlinesAt, type Traced, traced } from "./shape.ts";
import type { Box, Size } from "./viewport.ts";

/** A path in image pixels, and what it was made for. */
interface Drawn {
  readonly path: Path2D;
  /** Serves scales up to this one, and over half of it. */
  readonly level: number;
  /** The part of the picture it is right for. */
  readonly window: Box;
}

interface Entry {
  readonly traced: Traced | null;
  drawn: Drawn | null;
}

/** Paths by mask; they are freed with the mask. */
export class Paths {
  #entries = new WeakMap<MaskShape, Entry>();

  /** Whether the mask was traced before: then its path costs little. */
  has(shape: MaskShape): boolean {
    return isLogits(shape) || this.#entries.has(shape);
  }

  /**
   * The path of a mask; null where it is out of view.
   *
   * @param scale screen pixels per image pixel
   * @param window the part of the picture that is in view
   */
  of(shape: MaskShape, picture: Size, scale: number, window: Box): Path2D | null {
    const entry = this.#entryOf(shape);
    if (entry.traced && !overlap(entry.traced.box, window)) return null;
    const level = 2 ** Math.ceil(Math.log2(scale));
    if (entry.drawn?.level === level && contains(entry.drawn.window, window)) return entry.drawn.path;
    // a little more than is seen, so that it is not made anew at each step of a pan
    const whole: Box = [0, 0, picture.width, picture.height];
    const wider = entry.traced ? whole : widened(window, whole);
    const outlines = outlinesAt(isLogits(shape) ? shape : (entry.traced as Traced), picture, level, wider);
    entry.drawn = { path: toPath(outlines), level, window: wider };
    return entry.drawn.path;
  }

  #entryOf(shape: MaskShape): Entry {
    const known = this.#entries.get(shape);
    if (known) return known;
    const made: Entry = { traced: isLogits(shape) ? null : traced(shape), drawn: null };
    this.#entries.set(shape, made);
    return made;
  }
}

function toPath(outlines: readonly Outline[]): Path2D {
  const path = new Path2D();
  for (const outline of outlines) {
    if (outline.length < 6) continue;
    path.moveTo(outline[0] as number, outline[1] as number);
    for (let i = 2; i < outline.length; i += 2) path.lineTo(outline[i] as number, outline[i + 1] as number);
    path.closePath();
  }
  return path;
}

function overlap(a: Box | null, b: Box): boolean {
  return a !== null && a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function contains(outer: Box, inner: Box): boolean {
  return outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3];
}

function widened([x1, y1, x2, y2]: Box, most: Box): Box {
  const [dx, dy] = [(x2 - x1) / 4, (y2 - y1) / 4];
  return [
    Math.max(x1 - dx, most[0]),
    Math.max(y1 - dy, most[1]),
    Math.min(x2 + dx, most[2]),
    Math.min(y2 + dy, most[3]),
  ];
}
