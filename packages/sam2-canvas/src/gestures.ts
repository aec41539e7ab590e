/** Pointers → gestures: what a mouse, a pen or fingers do, told apart. No DOM here; `input.ts` brings the events. */
import type { Place } from "./viewport.ts";

/** A pointer as it is now; a PointerEvent with its place in view coordinates. */
export interface Pointer extends Place {
  readonly pointerId: number;
  readonly pointerType: string;
  /** The button that went down or up: 0 main, 1 middle, 2 secondary; -1 for none. */
  readonly button: number;
  /** Bits of the buttons that are down: 1 main, 2 secondary, 4 middle. */
  readonly buttons: number;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  /** 0 to 1; 0.5 where it is not measured. */
  readonly pressure: number;
}

/** What the gestures do; places are view coordinates. */
export interface GestureSink {
  hover(at: Pointer): void;
  leave(): void;
  click(at: Pointer): void;
  /** The first movement of a press that becomes a drag; `from` is where it was pressed. */
  dragStart(from: Pointer): void;
  drag(at: Pointer): void;
  dragEnd(at: Pointer): void;
  /** The drag ends without effect: a second finger touched, or the system took the pointer away. */
  dragCancel(): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number, about: Place): void;
}

/** CSS pixels that a press may move and still be a click. */
const SLOP: Readonly<Record<string, number>> = { mouse: 5, pen: 8, touch: 10 };

type State = "idle" | "pressed" | "dragging" | "panning" | "pinching";

/** Tells clicks, drags, pans and pinches apart. */
export class Gestures {
  readonly #sink: GestureSink;
  readonly #down = new Map<number, Pointer>();
  #state: State = "idle";
  #start: Pointer | null = null;
  /** Whether a pen was used: fingers then only move the picture, and a resting hand draws nothing. */
  #hasPen = false;
  /** Whether the main button moves the picture instead of drawing. */
  isPanning = false;
  /** Whether the space bar is down: the main button then moves the picture, too. */
  isSpaceDown = false;

  constructor(sink: GestureSink) {
    this.#sink = sink;
  }

  down(pointer: Pointer): void {
    if (pointer.pointerType === "pen" && !this.#hasPen) {
      this.#hasPen = true;
      // what rests on the screen beside the pen is the hand
      this.#down.clear();
      if (this.#state === "dragging") this.#sink.dragCancel();
    }
    this.#down.set(pointer.pointerId, pointer);
    if (this.#down.size === 1) {
      this.#start = pointer;
      const isHand = pointer.pointerType === "touch" && this.#hasPen;
      const pans = this.isPanning || this.isSpaceDown || pointer.button === 1 || isHand;
      this.#state = pans ? "panning" : "pressed";
    } else {
      if (this.#state === "dragging") this.#sink.dragCancel();
      this.#state = "pinching";
    }
  }

  move(pointer: Pointer): void {
    const before = this.#down.get(pointer.pointerId);
    if (!before) {
      if (pointer.pointerType !== "touch" && this.#down.size === 0) this.#sink.hover(pointer);
      return;
    }
    this.#down.set(pointer.pointerId, pointer);
    if (this.#state === "pinching") this.#pinch(before, pointer);
    else if (this.#state === "panning") this.#sink.pan(pointer.x - before.x, pointer.y - before.y);
    else if (this.#state === "dragging") this.#sink.drag(pointer);
    else if (this.#start && distance(pointer, this.#start) > (SLOP[pointer.pointerType] ?? 5)) {
      this.#state = "dragging";
      this.#sink.dragStart(this.#start);
      this.#sink.drag(pointer);
    }
  }

  up(pointer: Pointer): void {
    if (!this.#down.delete(pointer.pointerId)) return;
    if (this.#down.size > 0) return;
    const state = this.#state;
    this.#state = "idle";
    if (state === "dragging") this.#sink.dragEnd(pointer);
    else if (state === "pressed" && this.#start) this.#sink.click({ ...pointer, x: this.#start.x, y: this.#start.y });
  }

  cancel(pointerId: number): void {
    if (!this.#down.delete(pointerId)) return;
    if (this.#state === "dragging") this.#sink.dragCancel();
    this.#state = this.#down.size > 0 ? "pinching" : "idle";
  }

  leave(): void {
    if (this.#down.size === 0) this.#sink.leave();
  }

  /** Ends what pointers that are down have begun: they do nothing more until they are pressed anew. */
  reset(): void {
    if (this.#state === "dragging") this.#sink.dragCancel();
    this.#down.clear();
    this.#state = "idle";
  }

  /** The pinch of two fingers: they zoom about the middle between them, and move the picture with it. */
  #pinch(before: Pointer, now: Pointer): void {
    const other = [...this.#down.values()].find(({ pointerId }) => pointerId !== now.pointerId);
    if (!other) {
      this.#sink.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.#sink.zoom(Math.max(distance(now, other), 1) / Math.max(distance(before, other), 1), middle);
    this.#sink.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
