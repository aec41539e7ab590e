/** The page: a picture, clicks, masks. */
import {
  decodeRle,
  encodeRle,
  type Rle,
  type Segmenter,
  type SegmenterImage,
  type SegmentPrompt,
  type SegmentResult,
  type Tensor,
} from "sam2-web";
import { type Answer, candidateCount, showCandidates, shownLogits } from "./candidates.ts";
import { save, saveCutOut, saveJson, saveMask } from "./downloads.ts";
import { element } from "./element.ts";
import { takeIn } from "./intake.ts";
import { listenToKeys } from "./keyboard.ts";
import { Labels } from "./label.ts";
import { type LabeledImage, type LabeledObject, withClassOfObjects } from "./labels/annotations.ts";
import { brushed, combined, type Stroke } from "./labels/touch-up.ts";
import { ModelChoice } from "./model-choice.ts";
import { workOffline } from "./offline.ts";
import { listen } from "./pointer.ts";
import { History, isEmpty, type Marks, NO_MARKS, type Point, toPrompt } from "./prompts.ts";
import { cancel, cancellable, forgetError, isCancellable, say, showBusy, showError } from "./status.ts";
import { View } from "./view.ts";

const canvas = element<HTMLCanvasElement>("canvas");
const view = new View(canvas);
const buttons = {
  undo: element<HTMLButtonElement>("undo"),
  redo: element<HTMLButtonElement>("redo"),
  clear: element<HTMLButtonElement>("clear"),
  mask: element<HTMLButtonElement>("save-mask"),
  cutout: element<HTMLButtonElement>("save-cutout"),
  json: element<HTMLButtonElement>("save-json"),
  keep: element<HTMLButtonElement>("keep"),
  everything: element<HTMLButtonElement>("everything"),
  addTo: element<HTMLButtonElement>("add-to"),
  takeFrom: element<HTMLButtonElement>("take-from"),
};

/** A step of the person's work on a picture. */
interface Step {
  readonly marks: Marks;
  readonly objects: readonly LabeledObject[];
}

/** Specks and holes count as small up to 1/1600 of the low-resolution mask: a square of a 40th of its side. */
const SMALL = 1600;

const NOTHING: Step = { marks: NO_MARKS, objects: [] };

/** What the person sees: a history of steps, and the answer to the marks of the current one. */
let segmenter: Segmenter | undefined;
let image: SegmenterImage | undefined;
let blob: Blob | undefined;
let history = new History<Step>(NOTHING);
let answer: Answer | undefined;
/** Logits of the mask that a set of marks gave; the next click refines it. */
let refined = new WeakMap<Marks, Tensor>();
/** The mask that the current marks refine. */
let before: Tensor | undefined;
/** Where the pointer is, while it shows a preview. */
let hovered: Point | null = null;
let crosshair: { x: number; y: number } | null = null;
/** The picture after this one, encoded before it is asked for. */
let ahead: { readonly id: string; readonly image: Promise<SegmenterImage> } | null = null;

function refresh(): void {
  const { marks, objects } = history.current;
  labels?.setObjects(objects);
  buttons.undo.disabled = !history.canUndo;
  buttons.redo.disabled = !history.canRedo;
  buttons.clear.disabled = isEmpty(marks);
  buttons.everything.disabled = !image;
  for (const button of [buttons.mask, buttons.cutout, buttons.json, buttons.keep]) button.disabled = !answer;
  showEditing();
  view.update({
    marks,
    crosshair,
    objects: labels?.drawn() ?? [],
    rubberBand: null,
    preview: false,
    mask: answer ? shownLogits(answer) : null,
  });
  showCandidates(answer, choose);
}

function choose(index: number): void {
  if (!answer || index >= candidateCount(answer)) return;
  answer = { ...answer, chosen: index };
  refined.set(history.current.marks, answer.result.maskInput(index));
  refresh();
  say(`Candidate ${index + 1}, score ${(answer.result.scores.data[index] as number).toFixed(2)}`);
}

// -- asking the model -----------------------------------------------------------------------------

async function ask(marks: Marks, refines: Tensor | undefined): Promise<SegmentResult | undefined> {
  if (!segmenter || !image) return undefined;
  const mask_input = element<HTMLInputElement>("refine").checked ? refines : undefined;
  const prompt: SegmentPrompt = { ...toPrompt(marks), mask_input };
  const small = element<HTMLInputElement>("settle").checked ? segmenter.model.maskSize ** 2 / SMALL : 0;
  // hovering and clicking ask much faster than a slow device answers: only the newest counts
  return segmenter.segment({ image, ...prompt, max_hole_area: small, max_sprinkle_area: small }, { supersede: true });
}

/** Runs a request and shows its error; a request that a newer one replaced ends silently. */
function attempt(task: () => Promise<void>): void {
  task().catch((error: unknown) => {
    if ((error as Error).name !== "AbortError") showError(error, "the picture is still there; try again.");
  });
}

/** Asks for the current marks, which may refine a mask. */
function segment(refines?: Tensor): void {
  const { marks } = history.current;
  answer = undefined;
  before = refines;
  if (isEmpty(marks)) {
    refresh();
    return;
  }
  view.update({ marks, rubberBand: null });
  attempt(async () => {
    const result = await ask(marks, refines);
    if (!result || marks !== history.current.marks) return;
    answer = { result, chosen: 0 };
    refined.set(marks, result.maskInput(0));
    refresh();
    say(`Mask with score ${(result.scores.data[0] as number).toFixed(2)} in ${result.decodeTime.toFixed(0)} ms`);
  });
}

function mark(marks: Marks): void {
  const { objects, marks: old } = history.current;
  history.push({ marks, objects });
  refresh();
  segment(refined.get(old));
}

function addPoint(x: number, y: number, positive: boolean): void {
  if (!image || x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  const { points, box } = history.current.marks;
  mark({ points: [...points, { x, y, positive }], box });
}

/** Shows the controls for editing an object while one is edited. */
function showEditing(): void {
  const edited = labels?.selected ?? null;
  buttons.addTo.disabled = buttons.takeFrom.disabled = !answer || !edited;
  for (const part of document.querySelectorAll<HTMLElement>(".editing")) part.hidden = !edited;
  if (!edited && isBrush()) element<HTMLInputElement>("mode-add").checked = true;
}

/** Adds the mask to the edited object, or subtracts it. */
function combine(how: "add" | "subtract"): void {
  const edited = labels?.selected;
  if (!answer || !labels || !edited) return;
  const mask = combined(decodeRle(edited.rle), answer.result.mask(answer.chosen), how);
  changeObjects(labels.withMask(encodeRle(mask)), how === "add" ? "Added to the object." : "Taken from the object.");
}

let stroke: Stroke | null = null;

/** Paints on the edited object, or erases from it; the mask changes when the stroke ends. */
function brush(from: { x: number; y: number }, to: { x: number; y: number }, done: boolean): void {
  const edited = labels?.selected;
  if (!labels || !edited) return;
  const radius = Math.max(0.5, element<HTMLInputElement>("brush").valueAsNumber / 2 || 6);
  stroke = { points: [...(stroke?.points ?? [from]), to], radius, erase: clickMode() === "erase" };
  view.update({ stroke: done ? null : stroke });
  if (!done) return;
  const mask = brushed(decodeRle(edited.rle), stroke);
  stroke = null;
  changeObjects(labels.withMask(encodeRle(mask)), "Touched up.");
}

const isBrush = (): boolean => ["paint", "erase"].includes(clickMode());

/** Makes the mask an object, and clears the marks for the next one. */
function keep(): void {
  if (!answer || !labels) return;
  const object = labels.newObject(encodeRle(answer.result.mask(answer.chosen)));
  const said = (isKept: boolean): string =>
    isKept ? `Kept as ${object.className}.` : `${object.className}, in this window only.`;
  changeObjects([...history.current.objects, object], said);
}

/** @param said the message to show once it is known whether the change is kept */
function changeObjects(objects: readonly LabeledObject[], said: string | ((isKept: boolean) => string)): void {
  history.push({ marks: NO_MARKS, objects });
  segment();
  const step = history.current;
  void (labels?.whenKept() ?? Promise.resolve(false)).then((isKept) => {
    if (history.current === step) say(typeof said === "string" ? said : said(isKept));
  });
}

/** Every mask of everything mode becomes an object; one Undo takes them all back. */
async function everything(): Promise<void> {
  const [from, picture] = [segmenter, image];
  if (!from || !picture || !labels) return;
  const number = (id: string): number => element<HTMLInputElement>(id).valueAsNumber;
  await cancellable(async (signal) => {
    showBusy("Everything in the picture", 0);
    const found = await from.segmentEverything(picture, {
      points_per_side: number("points-per-side"),
      pred_iou_thresh: number("iou-threshold"),
      stability_score_thresh: number("stability-threshold"),
      min_mask_region_area: number("region-area"),
      signal,
      onProgress: ({ done, total, masks }) => showBusy(`Everything: ${masks.length} masks`, done / total),
    });
    const made = found
      .sort((a, b) => b.area - a.area)
      .map(({ segmentation }) => labels?.newObject(segmentation as Rle) as LabeledObject);
    changeObjects([...history.current.objects, ...made], `${made.length} objects found.`);
  }, "the picture is still there; try other numbers.");
}

function clickMode(): string {
  return document.querySelector<HTMLInputElement>("input[name=mode]:checked")?.value ?? "add";
}

// -- pictures -------------------------------------------------------------------------------------

/** Shows a picture, and encodes it. */
async function open(source: Blob, labeled: LabeledImage | null): Promise<void> {
  forgetError();
  cancel();
  history = new History<Step>({ marks: NO_MARKS, objects: labeled?.objects ?? [] });
  answer = undefined;
  crosshair = null;
  blob = source;
  void image?.release();
  image = undefined;
  refresh();
  try {
    const picture = await createImageBitmap(source, { imageOrientation: "from-image" });
    // another was opened in the meantime
    if (blob !== source) return picture.close();
    view.show(picture);
  } catch (error) {
    if (blob !== source) return;
    showBusy(null);
    return showError(error, "choose another picture.");
  }
  element("welcome").hidden = true;
  await look();
}

/** Counts the calls of `look`: only the last one's result is used. */
let looks = 0;

/** Encodes the picture once picture and model are there, then segments the current marks. */
async function look(): Promise<void> {
  const source = blob;
  if (!source) return;
  if (!segmenter) {
    showBusy(models.isOpening ? "Opening the model" : null);
    if (!models.isOpening) showError("No model has opened", "choose another one, or reload the page to try again.");
    return;
  }
  const turn = ++looks;
  const isWanted = (): boolean => turn === looks && blob === source;
  showBusy("Looking at the picture");
  try {
    const encoded = await (takeAhead(labels?.current?.id) ?? segmenter.setImage(source));
    if (!isWanted()) return encoded.release();
    image = encoded;
    const { encode, preprocess } = encoded.timings;
    say(
      `${encoded.width}×${encoded.height}, ready in ${(encode + preprocess).toFixed(0)} ms. Click the thing you want.`,
    );
    refresh();
    segment();
    canvas.focus({ preventScroll: true });
    void encodeAhead(source, encode);
  } catch (error) {
    if (isWanted()) showError(error, "choose another picture, or reload the page.");
  } finally {
    if (isWanted()) showBusy(null);
  }
}

/** Encodes the next picture in advance, if encoding is fast enough not to delay the person. */
async function encodeAhead(source: Blob, milliseconds: number): Promise<void> {
  const next = milliseconds < 1000 ? await labels?.nextPicture() : null;
  if (!next || !segmenter || blob !== source) return;
  const encoding = takeAhead(next.id) ?? segmenter.setImage(next.picture);
  // an error is shown when the picture is opened
  encoding.catch(() => undefined);
  ahead = { id: next.id, image: encoding };
}

/** Returns the image that was encoded in advance if it is this one; otherwise releases it. */
function takeAhead(id: string | undefined): Promise<SegmenterImage> | undefined {
  const before = ahead;
  ahead = null;
  if (before?.id === id) return before?.image;
  before?.image.then(
    (unused) => unused.release(),
    () => undefined,
  );
  return undefined;
}

// -- listening ------------------------------------------------------------------------------------

listen(canvas, view, {
  hover(x, y) {
    if (!image || isCancellable() || !isEmpty(history.current.marks) || clickMode() === "box" || isBrush()) return;
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
    const point = { x, y, positive: true };
    hovered = point;
    attempt(async () => {
      const result = await ask({ points: [point], box: null }, undefined);
      if (!result || hovered !== point || !isEmpty(history.current.marks)) return;
      view.update({ mask: shownLogits({ result, chosen: 0 }), preview: true });
    });
  },
  leave() {
    hovered = null;
    if (isEmpty(history.current.marks)) view.update({ mask: null });
  },
  click(x, y, remove) {
    if (isBrush()) brush({ x, y }, { x, y }, true);
    else addPoint(x, y, !(remove || clickMode() === "remove"));
  },
  drag(from, to, done) {
    if (isBrush()) return brush(from, to, done);
    if (!image) return;
    const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
    const [x1, x2] = [from.x, to.x].map((x) => clamp(x, image?.width ?? 0)).sort((a, b) => a - b) as [number, number];
    const [y1, y2] = [from.y, to.y].map((y) => clamp(y, image?.height ?? 0)).sort((a, b) => a - b) as [number, number];
    if (!done) return view.update({ rubberBand: [x1, y1, x2, y2] });
    if (x2 - x1 < 1 || y2 - y1 < 1) return view.update({ rubberBand: null });
    mark({ points: history.current.marks.points, box: [x1, y1, x2, y2] });
  },
  abandon() {
    stroke = null;
    view.update({ stroke: null, rubberBand: null });
  },
});

element("settle").addEventListener("change", () => segment(before));
buttons.undo.addEventListener("click", () => step("undo"));
buttons.redo.addEventListener("click", () => step("redo"));
buttons.clear.addEventListener("click", () => clear());
buttons.mask.addEventListener("click", () => answer && void saveMask(answer));
buttons.cutout.addEventListener("click", () => answer && blob && void saveCutOut(answer, blob));
buttons.json.addEventListener("click", () => answer && saveJson(answer));
buttons.keep.addEventListener("click", () => keep());
buttons.addTo.addEventListener("click", () => combine("add"));
buttons.takeFrom.addEventListener("click", () => combine("subtract"));
buttons.everything.addEventListener("click", () => void everything());
element("cancel").addEventListener("click", () => cancel());
element("fit").addEventListener("click", () => view.fit());
element("actual").addEventListener("click", () => view.actual());
element("zoom-in").addEventListener("click", () => view.zoom(1.4));
element<HTMLInputElement>("opacity").addEventListener("input", (event) => {
  view.update({ opacity: (event.target as HTMLInputElement).valueAsNumber });
});
element("zoom-out").addEventListener("click", () => view.zoom(1 / 1.4));

function step(direction: "undo" | "redo"): void {
  history[direction]();
  refresh();
  segment();
}

function clear(): void {
  if (isEmpty(history.current.marks)) return;
  changeObjects(history.current.objects, "Cleared.");
}

function moveCrosshair(dx: number, dy: number): void {
  if (!image) return;
  const from = crosshair ?? { x: image.width / 2, y: image.height / 2 };
  const unit = Math.max(image.width, image.height) / 64;
  crosshair = {
    x: Math.min(Math.max(from.x + dx * unit, 0), image.width - 1),
    y: Math.min(Math.max(from.y + dy * unit, 0), image.height - 1),
  };
  view.update({ crosshair });
}

listenToKeys(canvas, {
  undo: () => step("undo"),
  redo: () => step("redo"),
  choose,
  keep,
  step: (by) => labels?.step(by),
  escape: () => (isCancellable() ? cancel() : clear()),
  chooseClass: (index) => labels?.chooseClass(index),
  moveCrosshair,
  addAtCrosshair(positive) {
    const at = crosshair ?? (image ? { x: image.width / 2, y: image.height / 2 } : null);
    if (at) addPoint(at.x, at.y, positive);
  },
});

takeIn({
  pictures: (files) => void labelsReady.then((ready) => ready.addPictures(files)),
  checkpoint: (files) => models.bring("Dropped checkpoint", files),
  project: (file) => void labelsReady.then((ready) => ready.openProject(file)),
});

// -- labels ---------------------------------------------------------------------------------------

let labels: Labels | undefined;
/** The labels of the last visit. */
const labelsReady = Labels.open({
  open: (picture, labeled) => void open(picture, labeled),
  change: changeObjects,
  rename: (from, to) => {
    history.change(({ marks, objects }) => ({ marks, objects: withClassOfObjects(objects, from, to) }));
    refresh();
    say(`${from} is now ${to}.`);
  },
  catchUp: (how) => {
    history.change(({ marks, objects }) => ({ marks, objects: how(objects) }));
    refresh();
    say("Brought up to date with another window.");
  },
  redraw: () => {
    showEditing();
    view.update({ objects: labels?.drawn() ?? [] });
  },
  fail: showError,
  save: ({ name, blob: content }) => save(name, content),
});
void labelsReady.then((ready) => {
  labels = ready;
  refresh();
});
refresh();

// -- models ---------------------------------------------------------------------------------------

/** The model opens while the person chooses a picture. A newly chosen model segments the current marks again. */
const models = new ModelChoice((ready) => {
  cancel();
  segmenter = ready;
  image = undefined;
  ahead = null;
  refined = new WeakMap();
  void look();
});

void workOffline(() => blob === undefined);
