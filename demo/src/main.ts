/** The page: a picture, clicks, masks. */
import { sam2Mini } from "sam2-mini";
import {
  CATALOGUE,
  createSegmenter,
  cutOut,
  decodeRle,
  drawMask,
  encodeRle,
  exportCanvas,
  type ModelFiles,
  maskArea,
  maskBox,
  type OpenProgress,
  type Rle,
  type Segmenter,
  type SegmenterImage,
  type SegmentPrompt,
  type SegmentResult,
  type Tensor,
} from "sam2-web";
import type { LabeledImage, LabeledObject } from "./annotations.ts";
import { hasCamera, takePicture } from "./camera.ts";
import { element } from "./element.ts";
import { Labels } from "./label.ts";
import { workOffline } from "./offline.ts";
import { listen } from "./pointer.ts";
import { History, isEmpty, type Marks, NO_MARKS, type Point, toPrompt } from "./prompts.ts";
import { brushed, combined, type Stroke } from "./touch-up.ts";
import { View } from "./view.ts";

const SAMPLES = [
  { file: "truck.jpg", title: "A pick-up truck" },
  { file: "groceries.jpg", title: "Groceries" },
  { file: "cars.jpg", title: "Cars" },
];

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

const NOTHING: Step = { marks: NO_MARKS, objects: [] };

/** What the person sees: a history of steps, and the answer to the marks of the current one. */
let segmenter: Segmenter | undefined;
let image: SegmenterImage | undefined;
let blob: Blob | undefined;
let history = new History<Step>(NOTHING);
let answer: { result: SegmentResult; chosen: number } | undefined;
/** Logits of the mask that the next click refines, by the marks that it belongs to. */
const refined = new WeakMap<Marks, Tensor>();
/** Where the pointer is, while it shows a preview. */
let hovered: Point | null = null;
let crosshair: { x: number; y: number } | null = null;
/** The picture after this one, encoded before it is asked for. */
let ahead: { readonly id: string; readonly image: Promise<SegmenterImage> } | null = null;
/** Ends the long work that is shown as busy. */
let stop: AbortController | null = null;

// -- status ---------------------------------------------------------------------------------------

function say(text: string): void {
  element("status").textContent = text;
}

function showBusy(text: string | null, share?: number): void {
  element("busy").hidden = text === null;
  element("cancel").hidden = stop === null;
  element("busy-text").textContent = text ?? "";
  const bar = element<HTMLProgressElement>("busy-progress");
  if (share === undefined) bar.removeAttribute("value");
  else bar.value = share;
}

function showError(error: unknown, advice: string): void {
  const box = element("error");
  box.hidden = false;
  box.textContent = `${error instanceof Error ? error.message : String(error)} — ${advice}`;
}

function showProgress(progress: OpenProgress): void {
  if (progress.phase === "download") {
    const { loaded, total } = progress;
    showBusy(`Loading the model, ${(loaded / 1e6).toFixed(1)} MB`, total === null ? undefined : loaded / total);
  } else {
    showBusy(progress.phase === "compile" ? "Preparing the model" : "Checking the GPU");
  }
}

function refresh(): void {
  const { marks, objects } = history.current;
  labels?.setObjects(objects);
  buttons.undo.disabled = !history.canUndo;
  buttons.redo.disabled = !history.canRedo;
  buttons.clear.disabled = isEmpty(marks);
  buttons.everything.disabled = !image;
  for (const button of [buttons.mask, buttons.cutout, buttons.json, buttons.keep]) button.disabled = !answer;
  showEditing();
  const logits = answer?.result.maskInput(answer.chosen);
  view.update({
    marks,
    crosshair,
    objects: labels?.drawn() ?? [],
    rubberBand: null,
    preview: false,
    mask: logits ? { data: logits.data, side: logits.dims[3] as number } : null,
  });
  showCandidates();
}

function showCandidates(): void {
  const box = element("candidates");
  const count = answer ? (answer.result.scores.dims[1] as number) : 0;
  box.replaceChildren(
    ...Array.from({ length: count }, (_, index) => {
      const { result, chosen } = answer as NonNullable<typeof answer>;
      const score = result.scores.data[index] as number;
      const button = document.createElement("button");
      button.type = "button";
      button.role = "radio";
      button.ariaChecked = String(index === chosen);
      button.ariaLabel = `Candidate ${index + 1}, score ${score.toFixed(2)}`;
      button.append(thumbnail(result, index), score.toFixed(2));
      button.addEventListener("click", () => choose(index));
      return button;
    }),
  );
}

/** The low-resolution mask as a small picture. */
function thumbnail(result: SegmentResult, index: number): HTMLCanvasElement {
  const { data, dims } = result.maskInput(index);
  const side = dims[3] as number;
  const small = document.createElement("canvas");
  small.width = side;
  small.height = Math.max(1, Math.round((side * result.height) / result.width));
  const context = small.getContext("2d");
  const pixels = context?.createImageData(side, small.height);
  if (!context || !pixels) return small;
  for (let y = 0; y < small.height; y++) {
    const row = Math.floor((y / small.height) * side) * side;
    for (let x = 0; x < side; x++) {
      if ((data[row + x] as number) > 0) pixels.data.set([29, 110, 216, 255], 4 * (y * side + x));
    }
  }
  context.putImageData(pixels, 0, 0);
  return small;
}

function choose(index: number): void {
  if (!answer || index >= (answer.result.scores.dims[1] as number)) return;
  answer = { ...answer, chosen: index };
  refined.set(history.current.marks, answer.result.maskInput(index));
  refresh();
  say(`Candidate ${index + 1}, score ${(answer.result.scores.data[index] as number).toFixed(2)}`);
}

// -- asking the model -----------------------------------------------------------------------------

async function ask(marks: Marks, before: Tensor | undefined): Promise<SegmentResult | undefined> {
  if (!segmenter || !image) return undefined;
  const refines = element<HTMLInputElement>("refine").checked;
  const prompt: SegmentPrompt = { ...toPrompt(marks), ...(before && refines ? { mask_input: before } : {}) };
  // hovering and clicking ask much faster than a slow device answers: only the newest counts
  return segmenter.segment({ image, ...prompt }, { supersede: true });
}

/** Runs a question to its answer; one that a newer took the place of ends without a word. */
function attempt(task: () => Promise<void>): void {
  task().catch((error: unknown) => {
    if ((error as Error).name !== "AbortError") showError(error, "the picture is still there; try again.");
  });
}

/** Asks for the current marks; `before` is the mask that they refine. */
function segment(before?: Tensor): void {
  const { marks } = history.current;
  answer = undefined;
  if (isEmpty(marks)) {
    refresh();
    return;
  }
  view.update({ marks, rubberBand: null });
  attempt(async () => {
    const result = await ask(marks, before);
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

/** What acts on the edited object is there while there is one. */
function showEditing(): void {
  const edited = labels?.selected ?? null;
  buttons.addTo.disabled = buttons.takeFrom.disabled = !answer || !edited;
  for (const part of document.querySelectorAll<HTMLElement>(".editing")) part.hidden = !edited;
  if (!edited && isBrush()) element<HTMLInputElement>("mode-add").checked = true;
}

/** The mask goes into the edited object, or out of it. */
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

/** The mask becomes an object, and the marks make room for the next one. */
function keep(): void {
  if (!answer || !labels) return;
  const object = labels.newObject(encodeRle(answer.result.mask(answer.chosen)));
  changeObjects([...history.current.objects, object], `Kept as ${object.className}.`);
}

function changeObjects(objects: readonly LabeledObject[], said: string): void {
  history.push({ marks: NO_MARKS, objects });
  segment();
  say(said);
}

/** Every mask of everything mode becomes an object; one Undo takes them all back. */
async function everything(): Promise<void> {
  if (!segmenter || !image || !labels) return;
  const number = (id: string): number => element<HTMLInputElement>(id).valueAsNumber;
  stop = new AbortController();
  try {
    showBusy("Everything in the picture", 0);
    const found = await segmenter.segmentEverything(image, {
      points_per_side: number("points-per-side"),
      pred_iou_thresh: number("iou-threshold"),
      stability_score_thresh: number("stability-threshold"),
      min_mask_region_area: number("region-area"),
      signal: stop.signal,
      onProgress: ({ done, total, masks }) => showBusy(`Everything: ${masks.length} masks`, done / total),
    });
    const made = found
      .sort((a, b) => b.area - a.area)
      .map(({ segmentation }) => labels?.newObject(segmentation as Rle) as LabeledObject);
    changeObjects([...history.current.objects, ...made], `${made.length} objects found.`);
  } catch (error) {
    if ((error as Error).name === "AbortError") say("Stopped.");
    else showError(error, "the picture is still there; try other numbers.");
  } finally {
    stop = null;
    showBusy(null);
  }
}

function clickMode(): string {
  return document.querySelector<HTMLInputElement>("input[name=mode]:checked")?.value ?? "add";
}

// -- pictures -------------------------------------------------------------------------------------

/** Takes pictures into the set; the first one is shown. */
function addPictures(files: readonly { readonly name: string; readonly blob: Blob }[]): void {
  const pictures = files.filter(({ blob }) => blob.type.startsWith("image/"));
  if (pictures.length > 0) void labelsReady.then((ready) => ready.addPictures(pictures));
  else showError("There is no picture among these files", "choose pictures, such as JPEG or PNG.");
}

const named = (files: Iterable<File>): { name: string; blob: Blob }[] =>
  [...files].map((file) => ({ name: file.name, blob: file }));

async function open(source: Blob, labeled: LabeledImage | null): Promise<void> {
  element("error").hidden = true;
  history = new History<Step>({ marks: NO_MARKS, objects: labeled?.objects ?? [] });
  answer = undefined;
  crosshair = null;
  blob = source;
  const old = image;
  image = undefined;
  refresh();
  try {
    view.show(await createImageBitmap(source, { imageOrientation: "from-image" }));
    element("welcome").hidden = true;
    showBusy("Looking at the picture");
    await old?.release();
    segmenter ??= await opening;
    showBusy("Looking at the picture");
    const known = labeled && ahead?.id === labeled.id ? ahead.image : undefined;
    ahead = null;
    const encoded = await (known ?? segmenter.setImage(source));
    if (blob !== source) return encoded.release();
    image = encoded;
    const { encode, preprocess } = encoded.timings;
    say(
      `${encoded.width}×${encoded.height}, ready in ${(encode + preprocess).toFixed(0)} ms. Click the thing you want.`,
    );
    refresh();
    segment();
    canvas.focus({ preventScroll: true });
    void encodeAhead(encode);
  } catch (error) {
    showError(error, "choose another picture, or reload the page.");
  } finally {
    showBusy(null);
  }
}

/** Encodes the next picture of the set, where that does not keep the person waiting. */
async function encodeAhead(milliseconds: number): Promise<void> {
  const next = milliseconds < 1000 ? await labels?.nextPicture() : null;
  if (!next || !segmenter || ahead?.id === next.id) return;
  const encoding = segmenter.setImage(next.picture);
  // what fails now is told when the picture is opened
  encoding.catch(() => undefined);
  ahead = { id: next.id, image: encoding };
}

async function openSample(file: string): Promise<void> {
  showBusy("Fetching the sample");
  const picture = await (await fetch(new URL(`samples/${file}`, document.baseURI))).blob();
  addPictures([{ name: file, blob: picture }]);
}

function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The mask, white on black, or the picture with all else transparent. */
async function saveMask(cutout: boolean): Promise<void> {
  if (!answer || !blob) return;
  const mask = answer.result.mask(answer.chosen);
  const picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const drawn = cutout ? cutOut(picture, mask, false) : drawMask(mask);
  save(cutout ? "cut-out.png" : "mask.png", await exportCanvas(drawn, "blob"));
}

function saveJson(): void {
  if (!answer) return;
  const mask = answer.result.mask(answer.chosen);
  const [score] = answer.result.scores.data.slice(answer.chosen);
  const annotation = { segmentation: encodeRle(mask), area: maskArea(mask), bbox: maskBox(mask), score };
  save("mask.json", new Blob([JSON.stringify(annotation, null, 2)], { type: "application/json" }));
}

// -- listening ------------------------------------------------------------------------------------

listen(canvas, view, {
  hover(x, y) {
    if (!image || stop || !isEmpty(history.current.marks) || clickMode() === "box" || isBrush()) return;
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
    const point = { x, y, positive: true };
    hovered = point;
    attempt(async () => {
      const result = await ask({ points: [point], box: null }, undefined);
      if (!result || hovered !== point || !isEmpty(history.current.marks)) return;
      const logits = result.maskInput();
      view.update({ mask: { data: logits.data, side: logits.dims[3] as number }, preview: true });
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
});

buttons.undo.addEventListener("click", () => step("undo"));
buttons.redo.addEventListener("click", () => step("redo"));
buttons.clear.addEventListener("click", () => clear());
buttons.mask.addEventListener("click", () => void saveMask(false));
buttons.cutout.addEventListener("click", () => void saveMask(true));
buttons.json.addEventListener("click", () => saveJson());
buttons.keep.addEventListener("click", () => keep());
buttons.addTo.addEventListener("click", () => combine("add"));
buttons.takeFrom.addEventListener("click", () => combine("subtract"));
buttons.everything.addEventListener("click", () => void everything());
element("cancel").addEventListener("click", () => stop?.abort());
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

addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const at = crosshair ?? (image ? { x: image.width / 2, y: image.height / 2 } : null);
  const actions: Record<string, () => void> = {
    ...(command
      ? { z: () => step(event.shiftKey ? "redo" : "undo"), y: () => step("redo") }
      : {
          "1": () => choose(0),
          "2": () => choose(1),
          "3": () => choose(2),
          k: keep,
          pageup: () => labels?.step(-1),
          pagedown: () => labels?.step(1),
          escape: () => (stop ? stop.abort() : clear()),
        }),
    ...(event.target === canvas && !command
      ? {
          arrowleft: () => moveCrosshair(-1, 0),
          arrowright: () => moveCrosshair(1, 0),
          arrowup: () => moveCrosshair(0, -1),
          arrowdown: () => moveCrosshair(0, 1),
          enter: () => at && addPoint(at.x, at.y, true),
          "-": () => at && addPoint(at.x, at.y, false),
        }
      : {}),
  };
  const typing = (event.target as HTMLElement).matches("input:not([type=radio], [type=checkbox]), select");
  const digit = event.shiftKey && /^Digit[1-9]$/.test(event.code) ? Number(event.code.at(-1)) : 0;
  const action = digit > 0 ? () => labels?.chooseClass(digit - 1) : actions[key];
  if (!action || (typing && key !== "escape")) return;
  event.preventDefault();
  action();
});

for (const id of ["file", "folder"]) {
  element<HTMLInputElement>(id).addEventListener("change", (event) => {
    const input = event.target as HTMLInputElement;
    const files = named(input.files ?? []);
    input.value = "";
    if (files.length > 0)
      addPictures(id === "folder" ? files.filter(({ blob: { type } }) => type.startsWith("image/")) : files);
  });
}
element("folder-label").addEventListener("click", (event) => {
  if (!("showDirectoryPicker" in window)) return;
  event.preventDefault();
  void pickFolder();
});

/** The pictures of a folder that the person picks, by the File System Access API. */
async function pickFolder(): Promise<void> {
  try {
    const folder = await (
      window as unknown as { showDirectoryPicker(): Promise<FileSystemDirectoryHandle> }
    ).showDirectoryPicker();
    const files: File[] = [];
    for await (const handle of folder.values()) {
      if (handle.kind === "file") files.push(await (handle as FileSystemFileHandle).getFile());
    }
    addPictures(named(files.sort((a, b) => a.name.localeCompare(b.name))));
  } catch (error) {
    if ((error as Error).name !== "AbortError") showError(error, "choose the pictures one by one.");
  }
}

element("camera").hidden = !hasCamera();
element("camera").addEventListener("click", () => {
  takePicture().then(
    (picture) =>
      picture && addPictures([{ name: `camera-${new Date().toISOString().replace(/\W/g, "-")}.jpg`, blob: picture }]),
    (error: unknown) => showError(error, "allow the camera, or choose a picture."),
  );
});
addEventListener("paste", (event) => {
  const files = named(event.clipboardData?.files ?? []).filter(({ blob: { type } }) => type.startsWith("image/"));
  if (files.length > 0) addPictures(files);
});
const stage = element("stage");
stage.addEventListener("dragover", (event) => {
  event.preventDefault();
  stage.classList.add("dropping");
});
stage.addEventListener("dragleave", () => stage.classList.remove("dropping"));
stage.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("dropping");
  drop(named(event.dataTransfer?.files ?? []));
});

/** Pictures are opened; a checkpoint becomes the model. */
function drop(files: readonly { name: string; blob: Blob }[]): void {
  const weights = files.filter(({ name }) => name.endsWith(".safetensors")).map(({ blob: content }) => content);
  const config = files.find(({ name }) => name === "config.json")?.blob;
  if (weights.length === 0) addPictures(files);
  else if (!config) showError("A checkpoint needs its config.json", "drop both files together.");
  else opening = openModel({ id: "dropped", config, weights });
}

element("samples").replaceChildren(
  ...SAMPLES.map(({ file, title }) => {
    const button = document.createElement("button");
    button.type = "button";
    const picture = document.createElement("img");
    picture.src = `samples/${file}`;
    picture.alt = title;
    picture.title = `${title}: facebookresearch/sam2, Apache-2.0`;
    button.append(picture);
    button.addEventListener("click", () => void openSample(file));
    return button;
  }),
);

// -- labels ---------------------------------------------------------------------------------------

let labels: Labels | undefined;
/** What was labeled at the last visit is there again. */
const labelsReady = Labels.open({
  open: (picture, labeled) => void open(picture, labeled),
  change: changeObjects,
  redraw: () => {
    showEditing();
    view.update({ objects: labels?.drawn() ?? [] });
  },
  fail: showError,
  save: ({ name, blob: content }) => save(name, content),
});
labelsReady.then(
  (ready) => {
    labels = ready;
    refresh();
  },
  (error: unknown) => showError(error, "labels cannot be kept in this browser; reload the page to try again."),
);
refresh();

// -- models ---------------------------------------------------------------------------------------

/** Opens a model in place of the one before; the picture is looked at again. */
function openModel(source: string | ModelFiles): Promise<Segmenter> {
  const before = segmenter;
  segmenter = undefined;
  image = undefined;
  ahead = null;
  showBusy("Opening the model");
  const opened = createSegmenter({ model: source === "sam2-mini" ? sam2Mini : source, onProgress: showProgress });
  opened.then(
    async (ready) => {
      segmenter = ready;
      const { device, model } = ready;
      showBusy(null);
      const threads = `${device.threads} ${device.threads === 1 ? "thread" : "threads"}`;
      element("model").textContent = device.encoder === "webgpu" ? "WebGPU" : `WASM, ${threads}`;
      element("model").title = device.reason;
      const where = element("model").textContent;
      say(`${model.id} is ready on ${where} (${device.reason}). ${blob ? "" : "Choose a picture."}`);
      // without a model before, a picture that was chosen early is waiting for this one already
      if (!before) return;
      await before.dispose();
      if (blob) await open(blob, labels?.current ?? null);
    },
    (error: unknown) => {
      showBusy(null);
      segmenter = before;
      showError(error, "choose another model, or reload the page to try again.");
    },
  );
  return opened;
}

const choice = element<HTMLSelectElement>("model-choice");
choice.replaceChildren(
  ...CATALOGUE.map(({ id, title, bytes, licence }) => {
    const option = new Option(`${title.replace(/ \(.*/, "")}, ${Math.round(bytes / 1e6)} MB`, id);
    option.title = `${title}, ${licence}`;
    return option;
  }),
);
choice.addEventListener("change", () => {
  opening = openModel(choice.value);
});

/** The model opens while the person chooses a picture. */
let opening = openModel(choice.value);

void workOffline(() => blob === undefined);
