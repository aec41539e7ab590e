/** Prompts on a picture, answered: joins a `PictureView` and a segmenter. Clicks and boxes become prompts, with undo. */
import {
  decodeRle,
  type ImageSource,
  type Mask,
  type Rle,
  readImageHeader,
  Sam2Error,
  type Segmenter,
  type SegmenterImage,
  type SegmentResult,
  type Tensor,
} from "sam2-web";
import { Emitter } from "./emitter.ts";
import { History } from "./history.ts";
import type { ImageDrag, ImagePointer, PictureView } from "./picture-view.ts";
import {
  boxBetween,
  isEmptyPrompt,
  markAt,
  NO_PROMPTS,
  type PromptMark,
  type Prompts,
  toSegmentPrompt,
  withMarkMoved,
  withoutMark,
} from "./prompts.ts";
import { logitsOf, type MaskShape } from "./shape.ts";
import { isOnPicture, type Size } from "./viewport.ts";

/** What the main button does: points on the object, points not on it, a box, or moving the picture. */
export type Tool = "add" | "remove" | "box" | "pan";

/**
 * `empty`: no picture; `waiting`: a picture, and no segmenter yet; `encoding`: not ready for prompts yet; `ready`;
 * `segmenting`: prompts are being answered; `failed`: the picture could not be opened or encoded.
 */
export type SessionState = "empty" | "waiting" | "encoding" | "ready" | "segmenting" | "failed";

/** Prompts that the person asks for; a listener may refuse them. */
export interface PromptsChange {
  readonly prompts: Prompts;
  /** Keeps the prompts as they are; whoever holds them may set them later. */
  preventDefault(): void;
}

/** An answer, and which of its masks is shown. */
export interface Answer {
  readonly result: SegmentResult;
  readonly chosen: number;
}

/** The events of a `SegmentSession`. */
export interface SegmentSessionEvents {
  /** The person changed the prompts, or undid or redid a change. */
  prompts: PromptsChange;
  /** The prompts were changed, by whomever; also when another picture takes them away. */
  changed: Prompts;
  /** Another mask is shown, or none. */
  answer: Answer | null;
  state: SessionState;
  /** A picture or a prompt failed. What was there stays. */
  error: Error;
}

/** CSS pixels around a mark within which a pointer takes hold of it. */
const REACH: Readonly<Record<string, number>> = { mouse: 8, pen: 12, touch: 22, keyboard: 0 };

/**
 * Segments what is marked in a view. Several sessions may share a segmenter.
 *
 * @example
 * ```ts
 * const session = new SegmentSession(view);
 * session.segmenter = segmenter;
 * await session.open(file);
 * session.on("answer", (answer) => console.info(answer?.result.scores.data[0]));
 * session.prompts = { points: [{ x: 500, y: 375, positive: true }], box: null };
 * ```
 */
export class SegmentSession extends Emitter<SegmentSessionEvents> {
  readonly view: PictureView;
  /** Whether hovering shows what a click would give. */
  previews = true;
  /** Whether a further prompt refines the mask that is shown, instead of starting anew. */
  refines = true;
  #segmenter: Segmenter | null = null;
  #source: ImageSource | null = null;
  #bitmap: ImageBitmap | null = null;
  #image: SegmenterImage | null = null;
  #history = new History<Prompts>(NO_PROMPTS);
  /** A change that was refused, and may yet be made. */
  #proposed: { readonly prompts: Prompts; readonly apply: () => void } | null = null;
  #answer: Answer | null = null;
  /** What the answer is to; null for one of another segmenter. */
  #answered: Prompts | null = null;
  #savedMask: Rle | null = null;
  /** What the mask in the view is of, but for a preview. */
  #shown: Answer | Rle | null = null;
  /** The mask that prompts gave, which later prompts refine. */
  #refined = new WeakMap<Prompts, Tensor>();
  /** The mask that prompts refine. */
  #basis = new WeakMap<Prompts, Tensor>();
  /** Where the pointer is, while it shows a preview. */
  #hovered: ImagePointer | null = null;
  #state: SessionState = "empty";
  #tool: Tool = "add";
  #isDisabled = false;
  /** The mark that is being moved. */
  #held: PromptMark | null = null;
  #opening = new AbortController();
  #asking = new AbortController();
  readonly #ended = new AbortController();

  /** @param view stays its owner's, and is to be disposed by it */
  constructor(view: PictureView) {
    super();
    this.view = view;
    const { signal } = this.#ended;
    view.on("hover", (at) => this.#hover(at), { signal });
    view.on("leave", () => this.#endPreview(), { signal });
    view.on("click", (at) => this.#click(at), { signal });
    view.on("dragstart", (at) => this.#take(at), { signal });
    view.on("drag", (drag) => this.#drag(drag), { signal });
    view.on("dragend", (drag) => this.#drop(drag), { signal });
    view.on("dragcancel", () => this.#letGo(), { signal });
    view.on("escape", () => this.clear(), { signal });
  }

  /** What answers the prompts; it stays its owner's. Another one encodes the picture anew. */
  get segmenter(): Segmenter | null {
    return this.#segmenter;
  }

  set segmenter(segmenter: Segmenter | null) {
    if (segmenter === this.#segmenter) return;
    this.#segmenter = segmenter;
    this.#forgetMasks();
    if (this.#source !== null) void this.#encode();
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The encoded picture, for calls of your own; released with the next picture. */
  get image(): SegmenterImage | null {
    return this.#image;
  }

  get answer(): Answer | null {
    return this.#answer;
  }

  get tool(): Tool {
    return this.#tool;
  }

  set tool(tool: Tool) {
    this.#tool = tool;
    this.view.isPanning = tool === "pan";
  }

  /** Whether the person can change nothing; zoom and pan go on. */
  get isDisabled(): boolean {
    return this.#isDisabled;
  }

  set isDisabled(isDisabled: boolean) {
    this.#isDisabled = isDisabled;
    this.#endPreview();
  }

  get prompts(): Prompts {
    return this.#history.current;
  }

  /** Sets the prompts, which are then answered. An undo gives back those before. */
  set prompts(prompts: Prompts) {
    const proposed = this.#proposed;
    this.#proposed = null;
    if (prompts === this.#history.current) return;
    if (proposed?.prompts === prompts) proposed.apply();
    else this.#push(prompts);
  }

  /** A mask from before, shown while there is no answer; it is no prompt. `clear` and another picture take it away. */
  get savedMask(): Rle | null {
    return this.#savedMask;
  }

  set savedMask(mask: Rle | null) {
    this.#savedMask = mask;
    if (this.#answer) return;
    this.#shown = mask;
    this.view.update({ mask, isPreview: false });
  }

  get canUndo(): boolean {
    return this.#history.canUndo;
  }

  get canRedo(): boolean {
    return this.#history.canRedo;
  }

  /**
   * Shows a picture, encodes it, and forgets the prompts and masks of the one before. Resolves when it is ready for
   * prompts or has failed; at once where another picture is opened meanwhile.
   */
  async open(source: ImageSource | null): Promise<void> {
    this.#opening.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    this.#source = null;
    this.#history = new History<Prompts>(NO_PROMPTS);
    this.#proposed = null;
    this.#letGo();
    this.#forgetMasks();
    this.#releaseImage();
    // a mask that was set before the first picture is of that one
    if (this.#state !== "empty") this.#savedMask = null;
    this.#show(null);
    this.emit("changed", this.prompts);
    if (source === null) {
      this.#showPicture(null);
      this.#setState("empty");
      return;
    }
    this.#setState(this.#segmenter ? "encoding" : "waiting");
    try {
      const file = await fetched(source, signal);
      const bitmap = await toBitmap(file as Exclude<ImageSource, string | URL>);
      if (signal.aborted) {
        bitmap.close();
        return;
      }
      this.#source = file;
      this.#showPicture(bitmap);
    } catch (error) {
      if (!signal.aborted) this.#fail(error, "failed");
    }
    if (!signal.aborted && this.#state !== "failed") await this.#encode();
  }

  undo(): void {
    if (this.#history.canUndo) this.#propose(this.#history.previous, () => this.#history.undo());
  }

  redo(): void {
    if (this.#history.canRedo) this.#propose(this.#history.next, () => this.#history.redo());
  }

  /** Takes all prompts away, which undo brings back, and the saved mask. */
  clear(): void {
    if (isEmptyPrompt(this.prompts)) {
      // no prompts change, so there is nothing that a listener may refuse
      if (this.#isDisabled) return;
      this.#savedMask = null;
      this.#show(null);
      return;
    }
    this.#propose(NO_PROMPTS, () => {
      this.#savedMask = null;
      this.#refine(NO_PROMPTS);
    });
  }

  /** Shows another mask of the answer, from 0, best first. */
  choose(index: number): void {
    const answer = this.#answer;
    if (!answer || !(index >= 0 && index < (answer.result.scores.dims[1] ?? 0))) return;
    if (this.#answered) this.#refined.set(this.#answered, answer.result.maskInput(index));
    this.#show({ ...answer, chosen: index });
    this.view.say(`Mask ${index + 1}, score ${scoreOf(answer.result, index)}`);
  }

  /** The mask that is shown, of the picture's size; made when it is asked for. */
  mask(): Mask | null {
    if (this.#answer) return this.#answer.result.mask(this.#answer.chosen);
    return this.#savedMask && decodeRle(this.#savedMask);
  }

  /**
   * Stops listening, takes the picture out of the view, and frees it and its encoding. View and segmenter stay their
   * owners'.
   */
  dispose(): void {
    this.#ended.abort();
    this.#opening.abort();
    this.#asking.abort();
    this.#releaseImage();
    if (this.#bitmap) this.view.show(null);
    this.#bitmap?.close();
    this.#bitmap = null;
    this.forgetListeners();
  }

  // -- the picture --------------------------------------------------------------------------------

  async #encode(): Promise<void> {
    this.#releaseImage();
    const segmenter = this.#segmenter;
    const source = this.#source;
    if (source === null || !segmenter) {
      this.#setState(source === null ? "empty" : "waiting");
      return;
    }
    const { signal } = this.#opening;
    const isWanted = (): boolean => !signal.aborted && this.#segmenter === segmenter;
    this.#setState("encoding");
    try {
      const image = await segmenter.setImage(source, { signal });
      if (!isWanted()) {
        void image.release();
        return;
      }
      this.#image = image;
      this.#setState("ready");
      this.#ask();
    } catch (error) {
      if (isWanted()) this.#fail(error, "failed");
    }
  }

  #showPicture(bitmap: ImageBitmap | null): void {
    const before = this.#bitmap;
    this.#bitmap = bitmap;
    // prompts may have been set while the picture was decoded
    const { objects } = this.view.scene;
    this.view.show(bitmap);
    this.view.update({ objects, prompts: this.prompts, mask: this.#shape() });
    before?.close();
  }

  /** Forgets the masks to refine: they are of one picture, and of one model. */
  #forgetMasks(): void {
    this.#refined = new WeakMap();
    this.#basis = new WeakMap();
    this.#answered = null;
  }

  #releaseImage(): void {
    this.#asking.abort();
    void this.#image?.release();
    this.#image = null;
  }

  #setState(state: SessionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.view.element.ariaBusy = String(state === "encoding" || state === "segmenting");
    this.emit("state", state);
  }

  #fail(error: unknown, state: SessionState): void {
    this.#setState(state);
    if ((error as Error).name === "AbortError") return;
    this.view.say((error as Error).message);
    this.emit("error", error as Error);
  }

  // -- prompts ------------------------------------------------------------------------------------

  /** Makes a change of the person's, unless a listener refuses it. */
  #propose(prompts: Prompts | undefined, apply: () => void): void {
    if (this.#isDisabled || !prompts) return;
    let refused = false;
    const preventDefault = (): void => {
      refused = true;
    };
    const settle = (): void => {
      apply();
      this.#promptsChanged();
    };
    this.#proposed = { prompts, apply: settle };
    this.emit("prompts", { prompts, preventDefault });
    // a listener may have set them already
    if (refused || this.#proposed?.prompts !== prompts) {
      this.view.update({ prompts: this.prompts });
      return;
    }
    this.#proposed = null;
    settle();
  }

  #change(prompts: Prompts): void {
    this.#propose(prompts, () => this.#refine(prompts));
  }

  #push(prompts: Prompts): void {
    this.#refine(prompts);
    this.#promptsChanged();
  }

  /** Adds prompts to the history; they refine the mask of those before them. */
  #refine(prompts: Prompts): void {
    const before = this.#refined.get(this.prompts);
    this.#history.push(prompts);
    if (before && !isEmptyPrompt(prompts)) this.#basis.set(prompts, before);
  }

  #promptsChanged(): void {
    this.view.update({ prompts: this.prompts, rubberBand: null });
    this.#ask();
    this.emit("changed", this.prompts);
  }

  /** Asks for the mask of the prompts. */
  #ask(): void {
    this.#asking.abort();
    const { prompts } = this;
    if (isEmptyPrompt(prompts)) {
      this.#show(null);
      if (this.#state === "segmenting") this.#setState("ready");
      return;
    }
    const [segmenter, image] = [this.#segmenter, this.#image];
    if (!segmenter || !image) return;
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#setState("segmenting");
    const mask_input = this.refines && segmenter.takesMaskInput ? this.#basis.get(prompts) : undefined;
    segmenter.segment({ image, ...toSegmentPrompt(prompts), mask_input }, { signal }).then(
      (result) => {
        if (signal.aborted) return;
        this.#refined.set(prompts, result.maskInput());
        this.#answered = prompts;
        this.#setState("ready");
        this.#show({ result, chosen: 0 });
        this.view.say(`Mask, score ${scoreOf(result, 0)}`);
      },
      (error) => {
        if (!signal.aborted) this.#fail(error, "ready");
      },
    );
  }

  #show(answer: Answer | null): void {
    const shown = answer ?? this.#savedMask;
    const isNews = shown !== this.#shown;
    this.#answer = answer;
    this.#shown = shown;
    this.view.update({ mask: this.#shape(), isPreview: false });
    if (isNews) this.emit("answer", answer);
  }

  /** The answer's mask or, without one, the saved one. */
  #shape(): MaskShape | null {
    return this.#answer ? logitsOf(this.#answer.result, this.#answer.chosen) : this.#savedMask;
  }

  // -- pointers -----------------------------------------------------------------------------------

  /** Size of the picture that can be marked; null while another one is being opened, though the one before is still seen. */
  get #markable(): Size | null {
    return this.#isDisabled || this.#source === null ? null : this.view.pictureSize;
  }

  #canMark(at: ImagePointer): boolean {
    const picture = this.#markable;
    return this.#tool !== "pan" && picture !== null && isOnPicture(at, picture);
  }

  #hover(at: ImagePointer): void {
    const [segmenter, image] = [this.#segmenter, this.#image];
    const isWanted = this.previews && this.#tool !== "box" && isEmptyPrompt(this.prompts) && this.#state === "ready";
    if (!isWanted || !segmenter || !image || !this.#canMark(at)) {
      this.#endPreview();
      return;
    }
    const point = { point_coords: [[at.x, at.y]], point_labels: [1] };
    this.#hovered = at;
    // pointers move faster than a slow device answers: only the newest place counts
    segmenter.segment({ image, ...point }, { supersede: true }).then(
      (result) => {
        if (this.#hovered !== at || this.#image !== image || !isEmptyPrompt(this.prompts)) return;
        this.view.update({ mask: logitsOf(result), isPreview: true });
      },
      // a preview that fails is none; the click says why
      () => undefined,
    );
  }

  #endPreview(): void {
    this.#hovered = null;
    if (this.view.scene.isPreview) this.view.update({ mask: this.#shape(), isPreview: false });
  }

  #click(at: ImagePointer): void {
    // with the box tool a tap is a box that was not drawn
    if (!this.#canMark(at) || (this.#tool === "box" && at.pointerType !== "keyboard")) return;
    const { points, box } = this.prompts;
    const mark = this.#markAt(at);
    const positive = at.positive && this.#tool !== "remove";
    this.#change(mark ? withoutMark(this.prompts, mark) : { points: [...points, { x: at.x, y: at.y, positive }], box });
  }

  #markAt({ view, pointerType }: ImagePointer): PromptMark | null {
    const reach = REACH[pointerType] ?? 0;
    return reach > 0 ? markAt(this.prompts, this.view.viewport, view, reach) : null;
  }

  #take(at: ImagePointer): void {
    this.#endPreview();
    this.#held = this.#markable && this.#markAt(at);
  }

  #drag({ from, at }: ImageDrag): void {
    const picture = this.#markable;
    if (!picture) return;
    if (this.#held) this.view.update({ prompts: withMarkMoved(this.prompts, this.#held, at, picture) });
    else this.view.update({ rubberBand: boxBetween(from, at, picture) });
  }

  #drop({ from, at }: ImageDrag): void {
    const [held, picture] = [this.#held, this.#markable];
    this.#letGo();
    if (!picture) return;
    const box = boxBetween(from, at, picture);
    if (held) this.#change(withMarkMoved(this.prompts, held, at, picture));
    else if (box) this.#change({ points: this.prompts.points, box });
  }

  #letGo(): void {
    this.#held = null;
    this.view.update({ rubberBand: null, prompts: this.prompts });
  }
}

function scoreOf({ scores }: SegmentResult, index: number): string {
  return (scores.data[index] as number).toFixed(2);
}

/** The file behind an address, so that it is fetched once for showing and encoding. */
async function fetched(source: ImageSource, signal: AbortSignal): Promise<ImageSource> {
  if (typeof source !== "string" && !(source instanceof URL)) return source;
  const response = await fetch(source, { signal }).catch((cause: unknown) => {
    throw new Sam2Error("InvalidImageError", `${source}: expected a picture, which could not be fetched`, { cause });
  });
  if (response.ok) return response.blob();
  throw new Sam2Error("InvalidImageError", `${source}: expected a picture, got status ${response.status}`);
}

/** The most pixels of a picture, as `SegmenterOptions.maxPixels` has it. */
const MAX_PIXELS = 100e6;

/** Decodes a picture to be shown, upright; the caller closes it. */
async function toBitmap(source: Exclude<ImageSource, string | URL>): Promise<ImageBitmap> {
  if (source instanceof Blob) {
    // a small file may claim gigabytes of pixels
    const header = await readImageHeader(source);
    if (header && header.width * header.height > MAX_PIXELS) {
      const got = `${header.width}×${header.height}`;
      throw new Sam2Error("InvalidImageError", `expected at most ${MAX_PIXELS} pixels, got ${got}`);
    }
  }
  try {
    if (source instanceof HTMLImageElement) await source.decode();
    return await createImageBitmap(source, { imageOrientation: "from-image" });
  } catch (cause) {
    throw new Sam2Error("InvalidImageError", "expected a picture that the browser can decode", { cause });
  }
}
