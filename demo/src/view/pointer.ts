/** Turns pointer, wheel and keyboard events on the canvas into gestures. */
import type { View } from "./view.ts";

/** Pixels a press may move and still be a click. */
const CLICK_SLOP = 5;

/** What the person did; coordinates are pixels of the picture. */
export interface Gestures {
  hover(x: number, y: number): void;
  leave(): void;
  click(x: number, y: number, remove: boolean): void;
  /** A box being drawn, and its end. */
  drag(from: { x: number; y: number }, to: { x: number; y: number }, done: boolean): void;
  /** The drag ends without effect: a second finger touched, or the system took over the pointer. */
  abandon(): void;
}

/** Listens on the canvas. Touch with two fingers zooms and moves; the space bar and dragging moves. */
export function listen(canvas: HTMLCanvasElement, view: View, gestures: Gestures): void {
  const pressed = new Map<number, { x: number; y: number }>();
  let start: { x: number; y: number } | null = null;
  let dragging = false;
  let pinched = false;
  let space = false;

  const local = (event: PointerEvent | WheelEvent | MouseEvent): { x: number; y: number } => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const abandon = (): void => {
    if (dragging) gestures.abandon();
    dragging = false;
  };
  const isRemoval = (event: PointerEvent): boolean => event.button === 2 || event.altKey;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, local(event));
    if (pressed.size === 1) {
      start = local(event);
      dragging = false;
      pinched = false;
    } else {
      pinched = true;
      abandon();
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = local(event);
    const before = pressed.get(event.pointerId);
    if (!before || !start) {
      const at = view.toPicture(now.x, now.y);
      if (event.pointerType === "mouse") gestures.hover(at.x, at.y);
      return;
    }
    if (pressed.size === 2) {
      const other = [...pressed].find(([id]) => id !== event.pointerId)?.[1] as { x: number; y: number };
      const distance = (a: { x: number; y: number }): number => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
      view.zoom(distance(now) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
      view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (space || event.buttons === 4) {
      view.pan(now.x - before.x, now.y - before.y);
    } else if (!pinched && (dragging || Math.hypot(now.x - start.x, now.y - start.y) > CLICK_SLOP)) {
      dragging = true;
      gestures.drag(view.toPicture(start.x, start.y), view.toPicture(now.x, now.y), false);
    }
    pressed.set(event.pointerId, now);
  });
  canvas.addEventListener("pointerup", (event) => {
    const now = local(event);
    pressed.delete(event.pointerId);
    if (pressed.size > 0 || !start) return;
    const from = view.toPicture(start.x, start.y);
    const to = view.toPicture(now.x, now.y);
    if (dragging) gestures.drag(from, to, true);
    else if (!pinched && !space && event.button !== 1) gestures.click(to.x, to.y, isRemoval(event));
    start = null;
  });
  canvas.addEventListener("pointercancel", (event) => {
    pressed.delete(event.pointerId);
    start = null;
    abandon();
  });
  canvas.addEventListener("pointerleave", () => gestures.leave());
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = local(event);
      view.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), x, y);
    },
    { passive: false },
  );
  addEventListener("keydown", (event) => {
    if (event.code === "Space" && event.target === canvas) {
      space = true;
      event.preventDefault();
    }
  });
  addEventListener("keyup", (event) => {
    if (event.code === "Space") space = false;
  });
}
