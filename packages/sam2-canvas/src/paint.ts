/** Draws what lies over the picture. Contexts count screen pixels; the viewport given is in screen pixels too. */
import type { Paths } from "./paths.ts";
import type { Prompts } from "./prompts.ts";
import type { MaskShape } from "./shape.ts";
import { type Box, type Place, type Size, toView, type Viewport } from "./viewport.ts";

/** An object over the picture. */
export interface ShownObject {
  /** Names the object; `objectAt` gives it back. */
  readonly id: string;
  /** Of the picture's size, or low-resolution logits. Never change one in place: its drawing is kept. */
  readonly mask: MaskShape;
  /** CSS color. */
  readonly color: string;
  /** What a screen reader calls it. */
  readonly label?: string | undefined;
  /** Drawn over the others, with a wide outline on a white line. */
  readonly selected?: boolean | undefined;
  /** Drawn over the others, with a stronger filling, as under the pointer. */
  readonly highlighted?: boolean | undefined;
  /** Not drawn, and not found by `objectAt`. */
  readonly hidden?: boolean | undefined;
  /** Drawn with a dashed outline, and not found by `objectAt`. */
  readonly locked?: boolean | undefined;
}

/** Where and how large things are drawn. */
export interface Surface {
  readonly context: CanvasRenderingContext2D;
  /** Screen pixels. */
  readonly viewport: Viewport;
  /** Screen pixels per CSS pixel. */
  readonly ratio: number;
  readonly picture: Size;
  /** The visible part of the picture. */
  readonly window: Box;
  readonly paths: Paths;
}

/** How a mask is drawn. */
interface MaskStyle {
  readonly color: string;
  /** 0 to 1. */
  readonly fill: number;
  /** CSS pixels. */
  readonly edge: number;
  /** CSS pixels of a white line under the edge; none by default. */
  readonly halo?: number | undefined;
  readonly dashed: boolean;
}

/** Draws a mask with an opaque edge. */
export function paintMask(surface: Surface, mask: MaskShape, style: MaskStyle): void {
  const { context, viewport, ratio, picture, window, paths } = surface;
  const path = paths.of(mask, picture, viewport.scale, window);
  if (!path) return;
  context.save();
  context.setTransform(viewport.scale, 0, 0, viewport.scale, viewport.left, viewport.top);
  context.globalAlpha = style.fill;
  context.fillStyle = context.strokeStyle = style.color;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  context.lineJoin = "round";
  const unit = ratio / viewport.scale;
  context.setLineDash(style.dashed ? [4 * unit, 3 * unit] : []);
  if (style.halo) {
    context.strokeStyle = "#ffffff";
    context.lineWidth = style.halo * unit;
    context.stroke(path);
    context.strokeStyle = style.color;
  }
  context.lineWidth = style.edge * unit;
  context.stroke(path);
  context.restore();
}

/**
 * Draws objects in their order; the selected and highlighted ones come last, so that nothing covers them.
 *
 * @param until `performance.now()` after which no further mask is traced for the first time
 * @returns whether all were drawn
 */
export function paintObjects(
  surface: Surface,
  objects: readonly ShownObject[],
  opacity: number,
  until: number,
): boolean {
  let all = true;
  const isStrong = ({ selected, highlighted }: ShownObject): boolean => (selected || highlighted) ?? false;
  const order = [...objects.filter((object) => !isStrong(object)), ...objects.filter(isStrong)];
  for (const object of order) {
    const { mask, color, hidden, selected, locked } = object;
    if (hidden) continue;
    if (!surface.paths.has(mask) && performance.now() > until) {
      all = false;
      continue;
    }
    paintMask(surface, mask, {
      color,
      fill: Math.min(1, (isStrong(object) ? 1.5 : 0.8) * opacity),
      edge: selected ? 2 : 1.5,
      halo: selected ? 5 : undefined,
      dashed: locked ?? false,
    });
  }
  return all;
}

/** Strokes twice: a wide line under a narrow one, so that it is seen on any picture. */
function strokeTwice(
  { context, ratio }: Surface,
  lines: readonly (readonly [string, number])[],
  draw: () => void,
): void {
  for (const [color, width] of lines) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    draw();
  }
}

/** Draws a box. */
export function paintBox(surface: Surface, [x1, y1, x2, y2]: Box): void {
  const { context, viewport } = surface;
  const from = toView(viewport, { x: x1, y: y1 });
  const to = toView(viewport, { x: x2, y: y2 });
  strokeTwice(
    surface,
    [
      ["#ffffff", 4],
      ["#1d4ed8", 2],
    ],
    () => context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y),
  );
}

/** Draws points and box, with the corners by which the box can be changed. */
export function paintPrompts(surface: Surface, { points, box }: Prompts): void {
  const { context, viewport, ratio } = surface;
  if (box) {
    paintBox(surface, box);
    const [x1, y1, x2, y2] = box;
    for (const corner of [
      [x1, y1],
      [x2, y1],
      [x2, y2],
      [x1, y2],
    ] as const) {
      const { x, y } = toView(viewport, { x: corner[0], y: corner[1] });
      context.fillStyle = "#ffffff";
      context.fillRect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
      context.fillStyle = "#1d4ed8";
      context.fillRect(x - 2.5 * ratio, y - 2.5 * ratio, 5 * ratio, 5 * ratio);
    }
  }
  for (const point of points) {
    const { x, y } = toView(viewport, point);
    context.beginPath();
    context.arc(x, y, 7 * ratio, 0, 2 * Math.PI);
    context.fillStyle = point.positive ? "#15803d" : "#b91c1c";
    context.fill();
    context.lineWidth = 2 * ratio;
    context.strokeStyle = "#ffffff";
    context.stroke();
    // plus or minus, since not everyone can tell the colors apart
    context.fillStyle = "#ffffff";
    context.fillRect(x - 3.5 * ratio, y - 0.75 * ratio, 7 * ratio, 1.5 * ratio);
    if (point.positive) context.fillRect(x - 0.75 * ratio, y - 3.5 * ratio, 1.5 * ratio, 7 * ratio);
  }
}

/** Draws the crosshair that the arrow keys move. */
export function paintCrosshair(surface: Surface, at: Place): void {
  const { context, viewport, ratio } = surface;
  const { x, y } = toView(viewport, at);
  const arm = 14 * ratio;
  strokeTwice(
    surface,
    [
      ["#000000", 3],
      ["#ffffff", 1],
    ],
    () => {
      context.beginPath();
      context.moveTo(x - arm, y);
      context.lineTo(x + arm, y);
      context.moveTo(x, y - arm);
      context.lineTo(x, y + arm);
      context.stroke();
    },
  );
}
