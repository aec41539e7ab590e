/**
 * Asks the model. It follows the state: whenever model and picture are others, the picture is encoded; whenever the marks
 * are others, they are asked for. What was asked of a model or a picture before is answered by nothing.
 */
import type { Detail, SegmentPrompt, SegmentResult, Tensor } from "sam2-web";
import { type Answer, candidateCount, isCloser, logitsOf, scoreOf } from "./answer.ts";
import { Encodings } from "./encodings.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import type { PictureSet } from "./picture-set.ts";
import { isEmpty, type Marks, toPrompt } from "./prompt.ts";
import { type Model, Sight } from "./sight.ts";
import type { State } from "./state.ts";
import type { StoredEmbeddings } from "./stored-embeddings.ts";

/** Specks and holes count as small up to 1/1600 of the low-resolution mask: a square of a 40th of its side. */
const SMALL = 1600;

/** Neighbors are encoded ahead while encoding takes less than this, in milliseconds: the person may have to wait for it. */
const QUICK = 1500;

/** They are encoded once nothing was asked for so long, in milliseconds. */
const QUIET = 300;

/** A question, with all that its answer depends on. */
interface Question {
  readonly sight: Sight;
  readonly marks: Marks;
  readonly settle: boolean;
  readonly refine: boolean;
}

/** What the browser tells about the device. */
export interface Surroundings {
  /** Whether work ahead is unwelcome: the battery is in use, or data is to be saved. */
  isSparing(): Promise<boolean>;
}

/** Keeps the answer in step with picture, model and marks. */
export class Asking {
  readonly #state: Observable<State>;
  readonly #notices: Notices;
  readonly #set: Pick<PictureSet, "imageOf" | "neighbors" | "mark">;
  readonly #stored: StoredEmbeddings;
  readonly #surroundings: Surroundings;
  #model: Model | null = null;
  #picture: Blob | null = null;
  #encodings: Encodings | null = null;
  #sight: Sight | null = null;
  /** The question that was asked last, or is asked now. */
  #asked: Question | null = null;
  /** The marks that some marks were added to. */
  readonly #before = new WeakMap<Marks, Marks>();
  /** Logits of the mask that some marks gave; marks after them refine it. */
  #refined = new WeakMap<Marks, Tensor>();
  /** What is done once some marks are answered. */
  #afterAnswer: { readonly marks: Marks; readonly act: () => void } | null = null;
  /** What is done after that, in this order. */
  #later: readonly (() => void)[] = [];
  /** Marks that have been looked at closer, whatever came of it: that is done by itself once. */
  readonly #looked = new WeakSet<Marks>();
  /** Answers of closer looks, to the marks that ask for them. */
  readonly #closer = new WeakMap<Marks, { readonly asked: Question; readonly result: SegmentResult }>();
  #rest: ReturnType<typeof setTimeout> | undefined;
  /** Where the pointer is while it shows a preview. */
  #hovered: { readonly x: number; readonly y: number } | null = null;
  /** When something was asked last, by `performance.now()`. */
  #lastAsked = 0;

  constructor(
    state: Observable<State>,
    notices: Notices,
    set: Pick<PictureSet, "imageOf" | "neighbors" | "mark">,
    stored: StoredEmbeddings,
    surroundings: Surroundings,
  ) {
    this.#state = state;
    this.#notices = notices;
    this.#set = set;
    this.#stored = stored;
    this.#surroundings = surroundings;
    state.subscribe(() => this.#follow());
  }

  /** What the model sees now, or null. */
  get sight(): Sight | null {
    return this.#sight;
  }

  /** Says that `marks` were made from `before`, whose mask they refine. */
  refines(marks: Marks, before: Marks): void {
    this.#before.set(marks, before);
  }

  /**
   * Runs `act` once the marks are answered: at once if they are. If they change before, or the answer is an error, it is
   * not run.
   */
  whenAnswered(act: () => void): void {
    const { isAsking, marks } = this.#state.get();
    if (isAsking) this.#afterAnswer = { marks, act };
    else act();
  }

  /** Runs `act` after what waits for an answer: at once if nothing does. It is not run if that is not. */
  inTurn(act: () => void): void {
    if (this.#afterAnswer) this.#later = [...this.#later, act];
    else act();
  }

  #forgetWaiting(): void {
    this.#afterAnswer = null;
    this.#later = [];
  }

  /** Looks closer at what is marked and answered, whatever its size. */
  lookCloser(): void {
    const { answer, marks } = this.#state.get();
    if (!answer || isEmpty(marks)) return;
    const closer: Marks = { ...marks, closer: "always" };
    // the best mask is looked at; another candidate becomes that by being refined
    const before = answer.chosen === 0 ? this.#before.get(marks) : marks;
    if (before) this.#before.set(closer, before);
    this.#looked.add(marks);
    this.#set.mark(closer, "Look closer");
  }

  /** Shows another candidate; not while marks are being answered, since what is shown is none of theirs. */
  choose(index: number): void {
    const { answer, marks, isAsking } = this.#state.get();
    if (!answer || isAsking || index >= candidateCount(answer)) return;
    this.#refined.set(marks, answer.result.maskInput(index));
    this.#state.update({ answer: { ...answer, chosen: index } });
    this.#notices.say(`Candidate ${index + 1}, score ${scoreOf(answer, index).toFixed(2)}`);
  }

  /** Shows the mask under the pointer, or none. */
  async hover(point: { readonly x: number; readonly y: number } | null): Promise<void> {
    const sight = this.#sight;
    const isWanted = (): boolean => this.#hovered === point && isEmpty(this.#state.get().marks);
    this.#hovered = point;
    if (this.#rest !== undefined) this.#waitForRest();
    if (!point || !sight) return this.#state.update({ preview: null });
    try {
      const result = await sight.ask({
        point_coords: [[point.x, point.y]],
        point_labels: [1],
        ...this.#settling(sight),
      });
      if (result && isWanted()) this.#state.update({ preview: logitsOf({ result, chosen: 0 }) });
    } catch (error) {
      if (isWanted()) this.#notices.fail(error, "the picture is still there; try again.");
    }
  }

  #follow(): void {
    const { model, picture } = this.#state.get();
    if (model !== this.#model) {
      const storedOf = (file: Blob) => model && this.#stored.of(this.#set.imageOf(file), model);
      this.#encodings = model && new Encodings(model, storedOf);
      this.#refined = new WeakMap();
    }
    if (model !== this.#model || picture !== this.#picture) {
      const isLost = picture !== null && picture !== this.#picture && this.#afterAnswer !== null;
      this.#model = model;
      this.#picture = picture;
      this.#sight?.end();
      this.#sight = null;
      this.#hovered = null;
      const isLooking = model !== null && picture !== null;
      const { current, said } = this.#state.get();
      // with a picture open, what was said is of the picture or the model before
      this.#state.update({
        answer: null,
        preview: null,
        isEncoded: false,
        isLooking,
        said: current === null ? said : "",
      });
      if (isLost) {
        this.#forgetWaiting();
        const what = "The mask is lost: another picture was opened before the model had answered";
        this.#notices.fail(what, "go back, and mark it again.");
      }
      if (model && picture) void this.#look(model, picture);
    }
    this.#ask();
  }

  /** Encodes the picture. */
  async #look(model: Model, picture: Blob): Promise<void> {
    const isWanted = (): boolean => model === this.#model && picture === this.#picture;
    const encodings = this.#encodings as Encodings;
    try {
      const image = await encodings.of(picture);
      if (!isWanted()) return;
      const { width, height } = image;
      this.#sight = new Sight(model, image);
      this.#state.update({ isLooking: false, isEncoded: true });
      const took = image.timings.encode + image.timings.preprocess;
      if (this.#state.get().current !== null) {
        const how = encodings.isStored(picture) ? ", from its embedding" : "";
        this.#notices.mention(`${width}×${height}, ready in ${took.toFixed(0)} ms${how}. Click the thing you want.`);
      }
      this.#ask();
      void this.#encodeAhead(encodings, picture, took);
    } catch (error) {
      if (!isWanted()) return;
      this.#state.update({ isLooking: false });
      this.#notices.fail(error, "choose another picture, or reload the page.");
    }
  }

  /** Encodes the pictures beside the open one, if that is quick enough not to delay the person. */
  async #encodeAhead(encodings: Encodings, picture: Blob, took: number): Promise<void> {
    const isWanted = (): boolean => encodings === this.#encodings && picture === this.#picture;
    const neighbors = await this.#set.neighbors();
    if (!isWanted()) return;
    encodings.keepOnly([picture, ...neighbors]);
    // how long the encoder takes is not known where it was not needed; it may not even be downloaded
    const isUnwelcome =
      encodings.isStored(picture) || took > QUICK || (await this.#surroundings.isSparing()) || !isWanted();
    for (const neighbor of neighbors) {
      if (isUnwelcome && !encodings.isStored(neighbor)) continue;
      while (isWanted() && (this.#state.get().isAsking || performance.now() - this.#lastAsked < QUIET)) {
        await new Promise((resolve) => setTimeout(resolve, QUIET));
      }
      if (!isWanted()) return;
      // an error is shown when the picture is opened
      await encodings.of(neighbor, isUnwelcome).catch(() => undefined);
    }
  }

  /** Asks for the marks, unless that has been done. */
  #ask(): void {
    const { marks, options, isLooking, opening } = this.#state.get();
    const { settle, refine } = options;
    const sight = this.#sight;
    if (isEmpty(marks)) {
      this.#asked = null;
      this.#forgetWaiting();
      this.#endRest();
      this.#state.update({ answer: null, isAsking: false, isLookingCloser: false });
      return;
    }
    if (this.#afterAnswer && this.#afterAnswer.marks !== marks) this.#forgetWaiting();
    const asked = this.#asked;
    if (!sight) {
      // they are asked for once the picture is encoded
      const isAsking = isLooking || opening !== null;
      if (!isAsking) this.#forgetWaiting();
      this.#state.update({ isAsking });
      return;
    }
    if (asked && isSameQuestion(asked, { sight, marks, settle, refine })) return;
    this.#asked = { sight, marks, settle, refine };
    this.#hovered = null;
    this.#endRest();
    this.#state.update({ isAsking: true, isLookingCloser: marks.closer !== undefined, preview: null, said: "" });
    void this.#answer(this.#asked);
  }

  async #answer(asked: Question): Promise<void> {
    const { marks } = asked;
    const isWanted = (): boolean => asked === this.#asked;
    try {
      const known = this.#closer.get(marks);
      const isKnown = known && isSameQuestion(known.asked, asked);
      const result = isKnown ? known.result : await this.#query(asked, marks.closer ?? "off");
      if (!result || !isWanted()) return;
      this.#refined.set(marks, result.maskInput(0));
      const answer = { result, chosen: 0 };
      this.#state.update({ answer, isAsking: false, isLookingCloser: false });
      this.#notices.say(inWords(answer, marks));
      const [waiting, later] = [this.#afterAnswer, this.#later];
      this.#forgetWaiting();
      if (!waiting) return this.#waitForRest();
      waiting.act();
      for (const act of later) this.inTurn(act);
    } catch (error) {
      if (!isWanted()) return;
      this.#forgetWaiting();
      this.#state.update({ isAsking: false, isLookingCloser: false, answer: null });
      this.#notices.fail(error, "the picture is still there; try again.");
    }
  }

  /** What the model says; null when that is of no use any more. */
  #query({ sight, marks, refine }: Question, detail: Detail): Promise<SegmentResult | null> {
    const before = this.#before.get(marks);
    const mask_input = refine && before ? this.#refined.get(before) : undefined;
    this.#lastAsked = performance.now();
    return sight.ask({ ...toPrompt(marks), mask_input, ...this.#settling(sight) }, detail);
  }

  // -- a closer look ------------------------------------------------------------------------------

  #endRest(): void {
    clearTimeout(this.#rest);
    this.#rest = undefined;
  }

  /** Looks closer once the pointer rests, if that was not done for these marks. */
  #waitForRest(): void {
    this.#endRest();
    const { marks, options } = this.#state.get();
    if (options.rest === null || marks.closer !== undefined || this.#looked.has(marks)) return;
    this.#rest = setTimeout(() => void this.#lookAtRest(), options.rest);
  }

  /** Looks closer, where that pays. What it finds takes the mask's place as a step that can be undone. */
  async #lookAtRest(): Promise<void> {
    this.#rest = undefined;
    const asked = this.#asked;
    const { answer } = this.#state.get();
    // a step that nobody asked for would take away what can be redone
    const isInTheWay = (): boolean => this.#state.get().redoable !== null;
    if (!asked || answer?.chosen !== 0 || isInTheWay()) return;
    const { marks } = asked;
    const isWanted = (): boolean => asked === this.#asked && this.#state.get().answer === answer && !isInTheWay();
    this.#looked.add(marks);
    this.#state.update({ isLookingCloser: true });
    try {
      const result = await this.#query(asked, "auto");
      if (!result || !isWanted() || !isCloser({ result, chosen: 0 })) return;
      const closer: Marks = { ...marks, closer: "auto" };
      const before = this.#before.get(marks);
      if (before) this.#before.set(closer, before);
      this.#closer.set(closer, { asked: { ...asked, marks: closer }, result });
      this.#set.mark(closer, "Look closer");
    } catch (error) {
      if (isWanted()) this.#notices.fail(error, "the mask is as it was.");
    } finally {
      if (asked === this.#asked) this.#state.update({ isLookingCloser: false });
    }
  }

  #settling(sight: Sight): Pick<SegmentPrompt, "max_hole_area" | "max_sprinkle_area"> {
    this.#lastAsked = performance.now();
    const small = this.#state.get().options.settle ? sight.model.model.maskSize ** 2 / SMALL : 0;
    return { max_hole_area: small, max_sprinkle_area: small };
  }
}

function isSameQuestion(a: Question, b: Question): boolean {
  return a.sight === b.sight && a.marks === b.marks && a.settle === b.settle && a.refine === b.refine;
}

/** What is said of an answer. */
function inWords(answer: Answer, { closer }: Marks): string {
  const took = `${answer.result.decodeTime.toFixed(0)} ms`;
  const score = `Mask with score ${scoreOf(answer, 0).toFixed(2)}`;
  if (isCloser(answer)) return `${score}, seen closer, in ${took}`;
  return closer === "always" ? `${score}; a closer look found nothing better` : `${score} in ${took}`;
}
