/** Pointer, wheel and keyboard events on an element → gestures and commands. */
import { type GestureSink, Gestures, type Pointer } from "./gestures.ts";
import type { Place } from "./viewport.ts";

/** What keys do; see `KEYS` in the package's README. */
export interface Commands {
  /** Moves the crosshair by CSS pixels. */
  moveCrosshair(dx: number, dy: number): void;
  /** Marks at the crosshair. */
  markAtCrosshair(positive: boolean): void;
  /** Starts a box at the crosshair, or ends it there. */
  boxAtCrosshair(): void;
  zoomBy(factor: number): void;
  fit(): void;
  /** Cancels a drag, or clears. Returns whether there was something to cancel or clear. */
  escape(): boolean;
  /** Whether there is a picture to zoom. */
  canZoom(): boolean;
}

/** CSS pixels that an arrow key moves the crosshair by; one with Shift. */
const STEP = 10;
/** The factor of a zoom key. */
const ZOOM_STEP = 1.25;

/** The keys while the picture has the focus: key → command; true where it did something. */
function command({ key, shiftKey }: KeyboardEvent, commands: Commands): boolean {
  const step = shiftKey ? 1 : STEP;
  switch (key) {
    case "ArrowLeft":
      commands.moveCrosshair(-step, 0);
      return true;
    case "ArrowRight":
      commands.moveCrosshair(step, 0);
      return true;
    case "ArrowUp":
      commands.moveCrosshair(0, -step);
      return true;
    case "ArrowDown":
      commands.moveCrosshair(0, step);
      return true;
    case "Enter":
      commands.markAtCrosshair(!shiftKey);
      return true;
    case "b":
    case "B":
      commands.boxAtCrosshair();
      return true;
    case "+":
    case "=":
      commands.zoomBy(ZOOM_STEP);
      return true;
    case "-":
      commands.zoomBy(1 / ZOOM_STEP);
      return true;
    case "0":
      commands.fit();
      return true;
    case "Escape":
      return commands.escape();
    default:
      return false;
  }
}

/** View coordinates of a place of the window, also where the page is scaled by a CSS `transform`. */
export function placeIn(element: HTMLElement, clientX: number, clientY: number): Place {
  const { left, top, width, height } = element.getBoundingClientRect();
  return {
    x: (clientX - left) / scaleOf(width, element.offsetWidth) - element.clientLeft,
    y: (clientY - top) / scaleOf(height, element.offsetHeight) - element.clientTop,
  };
}

/** How much larger a length is seen than it is laid out. Less than a pixel is rounding: layouts are given in whole ones. */
function scaleOf(seen: number, laidOut: number): number {
  return seen === 0 || laidOut === 0 || Math.abs(seen - laidOut) < 1 ? 1 : seen / laidOut;
}

/**
 * Listens on an element until the signal is aborted. Returns the gestures, whose `isPanning` a tool may set.
 *
 * A key event that another listener has prevented is left alone, so a page can give keys another meaning.
 */
export function listen(element: HTMLElement, sink: GestureSink, commands: Commands, signal: AbortSignal): Gestures {
  const gestures = new Gestures(sink);
  const local = ({ clientX, clientY }: MouseEvent): Place => placeIn(element, clientX, clientY);
  const pointer = (event: PointerEvent): Pointer => {
    const { pointerId, pointerType, button, buttons, altKey, shiftKey, pressure } = event;
    return { pointerId, pointerType, button, buttons, altKey, shiftKey, pressure, ...local(event) };
  };
  const on = <Name extends keyof HTMLElementEventMap>(
    name: Name,
    listener: (event: HTMLElementEventMap[Name]) => void,
    options: AddEventListenerOptions = {},
  ): void => element.addEventListener(name, listener, { signal, ...options });

  on("pointerdown", (event) => {
    // a press of the middle button would start the browser's own scrolling
    if (event.button === 1) event.preventDefault();
    try {
      element.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that has already gone; its events end at the element's edge
    }
    element.focus({ preventScroll: true });
    gestures.down(pointer(event));
  });
  on("pointermove", (event) => {
    // a pen's strokes are sampled more often than frames are drawn
    const all = event.buttons === 0 ? [] : (event.getCoalescedEvents?.() ?? []);
    for (const each of all.length > 0 ? all : [event]) gestures.move(pointer(each));
  });
  on("pointerup", (event) => gestures.up(pointer(event)));
  on("pointercancel", (event) => gestures.cancel(event.pointerId));
  on("pointerleave", () => gestures.leave());
  on("contextmenu", (event) => event.preventDefault());
  on(
    "wheel",
    (event) => {
      if (!commands.canZoom()) return;
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      // a pinch on a trackpad comes as a wheel with the control key, in small steps
      sink.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), local(event));
    },
    { passive: false },
  );
  on("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === "Space") {
      gestures.isSpaceDown = true;
      event.preventDefault();
    } else if (command(event, commands)) event.preventDefault();
  });
  const release = (): void => {
    gestures.isSpaceDown = false;
  };
  on("keyup", (event) => {
    if (event.code === "Space") release();
  });
  on("blur", release);
  return gestures;
}
