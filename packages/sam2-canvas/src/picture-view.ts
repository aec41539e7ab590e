/** A picture to look at and to point at: draws it with masks and prompts, zooms, pans, and says what was pointed at. */
import { maskColor } from "sam2-web";
import { Emitter } from "./emitter.ts";
import type { Gestures, Pointer } from "./gestures.ts";
import { listen, placeIn } from "./input.ts";
import {
  paintBox,
  paintCrosshair,
  paintMask,
  paintObjects,
  paintPrompts,
  type ShownObject,
  type Surface,
} from "./paint.ts";
import { Paths } from "./paths.ts";
import { isEmptyPrompt, NO_PROMPTS, type Prompts } from "./prompts.ts";
import { type Picture, Pyramid } from "./pyramid.ts";
import type { MaskShape } from "./shape.ts";
import {
  type Box,
  fitted,
  isOnPicture,
  keptInView,
  type Place,
  panned,
  type Size,
  toImage,
  toView,
  type Viewport,
  visibleBox,
  zoomed,
  zoomLimits,
} from "./viewport.ts";

/** What is shown over the picture. */
export interface Scene {
  /** Drawn in this order, the selected and highlighted ones last; all under the mask. */
  readonly objects: readonly ShownObject[];
  /** The mask that answers the prompts. */
  readonly mask: MaskShape | null;
  /** CSS color of that mask. */
  readonly color: string;
  /** Whether the mask is a preview under the pointer, which is drawn paler. */
  readonly isPreview: boolean;
  readonly prompts: Prompts;
  /** A box that is being drawn. */
  readonly rubberBand: Box | null;
  /** Where the arrow keys have moved the crosshair, in image pixels. */
  readonly crosshair: Place | null;
  /** Opacity of the masks' filling, 0 to 1. */
  readonly opacity: number;
}

/** A pointer over the picture. */
export interface ImagePointer extends Place {
  /** View coordinates. */
  readonly view: Place;
  /** `mouse`, `pen`, `touch`, or `keyboard` for the crosshair. */
  readonly pointerType: string;
  /** False for the secondary button, with Alt, and for Shift+Enter: not on the object. */
  readonly positive: boolean;
  readonly shiftKey: boolean;
  /** 0 to 1. */
  readonly pressure: number;
}

/** A drag from one place to another, in image pixels. */
export interface ImageDrag {
  readonly from: ImagePointer;
  readonly at: ImagePointer;
}

/** The events of a `PictureView`; places are image pixels, and may lie outside of the picture. */
export interface PictureViewEvents {
  /** The pointer moved over the picture without a button. */
  hover: ImagePointer;
  /** The pointer left the canvas. */
  leave: undefined;
  click: ImagePointer;
  dragstart: ImagePointer;
  drag: ImageDrag;
  dragend: ImageDrag;
  /** The drag ends without effect. */
  dragcancel: undefined;
  /** The picture was zoomed, moved or fitted, or the canvas was resized. */
  viewport: Viewport;
  /** The arrow keys moved the crosshair. */
  crosshair: Place;
  /** The Escape key. */
  escape: undefined;
}

/** Options of a `PictureView`. */
export interface PictureViewOptions {
  /** What a screen reader calls the picture; "Picture" by default. */
  readonly label?: string | undefined;
  /** What a screen reader says of the keys; that of the view's own by default. For pages that give keys another meaning. */
  readonly description?: string | undefined;
}

/** Draws on top of everything else, on a context that counts screen pixels. */
export type PaintOver = (context: CanvasRenderingContext2D, viewport: Viewport, ratio: number) => void;

const EMPTY: Scene = {
  objects: [],
  mask: null,
  color: `rgb(${maskColor(0).join(" ")})`,
  isPreview: false,
  prompts: NO_PROMPTS,
  rubberBand: null,
  crosshair: null,
  opacity: 0.45,
};

const HINT =
  "Arrow keys move the crosshair, Enter marks the object, Shift and Enter marks what does not belong to it, B begins and ends a box, plus and minus zoom, 0 fits the picture, Escape clears.";

/** Milliseconds of a frame in which masks are traced for the first time. */
const TRACING = 8;
/** Milliseconds from one frame to the next beyond which a moving picture carries its objects along, undrawn. */
const SMOOTH = 24;
/** Milliseconds after a movement until objects that were carried along are drawn anew. */
const REST = 90;

const LAYERS = ["picture", "objects", "top"] as const;
type Layer = (typeof LAYERS)[number];

/**
 * Fills an element with a picture. It listens to pointers and keys and reports what was pointed at; it changes
 * nothing by itself but the viewport and the crosshair.
 *
 * @example
 * ```ts
 * const view = new PictureView(document.body);
 * view.show(await createImageBitmap(file));
 * view.on("click", ({ x, y, positive }) => view.update({ prompts: { points: [{ x, y, positive }], box: null } }));
 * view.update({ mask: logitsOf(result) });
 * view.dispose();
 * ```
 */
export class PictureView extends Emitter<PictureViewEvents> {
  /** The element that has the focus and takes pointers. */
  readonly element: HTMLElement;
  /** Draws on top, at every repaint; call `repaint` where it would draw something else. */
  paintOver: PaintOver | null = null;
  readonly #contexts: Readonly<Record<Layer, CanvasRenderingContext2D>>;
  readonly #status: HTMLElement;
  readonly #gestures: Gestures;
  readonly #paths = new Paths();
  readonly #ended = new AbortController();
  readonly #resized: ResizeObserver;
  #pyramid: Pyramid | null = null;
  #scene = EMPTY;
  #viewport: Viewport = { scale: 1, left: 0, top: 0 };
  /** CSS pixels. */
  #size: Size = { width: 1, height: 1 };
  #ratio = 1;
  /** Whether the picture is fitted, and stays so when the canvas is resized. */
  #isFitted = true;
  #roomAbove = 0;
  readonly #stale = new Set<Layer>();
  #frame = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #speech: ReturnType<typeof setTimeout> | undefined;
  /** The viewport that the objects were last drawn for, and the milliseconds of a frame then. */
  #objectsAt: Viewport = this.#viewport;
  #objectsTook = 0;
  #pressed: ImagePointer | null = null;

  /** @param host an empty element with a size of its own; the canvas fills it */
  constructor(host: HTMLElement, { label = "Picture", description = HINT }: PictureViewOptions = {}) {
    super();
    const make = <Name extends "div" | "canvas">(
      name: Name,
      css: Partial<CSSStyleDeclaration>,
    ): HTMLElementTagNameMap[Name] => styled(host.ownerDocument.createElement(name), css);
    this.element = make("div", {
      position: "relative",
      width: "100%",
      height: "100%",
      overflow: "hidden",
      touchAction: "none",
      userSelect: "none",
      cursor: "crosshair",
    });
    this.element.tabIndex = 0;
    this.element.role = "application";
    this.element.ariaLabel = label;
    this.element.ariaRoleDescription = "picture to mark";
    this.element.ariaDescription = description;
    const entries = LAYERS.map((layer) => {
      const canvas = make("canvas", {
        position: "absolute",
        inset: "0",
        width: "100%",
        height: "100%",
        transformOrigin: "0 0",
      });
      canvas.ariaHidden = "true";
      this.element.append(canvas);
      const context = canvas.getContext("2d");
      if (!context) throw new Error("expected a browser that gives a 2D context, got none");
      return [layer, context] as const;
    });
    this.#contexts = Object.fromEntries(entries) as Record<Layer, CanvasRenderingContext2D>;
    this.#status = make("div", {
      position: "absolute",
      width: "1px",
      height: "1px",
      overflow: "hidden",
      clipPath: "inset(50%)",
      whiteSpace: "nowrap",
    });
    this.#status.role = "status";
    this.#status.ariaLive = "polite";
    host.append(this.element, this.#status);
    this.#gestures = this.#listen();
    this.#resized = this.#observeSize();
    this.#resize();
  }

  /** Where the picture is; view coordinates are CSS pixels of `element`. */
  get viewport(): Viewport {
    return this.#viewport;
  }

  /** Moves the picture to a viewport, within the limits of zoom and so that some of the picture stays in view. */
  set viewport(viewport: Viewport) {
    this.#isFitted = false;
    this.#move(viewport);
  }

  /** Image pixels of the picture; null where there is none. */
  get pictureSize(): Size | null {
    return this.#pyramid?.size ?? null;
  }

  /** What is shown over the picture. */
  get scene(): Scene {
    return this.#scene;
  }

  /** Whether the main button moves the picture instead of marking it. */
  get isPanning(): boolean {
    return this.#gestures.isPanning;
  }

  set isPanning(isPanning: boolean) {
    this.#gestures.isPanning = isPanning;
    this.element.style.cursor = isPanning ? "grab" : "crosshair";
  }

  /** CSS pixels at the top of the view that a fitted picture leaves free, as for a bar that lies over it; 0 at first. */
  get roomAbove(): number {
    return this.#roomAbove;
  }

  set roomAbove(pixels: number) {
    this.#roomAbove = pixels;
    if (this.#isFitted) this.fit();
  }

  /** What a screen reader calls the picture. */
  set label(label: string) {
    this.element.ariaLabel = label;
  }

  /**
   * Shows a picture, fitted, with nothing over it; or none. What a pointer has begun on the one before ends without effect.
   * The picture stays its owner's, who may close it after the next one is shown.
   */
  show(picture: Picture | null): void {
    this.#gestures.reset();
    this.#cancelDrag();
    this.#pyramid?.close();
    this.#pyramid = picture && new Pyramid(picture, () => this.#paintLater("picture"));
    const { color, opacity } = this.#scene;
    this.#scene = { ...EMPTY, color, opacity };
    this.fit();
    this.#paintLater(...LAYERS);
  }

  /** Changes what is shown over the picture. */
  update(changes: Partial<Scene>): void {
    const before = this.#scene;
    this.#scene = { ...before, ...changes };
    const { objects, opacity } = this.#scene;
    if (objects !== before.objects || opacity !== before.opacity) this.#paintLater("objects");
    this.#paintLater("top");
  }

  /** Paints `paintOver` anew at the next frame. */
  repaint(): void {
    this.#paintLater("top");
  }

  /** Shows the whole picture, centered, below `roomAbove`; it stays fitted when the canvas is resized. */
  fit(): void {
    this.#isFitted = true;
    if (!this.#pyramid) return;
    const { width, height } = this.#size;
    const whole = fitted(this.#pyramid.size, this.#size);
    const below = fitted(this.#pyramid.size, { width, height: Math.max(height - this.#roomAbove, 1) });
    this.#move(whole.top >= this.#roomAbove ? whole : { ...below, top: below.top + this.#roomAbove });
  }

  /** Shows a part of the picture, as large as it fits. */
  fitBox(box: Box): void {
    if (this.#pyramid) this.viewport = fitted(this.#pyramid.size, this.#size, box);
  }

  /** Shows one image pixel as one screen pixel. */
  actualSize(): void {
    this.zoomBy(1 / this.#ratio / this.#viewport.scale);
  }

  /** Zooms by a factor; `about`, in view coordinates, stays where it is: the middle by default. */
  zoomBy(factor: number, about: Place = { x: this.#size.width / 2, y: this.#size.height / 2 }): void {
    if (this.#pyramid) this.viewport = zoomed(this.#viewport, factor, about, this.#limits(this.#pyramid.size));
  }

  /** Moves the picture by CSS pixels. */
  panBy(dx: number, dy: number): void {
    this.viewport = panned(this.#viewport, dx, dy);
  }

  /** The image pixels under a place of the window, as `event.clientX` and `clientY` give it. */
  imageAt(clientX: number, clientY: number): Place {
    return toImage(this.#viewport, placeIn(this.element, clientX, clientY));
  }

  /** The id of the last object in order at a place in image pixels; hidden and locked ones are passed over. */
  objectAt({ x, y }: Place): string | null {
    const picture = this.#pyramid?.size;
    if (!picture || !isOnPicture({ x, y }, picture)) return null;
    const context = this.#contexts.top;
    const found = this.#scene.objects.findLast(({ mask, hidden, locked }) => {
      if (hidden || locked) return false;
      const path = this.#paths.of(mask, picture, this.#viewport.scale * this.#ratio, [x, y, x + 1, y + 1]);
      context.resetTransform();
      return path !== null && context.isPointInPath(path, x, y, "evenodd");
    });
    return found?.id ?? null;
  }

  /** Has a screen reader say something; of messages in quick succession, only the last. */
  say(message: string): void {
    clearTimeout(this.#speech);
    this.#speech = setTimeout(() => {
      this.#status.textContent = message;
    }, 150);
  }

  /** Removes what was put into the host, and stops listening. */
  dispose(): void {
    this.#ended.abort();
    this.#resized.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
    clearTimeout(this.#speech);
    this.#pyramid?.close();
    this.#pyramid = null;
    for (const { canvas } of Object.values(this.#contexts)) canvas.width = canvas.height = 0;
    this.element.remove();
    this.#status.remove();
    this.forgetListeners();
  }

  // -- pointers and keys --------------------------------------------------------------------------

  #listen(): Gestures {
    const sink = {
      hover: (at: Pointer) => this.emit("hover", this.#imagePointer(at)),
      leave: () => this.emit("leave", undefined),
      click: (at: Pointer) => this.emit("click", this.#imagePointer(at)),
      dragStart: (from: Pointer) => this.#startDrag(this.#imagePointer(from)),
      drag: (at: Pointer) => this.#drag("drag", this.#imagePointer(at)),
      dragEnd: (at: Pointer) => this.#drag("dragend", this.#imagePointer(at)),
      dragCancel: () => this.#cancelDrag(),
      pan: (dx: number, dy: number) => this.panBy(dx, dy),
      zoom: (factor: number, about: Place) => this.zoomBy(factor, about),
    };
    const commands = {
      moveCrosshair: (dx: number, dy: number) => this.#moveCrosshair(dx, dy),
      markAtCrosshair: (positive: boolean) => {
        const at = this.#crosshairPointer(positive);
        if (at) this.emit("click", at);
      },
      boxAtCrosshair: () => this.#boxAtCrosshair(),
      zoomBy: (factor: number) => this.zoomBy(factor, this.#crosshairInView()),
      fit: () => this.fit(),
      escape: () => {
        const { prompts, mask, isPreview } = this.#scene;
        const isMarked = !isEmptyPrompt(prompts) || (mask !== null && !isPreview);
        const isDragging = this.#pressed !== null;
        if (isDragging) this.#cancelDrag();
        else this.emit("escape", undefined);
        return isDragging || isMarked;
      },
      canZoom: () => this.#pyramid !== null,
    };
    return listen(this.element, sink, commands, this.#ended.signal);
  }

  #imagePointer({ x, y, pointerType, button, buttons, altKey, shiftKey, pressure }: Pointer): ImagePointer {
    const positive = !(altKey || button === 2 || (buttons & 2) !== 0);
    return { ...toImage(this.#viewport, { x, y }), view: { x, y }, pointerType, positive, shiftKey, pressure };
  }

  #startDrag(from: ImagePointer): void {
    this.#pressed = from;
    this.emit("dragstart", from);
  }

  #drag(name: "drag" | "dragend", at: ImagePointer): void {
    const from = this.#pressed;
    if (!from) return;
    if (name === "dragend") this.#pressed = null;
    this.emit(name, { from, at });
  }

  #cancelDrag(): void {
    if (!this.#pressed) return;
    this.#pressed = null;
    this.emit("dragcancel", undefined);
  }

  /** The crosshair or, before it was moved, the middle of what is seen of the picture. */
  #crosshairPointer(positive = true): ImagePointer | null {
    const window = this.#pyramid && visibleBox(this.#viewport, this.#pyramid.size, this.#size);
    if (!window) return null;
    const [x1, y1, x2, y2] = window;
    const at = this.#scene.crosshair ?? { x: (x1 + x2) / 2, y: (y1 + y2) / 2 };
    const view = toView(this.#viewport, at);
    return { ...at, view, pointerType: "keyboard", positive, shiftKey: false, pressure: 0.5 };
  }

  #crosshairInView(): Place | undefined {
    return this.#scene.crosshair ? toView(this.#viewport, this.#scene.crosshair) : undefined;
  }

  #moveCrosshair(dx: number, dy: number): void {
    const from = this.#crosshairPointer();
    const picture = this.#pyramid?.size;
    if (!from || !picture) return;
    const { scale } = this.#viewport;
    const crosshair = {
      x: Math.min(Math.max(from.x + dx / scale, 0), picture.width - 0.5),
      y: Math.min(Math.max(from.y + dy / scale, 0), picture.height - 0.5),
    };
    this.update({ crosshair });
    this.#keepInView(crosshair);
    const at = this.#crosshairPointer();
    if (at) this.#drag("drag", at);
    this.say(this.#placeInWords(crosshair));
    this.emit("crosshair", crosshair);
  }

  /** Moves the picture so that a place on it is in view. */
  #keepInView(place: Place): void {
    const { x, y } = toView(this.#viewport, place);
    const back = (at: number, room: number): number => Math.min(Math.max(at, 16), Math.max(room - 16, 16)) - at;
    const [dx, dy] = [back(x, this.#size.width), back(y, this.#size.height)];
    if (!this.#isFitted && (dx !== 0 || dy !== 0)) this.panBy(dx, dy);
  }

  #placeInWords(place: Place): string {
    const { objects } = this.#scene;
    const found = this.objectAt(place);
    const label = objects.find(({ id }) => id === found)?.label;
    const where = `${Math.floor(place.x)}, ${Math.floor(place.y)}`;
    if (this.#isOnMask(place)) return `${where}, on the mask`;
    return found === null ? where : `${where}, on ${label ?? "an object"}`;
  }

  #isOnMask({ x, y }: Place): boolean {
    const { mask } = this.#scene;
    const picture = this.#pyramid?.size;
    if (!mask || !picture) return false;
    const scale = this.#viewport.scale * this.#ratio;
    const path = this.#paths.of(mask, picture, scale, [x, y, x + 1, y + 1]);
    this.#contexts.top.resetTransform();
    return path !== null && this.#contexts.top.isPointInPath(path, x, y, "evenodd");
  }

  /** Begins a box at the crosshair, or ends it there, as a drag would. */
  #boxAtCrosshair(): void {
    const at = this.#crosshairPointer();
    if (!at) return;
    if (this.#pressed) {
      this.#drag("dragend", at);
    } else {
      this.say("Box begun; B ends it");
      this.#startDrag(at);
    }
  }

  // -- the viewport -------------------------------------------------------------------------------

  #limits(picture: Size): { readonly min: number; readonly max: number } {
    return zoomLimits(picture, this.#size, this.#ratio);
  }

  #move(viewport: Viewport): void {
    const picture = this.#pyramid?.size;
    if (!picture) return;
    this.#viewport = keptInView(viewport, picture, this.#size);
    this.#paintLater("picture", "top");
    this.#moveObjects();
    this.emit("viewport", this.#viewport);
  }

  /** Draws the objects at their new place, or carries along what was drawn until there is time to draw them. */
  #moveObjects(): void {
    if (this.#objectsTook <= SMOOTH) {
      this.#paintLater("objects");
      return;
    }
    const applied = this.#viewport.scale / this.#objectsAt.scale;
    const x = this.#viewport.left - this.#objectsAt.left * applied;
    const y = this.#viewport.top - this.#objectsAt.top * applied;
    this.#contexts.objects.canvas.style.transform = `translate(${x}px, ${y}px) scale(${applied})`;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#paintLater("objects"), Math.max(REST, 3 * this.#objectsTook));
  }

  #resize(screen?: Size): void {
    const { clientWidth, clientHeight } = this.element;
    const before = this.#size;
    this.#size = { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
    this.#ratio = this.element.ownerDocument.defaultView?.devicePixelRatio ?? 1;
    const width = inScreenPixels(clientWidth * this.#ratio, screen?.width);
    const height = inScreenPixels(clientHeight * this.#ratio, screen?.height);
    for (const { canvas } of Object.values(this.#contexts)) [canvas.width, canvas.height] = [width, height];
    if (this.#isFitted) this.fit();
    // what was in the middle stays there
    else
      this.#move(
        panned(this.#viewport, (this.#size.width - before.width) / 2, (this.#size.height - before.height) / 2),
      );
    // resizing clears a canvas; paint now, so that it does not flicker
    for (const layer of LAYERS) this.#stale.add(layer);
    this.#paint();
  }

  /** Follows the element's size in screen pixels, also where only the zoom of the page changes. */
  #observeSize(): ResizeObserver {
    const observer = new ResizeObserver(([entry]) => {
      const box = entry?.devicePixelContentBoxSize?.[0];
      this.#resize(box && { width: box.inlineSize, height: box.blockSize });
    });
    try {
      observer.observe(this.element, { box: "device-pixel-content-box" });
    } catch {
      // WebKit knows CSS pixels only
      observer.observe(this.element);
    }
    return observer;
  }

  // -- painting -----------------------------------------------------------------------------------

  #paintLater(...layers: readonly Layer[]): void {
    for (const layer of layers) this.#stale.add(layer);
    if (this.#frame === 0 && !this.#ended.signal.aborted) this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const stale = [...this.#stale];
    this.#stale.clear();
    for (const layer of stale) {
      const context = this.#contexts[layer];
      context.resetTransform();
      context.clearRect(0, 0, context.canvas.width, context.canvas.height);
      const pyramid = this.#pyramid;
      const window = pyramid && visibleBox(this.#viewport, pyramid.size, this.#size);
      if (!pyramid || !window) continue;
      const ratio = this.#ratio;
      const { scale, left, top } = this.#viewport;
      const viewport = { scale: scale * ratio, left: left * ratio, top: top * ratio };
      const surface: Surface = { context, viewport, ratio, picture: pyramid.size, window, paths: this.#paths };
      if (layer === "picture") pyramid.draw(context, viewport, window);
      else if (layer === "objects") this.#paintObjects(surface);
      else this.#paintTop(surface);
    }
  }

  #paintObjects(surface: Surface): void {
    const { objects, opacity } = this.#scene;
    clearTimeout(this.#rest);
    this.#contexts.objects.canvas.style.transform = "";
    this.#objectsAt = this.#viewport;
    const start = performance.now();
    if (!paintObjects(surface, objects, opacity, start + TRACING)) this.#paintLater("objects");
    // a canvas only notes what to draw: what it costs is seen by when the next two frames come
    const done = (): void => {
      this.#objectsTook = (performance.now() - start) / 2;
    };
    requestAnimationFrame(() => requestAnimationFrame(done));
  }

  #paintTop(surface: Surface): void {
    const { mask, color, isPreview, prompts, rubberBand, crosshair, opacity } = this.#scene;
    if (mask) {
      const fill = (isPreview ? 0.55 : 1) * opacity;
      paintMask(surface, mask, { color, fill, edge: isPreview ? 1 : 2, dashed: false });
    }
    if (!isEmptyPrompt(prompts)) paintPrompts(surface, prompts);
    if (rubberBand) paintBox(surface, rubberBand);
    if (crosshair) paintCrosshair(surface, crosshair);
    if (this.paintOver) {
      surface.context.save();
      this.paintOver(surface.context, surface.viewport, surface.ratio);
      surface.context.restore();
    }
  }
}

/**
 * A length in whole screen pixels: `observed`, if it is `computed` but for rounding. Where a browser pretends to have
 * another pixel ratio than its screen's, it observes sizes of the screen's.
 */
function inScreenPixels(computed: number, observed: number | undefined): number {
  const fits = observed !== undefined && Math.abs(observed - computed) <= 1;
  return Math.max(1, fits ? observed : Math.round(computed));
}

/** Sets styles one by one: a Content-Security-Policy forbids them as text only. */
function styled<E extends HTMLElement>(element: E, css: Partial<CSSStyleDeclaration>): E {
  Object.assign(element.style, css);
  return element;
}
