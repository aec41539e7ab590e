/** `<sam2-canvas>`: a picture to click on, as an element for any page or framework. Its form value is the mask. */
import {
  decodeRle,
  drawMask,
  encodeRle,
  expandRuns,
  exportCanvas,
  type ImageSource,
  type Progress,
  type Rle,
  Sam2Error,
  type Segmenter,
  sharedSegmenter,
} from "sam2-web";
import type { ShownObject } from "./paint.ts";
import { PictureView } from "./picture-view.ts";
import { NO_PROMPTS, type Prompts } from "./prompts.ts";
import { type Answer, SegmentSession, type SessionState, type Tool } from "./session.ts";
import { makeToolbar } from "./toolbar.ts";

/** The events of `<sam2-canvas>`, each a CustomEvent with this `detail`. They bubble, and leave shadow trees. */
export interface Sam2CanvasEvents {
  /** The person changed the prompts; `preventDefault()` keeps them as they were, until `prompts` is set. */
  promptschange: Prompts;
  /** Another mask is shown, or none. */
  answerchange: Answer | null;
  statechange: SessionState;
  /** How far opening the shared model is. */
  segmenterprogress: Progress;
  /** The picture, the model or a prompt failed, or an attribute has a value that it cannot have; named `segmenterror`, since `error` is the browser's own. */
  segmenterror: Error;
}

const CSS = `
:host { display: block; position: relative; aspect-ratio: 4 / 3; overflow: hidden; color-scheme: light dark;
  background: var(--sam2-background, light-dark(#e5e7eb, #1f2329)); }
:host([hidden]) { display: none; }
.stage { position: absolute; inset: 0; }
.toolbar { position: absolute; inset: auto 0 0 0; display: flex; flex-wrap: wrap; justify-content: center; gap: 4px;
  padding: 8px; pointer-events: none; }
.toolbar:empty { display: none; }
button { pointer-events: auto; width: 44px; height: 44px; padding: 10px; border: 1px solid light-dark(#9ca3af, #4b5563);
  border-radius: 10px; background: light-dark(#ffffff, #111418); color: light-dark(#111827, #f3f4f6); cursor: pointer; }
button:hover { background: light-dark(#f3f4f6, #1f2937); }
button:focus-visible { outline: 3px solid var(--sam2-accent, light-dark(#1d4ed8, #93c5fd)); outline-offset: 1px; }
button[aria-pressed="true"] { background: var(--sam2-accent, light-dark(#1d4ed8, #93c5fd));
  color: light-dark(#ffffff, #111827); }
button:disabled { opacity: 0.45; cursor: default; }
svg { display: block; width: 100%; height: 100%; fill: none; stroke: currentColor; stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; }
@media (forced-colors: active) { button[aria-pressed="true"] { outline: 3px solid Highlight; } }
`;

let sheet: CSSStyleSheet | undefined;

/** Made by script, not as text in the page, so that a Content-Security-Policy without 'unsafe-inline' allows it. */
function styles(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}

const TOOLS: readonly Tool[] = ["add", "remove", "box", "pan"];

/** Attributes that have one of a few values, the default first. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  tool: TOOLS,
  previews: ["on", "off"],
  "value-as": ["rle", "png"],
};

/** In Node there are no elements; the class can be imported there, and not be used. */
const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

/**
 * The element `<sam2-canvas>`, once `sam2-canvas/define` was imported.
 *
 * @example
 * ```ts
 * import "sam2-canvas/define";
 * import type { Sam2CanvasElement } from "sam2-canvas";
 *
 * const canvas: Sam2CanvasElement = document.createElement("sam2-canvas");
 * canvas.segmenter = segmenter; // or leave it out: one is opened, and shared by all elements
 * canvas.image = file;
 * canvas.addEventListener("answerchange", () => console.info(canvas.value)); // COCO RLE, as JSON
 * ```
 */
export class Sam2CanvasElement extends Base {
  /** Belongs to forms: see `name`, `value` and `value-as`. */
  static readonly formAssociated = true;
  static readonly observedAttributes: readonly string[] = [
    "src",
    "model",
    "label",
    "tool",
    "controls",
    "previews",
    "disabled",
    "required",
    "value-as",
  ];

  readonly #internals: ElementInternals;
  #view: PictureView | null = null;
  #session: SegmentSession | null = null;
  #refreshToolbar: (() => void) | null = null;
  #segmenter: Segmenter | null | undefined;
  #image: ImageSource | null = null;
  #prompts: Prompts = NO_PROMPTS;
  #savedMask: Rle | null = null;
  #objects: readonly ShownObject[] = [];
  #opacity = 0.45;
  /** The value of the mask that is shown, or a form's value from before; null where it was not made yet. */
  #value: string | null = "";
  #isOffByFieldset = false;
  #writing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.#internals = this.attachInternals();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [styles()];
  }

  /**
   * Answers the prompts; stays yours. While it is undefined, as at first, the element opens the model named by `model`,
   * shared by all elements. Null says that one of yours is on its way.
   */
  get segmenter(): Segmenter | null | undefined {
    return this.#segmenter;
  }

  set segmenter(segmenter: Segmenter | null | undefined) {
    this.#segmenter = segmenter;
    void this.#provideSegmenter();
  }

  /** The picture: a Blob, an address, a canvas, …; the attribute `src` sets it too. */
  get image(): ImageSource | null {
    return this.#image;
  }

  set image(image: ImageSource | null) {
    if (image === this.#image) return;
    const isFirst = this.#image === null;
    this.#image = image;
    this.#prompts = NO_PROMPTS;
    void this.#provideSegmenter();
    void this.#session?.open(image);
    // a value that was set before the first picture is of that one
    if (!isFirst) this.value = "";
  }

  /** Points and a box; setting them asks for their mask. */
  get prompts(): Prompts {
    return this.#session?.prompts ?? this.#prompts;
  }

  set prompts(prompts: Prompts) {
    this.#prompts = prompts;
    if (this.#session) this.#session.prompts = prompts;
  }

  /** Drawn under the mask. */
  get objects(): readonly ShownObject[] {
    return this.#objects;
  }

  set objects(objects: readonly ShownObject[]) {
    this.#objects = objects;
    this.#view?.update({ objects });
  }

  /** Opacity of the masks' filling, 0 to 1; 0.45 by default. */
  get opacity(): number {
    return this.#opacity;
  }

  set opacity(opacity: number) {
    this.#opacity = opacity;
    this.#view?.update({ opacity });
  }

  /** What the main button does: `add` (default), `remove`, `box` or `pan`. */
  get tool(): Tool {
    const given = this.getAttribute("tool");
    return TOOLS.find((tool) => tool === given) ?? "add";
  }

  set tool(tool: Tool | null | undefined) {
    this.#setAttribute("tool", tool);
  }

  /** The answer that is shown. */
  get answer(): Answer | null {
    return this.#session?.answer ?? null;
  }

  get state(): SessionState {
    return this.#session?.state ?? "empty";
  }

  /** Drawing and pointers, while the element is in a document. */
  get view(): PictureView | null {
    return this.#view;
  }

  /** Prompts and answers, while the element is in a document. */
  get session(): SegmentSession | null {
    return this.#session;
  }

  /** The mask that is shown, as COCO RLE in JSON, `{"size":[height,width],"counts":"…"}`; empty where there is none. */
  get value(): string {
    if (this.#value === null) {
      const mask = this.#session?.mask();
      this.#value = mask ? JSON.stringify(encodeRle(mask)) : "";
    }
    return this.#value;
  }

  /**
   * Shows a mask: JSON as the getter gives it, or nothing. It is no prompt, and the next answer takes its place; undoing
   * that brings it back. Another picture takes it away, so set `image` first.
   *
   * @throws InvalidMaskError
   */
  set value(value: string) {
    this.#savedMask = value === "" ? null : toRle(value);
    if (this.#session) this.#session.savedMask = this.#savedMask;
    this.prompts = NO_PROMPTS;
    this.#value = value;
    this.#refreshToolbar?.();
    void this.#writeValue();
  }

  /** Name in the form's data. */
  get name(): string {
    return this.getAttribute("name") ?? "";
  }

  set name(name: string | null | undefined) {
    this.#setAttribute("name", name);
  }

  /** The form it belongs to. */
  get form(): HTMLFormElement | null {
    return this.#internals.form;
  }

  get disabled(): boolean {
    return this.hasAttribute("disabled");
  }

  set disabled(disabled: boolean | null | undefined) {
    // undefined would toggle it
    this.toggleAttribute("disabled", Boolean(disabled));
  }

  get validity(): ValidityState {
    return this.#internals.validity;
  }

  checkValidity(): boolean {
    return this.#internals.checkValidity();
  }

  reportValidity(): boolean {
    return this.#internals.reportValidity();
  }

  /** Listens to an event of the element's own, or of the browser's. */
  override addEventListener<Name extends keyof Sam2CanvasEvents>(
    type: Name,
    listener: (event: CustomEvent<Sam2CanvasEvents[Name]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(type: string, listener: unknown, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  // -- the browser's callbacks --------------------------------------------------------------------

  connectedCallback(): void {
    if (this.#view) return;
    const root = this.shadowRoot as ShadowRoot;
    const [stage, toolbar] = [document.createElement("div"), document.createElement("div")];
    stage.className = "stage";
    toolbar.className = "toolbar";
    toolbar.role = "group";
    toolbar.ariaLabel = "Tools";
    toolbar.part.add("toolbar");
    root.replaceChildren(stage, toolbar);
    const view = new PictureView(stage, { label: this.getAttribute("label") ?? undefined });
    const session = new SegmentSession(view);
    [this.#view, this.#session] = [view, session];
    view.update({ objects: this.#objects, opacity: this.#opacity });
    session.on("prompts", (change) => {
      if (!this.#tell("promptschange", change.prompts, true)) change.preventDefault();
    });
    session.on("answer", (answer) => {
      this.#value = null;
      this.#tell("answerchange", answer);
      this.#refreshToolbar?.();
      // writing the value takes time for a large picture: not before the mask is seen
      clearTimeout(this.#writing);
      this.#writing = setTimeout(async () => {
        await this.#writeValue();
        this.dispatchEvent(new Event("change", { bubbles: true }));
      }, 50);
    });
    session.on("changed", () => this.#refreshToolbar?.());
    session.on("state", (state) => {
      this.#tell("statechange", state);
      this.#refreshToolbar?.();
    });
    session.on("error", (error) => this.#tell("segmenterror", error));
    view.element.addEventListener("keydown", (event) => this.#undoByKey(event));
    this.#applyAttributes();
    void this.#provideSegmenter();
    const prompts = this.#prompts;
    if (this.#image !== null) void session.open(this.#image);
    session.prompts = prompts;
    session.savedMask = this.#savedMask;
    this.#refreshToolbar?.();
  }

  disconnectedCallback(): void {
    // an element that is moved is connected again at once
    queueMicrotask(() => {
      if (this.isConnected || !this.#session) return;
      this.#prompts = this.#session.prompts;
      this.#savedMask = this.#session.savedMask;
      this.#session.dispose();
      this.#view?.dispose();
      clearTimeout(this.#writing);
      this.#session = this.#view = this.#refreshToolbar = null;
    });
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    this.#checkChoice(name, now);
    if (name === "src") this.image = now;
    else if (name === "model") void this.#provideSegmenter();
    else if (name === "required") this.#validate();
    else if (name === "value-as") void this.#writeValue();
    else this.#applyAttributes();
  }

  formDisabledCallback(isDisabled: boolean): void {
    this.#isOffByFieldset = isDisabled;
    this.#applyAttributes();
  }

  formResetCallback(): void {
    this.value = "";
  }

  formStateRestoreCallback(state: string | File | FormData | null): void {
    if (typeof state === "string") this.value = state;
  }

  // -- what follows from it -----------------------------------------------------------------------

  /** Sets an attribute; frameworks take a property away by setting it to undefined. */
  #setAttribute(name: string, value: string | null | undefined): void {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  /** Tells of a value that an attribute cannot have; the default is taken in its place. */
  #checkChoice(name: string, value: string | null): void {
    const choices = CHOICES[name];
    if (!value || !choices || choices.includes(value)) return;
    const error = new Sam2Error("InvalidPromptError", `${name}: expected ${choices.join(", ")}, got "${value}"`);
    // while the page is read, its scripts do not listen yet
    setTimeout(() => this.#tell("segmenterror", error));
  }

  #applyAttributes(): void {
    const [view, session] = [this.#view, this.#session];
    if (!view || !session) return;
    view.label = this.getAttribute("label") ?? "Picture";
    session.tool = this.tool;
    session.previews = this.getAttribute("previews") !== "off";
    session.isDisabled = this.disabled || this.#isOffByFieldset;
    const toolbar = this.shadowRoot?.querySelector<HTMLElement>(".toolbar");
    if (toolbar && this.hasAttribute("controls")) {
      this.#refreshToolbar ??= makeToolbar(toolbar, session, (tool) => {
        this.tool = tool;
      });
    } else {
      toolbar?.replaceChildren();
      this.#refreshToolbar = null;
    }
    this.#refreshToolbar?.();
  }

  /** Gives the session the element's own segmenter or, once there is a picture, the shared one. */
  async #provideSegmenter(): Promise<void> {
    const session = this.#session;
    if (!session) return;
    if (this.#segmenter !== undefined) {
      session.segmenter = this.#segmenter;
      return;
    }
    const model = this.getAttribute("model");
    if (this.#image === null) return;
    try {
      const onProgress = (progress: Progress): boolean => this.#tell("segmenterprogress", progress);
      const segmenter = await sharedSegmenter({ ...(model === null ? {} : { model }), onProgress });
      const isWanted =
        this.#session === session && this.#segmenter === undefined && this.getAttribute("model") === model;
      if (isWanted) session.segmenter = segmenter;
    } catch (error) {
      this.#tell("segmenterror", error as Error);
    }
  }

  #undoByKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "y" || (key === "z" && event.shiftKey)) this.#session?.redo();
    else if (key === "z") this.#session?.undo();
    else return;
    event.preventDefault();
  }

  /** Dispatches an event; false where it was prevented. */
  #tell<Name extends keyof Sam2CanvasEvents>(name: Name, detail: Sam2CanvasEvents[Name], cancelable = false): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  }

  /** Hands the mask to the form: COCO RLE, or a PNG of white on black. */
  async #writeValue(): Promise<void> {
    const { value } = this;
    this.#validate();
    if (value === "" || this.getAttribute("value-as") !== "png") {
      this.#internals.setFormValue(value === "" ? null : value, value);
    } else {
      const mask = this.#session?.mask() ?? decodeRle(JSON.parse(value));
      const png = await exportCanvas(drawMask(mask), "blob");
      if (this.value === value) this.#internals.setFormValue(new File([png], "mask.png", { type: "image/png" }), value);
    }
  }

  #validate(): void {
    const isMissing = this.hasAttribute("required") && this.value === "";
    const anchor = this.#view?.element;
    if (isMissing) this.#internals.setValidity({ valueMissing: true }, "Mark an object in the picture.", anchor);
    else this.#internals.setValidity({});
  }
}

/** Reads a value. @throws InvalidMaskError */
function toRle(value: string): Rle {
  let rle: Rle;
  try {
    rle = JSON.parse(value);
  } catch (cause) {
    throw new Sam2Error("InvalidMaskError", "expected COCO RLE as JSON, got other text", { cause });
  }
  expandRuns(rle);
  return rle;
}

declare global {
  interface HTMLElementTagNameMap {
    "sam2-canvas": Sam2CanvasElement;
  }
}

/**
 * Makes `<sam2-canvas>` known to the page; `import "sam2-canvas/define"` does it. Does nothing in Node, or where it is
 * known already.
 *
 * @example
 * ```ts
 * defineSam2Canvas();
 * document.body.append(document.createElement("sam2-canvas"));
 * ```
 */
export function defineSam2Canvas(): void {
  const { customElements } = globalThis;
  if (customElements && !customElements.get("sam2-canvas")) customElements.define("sam2-canvas", Sam2CanvasElement);
}
