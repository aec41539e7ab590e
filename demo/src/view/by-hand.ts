/** Strokes, outlines and corners: what is done by hand on the picture, and what is drawn of it meanwhile. */
import type { ImageDrag, ImagePointer, PaintOver, PictureView } from "sam2-canvas";
import { type CornerOf, cornerNear, type Place, withCornerAt } from "../masks/outline.ts";
import type { State } from "../workspace/state.ts";
import type { Workspace } from "../workspace/workspace.ts";

/** CSS pixels within which a corner or a line is hit: with a mouse, and with a finger. */
const REACH = { mouse: 9, touch: 18 } as const;

/** CSS pixels: corners that are closer to each other are drawn smaller. */
const CLOSE = 12;

/** More corners than this are a line: they are not drawn one by one. */
const MOST_CORNERS = 1500;

/** The class's color of the next object: what is kept will look like that. */
export function colorOf({ project, className }: State): string {
  return project.classes.find(({ name }) => name === className)?.color ?? "#1d6ed8";
}

/** What pointers do while a tool for the hand is chosen. */
export interface ByHand {
  hover(at: ImagePointer | null): void;
  click(at: ImagePointer): void;
  dragStart(from: ImagePointer): void;
  drag(drag: ImageDrag): void;
  dragEnd(drag: ImageDrag): void;
  dragCancel(): void;
}

/** Turns pointers into edits of objects, and draws what is under way. */
export function listenByHand(view: PictureView, workspace: Workspace): ByHand {
  const { state, editing, selection } = workspace;
  const toolOf = (): State["tool"] => state.get().tool;
  /** The places of a stroke, or of an outline drawn in one go. */
  let path: Place[] = [];
  let hovered: Place | null = null;
  let moved: { readonly corner: CornerOf; readonly at: Place } | null = null;
  let panned: Place | null = null;

  const reachOf = ({ pointerType }: Pick<ImagePointer, "pointerType">): number =>
    (pointerType === "touch" ? REACH.touch : REACH.mouse) / view.viewport.scale;
  const strokeOf = (points: readonly Place[]) => {
    const { tool, options } = state.get();
    return { points, radius: Math.max(0.5, options.brush / 2), erase: tool === "erase" };
  };
  const isBrush = (): boolean => toolOf() === "paint" || toolOf() === "erase";
  const end = (): void => {
    path = [];
    moved = panned = null;
    view.repaint();
  };

  const paintStroke: PaintOver = (context, { scale, left, top }, ratio) => {
    const { radius, erase } = strokeOf([]);
    context.lineCap = context.lineJoin = "round";
    if (path.length > 0) {
      context.globalAlpha = 0.6;
      context.strokeStyle = erase ? "#ffffff" : colorOf(state.get());
      context.lineWidth = 2 * radius * scale;
      context.beginPath();
      for (const { x, y } of path) context.lineTo(left + x * scale, top + y * scale);
      context.stroke();
    }
    const at = path.at(-1) ?? hovered;
    if (!at) return;
    // the brush's size is seen where it will paint
    context.globalAlpha = 1;
    context.beginPath();
    context.arc(left + at.x * scale, top + at.y * scale, radius * scale, 0, 2 * Math.PI);
    strokeTwice(context, ratio);
    const { feather } = state.get().options;
    if (feather === 0) return;
    // what is inside is painted in any case
    context.setLineDash([3 * ratio, 3 * ratio]);
    context.beginPath();
    context.arc(left + at.x * scale, top + at.y * scale, radius * scale * (1 - feather / 100), 0, 2 * Math.PI);
    strokeTwice(context, ratio);
    context.setLineDash([]);
  };

  const paintOutline: PaintOver = (context, { scale, left, top }, ratio) => {
    const { drawn } = state.get();
    const places = path.length > 0 ? path : hovered && drawn.length > 0 ? [...drawn, hovered] : drawn;
    context.beginPath();
    for (const { x, y } of places) context.lineTo(left + x * scale, top + y * scale);
    strokeTwice(context, ratio);
    for (const [i, { x, y }] of drawn.entries()) {
      paintCorner(context, left + x * scale, top + y * scale, ratio, i === 0);
    }
  };

  const paintCorners: PaintOver = (context, { scale, left, top }, ratio) => {
    const rings = moved ? withCornerAt(editing.rings, moved.corner, moved.at) : editing.rings;
    context.beginPath();
    for (const ring of rings) {
      for (const [i, { x, y }] of ring.entries()) {
        if (i === 0) context.moveTo(left + x * scale, top + y * scale);
        else context.lineTo(left + x * scale, top + y * scale);
      }
      context.closePath();
    }
    strokeTwice(context, ratio);
    const { width, height } = context.canvas;
    const seen = rings.flat().map(({ x, y }) => [left + x * scale, top + y * scale] as const);
    const inside = seen.filter(([x, y]) => x >= 0 && y >= 0 && x <= width && y <= height);
    if (inside.length > MOST_CORNERS) return;
    const room = Math.min(...inside.map(([x, y], i) => roomFrom(inside[i - 1], x, y))) / ratio;
    for (const [x, y] of inside) paintCorner(context, x, y, room < CLOSE ? 0.6 * ratio : ratio, false);
    const near = moved ? null : hovered && cornerNear(rings, hovered, REACH.mouse / view.viewport.scale);
    const corner = near && rings[near.ring]?.[near.corner];
    if (corner) paintCorner(context, left + corner.x * scale, top + corner.y * scale, ratio, true);
  };

  view.paintOver = (...given) => {
    if (isBrush()) paintStroke(...given);
    else if (toolOf() === "outline" || toolOf() === "select") paintOutline(...given);
    else if (toolOf() === "corners") paintCorners(...given);
  };

  return {
    hover: (at) => {
      hovered = at;
      view.repaint();
    },
    click: (at) => {
      if (isBrush()) return editing.brush(strokeOf([at]));
      if (toolOf() === "outline") return editing.drawCorner(at, reachOf(at));
      if (toolOf() === "select") return editing.selectAt(at, !at.positive);
      if (!at.positive) return editing.removeCorner(at, reachOf(at));
      if (!editing.addCorner(at, reachOf(at))) editing.selectAt(at);
    },
    dragStart: (from) => {
      if (toolOf() !== "corners") path = [from];
      else {
        const corner = cornerNear(editing.rings, from, reachOf(from));
        moved = corner && { corner, at: from };
        panned = corner ? null : from.view;
      }
    },
    drag: ({ at }) => {
      if (moved) moved = { ...moved, at };
      else if (panned) {
        view.panBy(at.view.x - panned.x, at.view.y - panned.y);
        panned = at.view;
      } else path.push(at);
      view.repaint();
    },
    dragEnd: ({ from, at }) => {
      if (moved) editing.moveCorner(moved.corner, at);
      else if (isBrush()) editing.brush(strokeOf([...path, at]));
      else if (path.length > 0 && toolOf() === "select") selection.within([...path, at], !from.positive);
      else if (path.length > 0)
        editing.outline([...path, at], from.positive ? state.get().options.outline : "subtract");
      end();
    },
    dragCancel: end,
  };
}

/** How far the corner before is. */
function roomFrom(before: readonly [number, number] | undefined, x: number, y: number): number {
  return before ? Math.hypot(x - before[0], y - before[1]) : Number.POSITIVE_INFINITY;
}

/** A dark line under a white one, which is seen on any picture. */
function strokeTwice(context: CanvasRenderingContext2D, ratio: number): void {
  for (const [color, width] of [
    ["#0b1533", 3],
    ["#ffffff", 1.25],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.stroke();
  }
}

function paintCorner(context: CanvasRenderingContext2D, x: number, y: number, ratio: number, isLarge: boolean): void {
  const half = (isLarge ? 5.5 : 3.5) * ratio;
  context.fillStyle = "#0b1533";
  context.fillRect(x - half - ratio, y - half - ratio, 2 * (half + ratio), 2 * (half + ratio));
  context.fillStyle = "#ffffff";
  context.fillRect(x - half, y - half, 2 * half, 2 * half);
}
