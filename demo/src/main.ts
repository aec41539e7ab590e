/** The page: a picture, clicks, masks. */
import { sam2Mini } from "sam2-mini";
import {
  CATALOGUE,
  createSegmenter,
  encodeRle,
  maskArea,
  maskBox,
  type OpenProgress,
  type Segmenter,
  type SegmenterImage,
  type SegmentPrompt,
  type SegmentResult,
  type Tensor,
} from "sam2-web";
import { listen } from "./pointer.ts";
import { History, isEmpty, type Marks, NO_MARKS, type Point, toPrompt } from "./prompts.ts";
import { View } from "./view.ts";

const SAMPLES = [
  { file: "truck.jpg", title: "A pick-up truck" },
  { file: "groceries.jpg", title: "Groceries" },
  { file: "cars.jpg", title: "Cars" },
];

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

const canvas = element<HTMLCanvasElement>("canvas");
const view = new View(canvas);
const buttons = {
  undo: element<HTMLButtonElement>("undo"),
  redo: element<HTMLButtonElement>("redo"),
  clear: element<HTMLButtonElement>("clear"),
  mask: element<HTMLButtonElement>("save-mask"),
  cutout: element<HTMLButtonElement>("save-cutout"),
  json: element<HTMLButtonElement>("save-json"),
};

/** What the person sees: a history of marks, and the answer to the current ones. */
let segmenter: Segmenter | undefined;
let image: SegmenterImage | undefined;
let blob: Blob | undefined;
let history = new History<Marks>(NO_MARKS);
let answer: { result: SegmentResult; chosen: number } | undefined;
/** Logits of the mask that the next click refines, by the marks that it belongs to. */
const refined = new WeakMap<Marks, Tensor>();
/** Where the pointer is, while it shows a preview. */
let hovered: Point | null = null;
let crosshair: { x: number; y: number } | null = null;

// -- status ---------------------------------------------------------------------------------------

function say(text: string): void {
  element("status").textContent = text;
}

function showBusy(text: string | null, share?: number): void {
  element("busy").hidden = text === null;
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
  const marks = history.current;
  buttons.undo.disabled = !history.canUndo;
  buttons.redo.disabled = !history.canRedo;
  buttons.clear.disabled = isEmpty(marks);
  for (const button of [buttons.mask, buttons.cutout, buttons.json]) button.disabled = !answer;
  const logits = answer?.result.maskInput(answer.chosen);
  view.update({
    marks,
    crosshair,
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
  refined.set(history.current, answer.result.maskInput(index));
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
  const marks = history.current;
  answer = undefined;
  if (isEmpty(marks)) {
    refresh();
    return;
  }
  view.update({ marks, rubberBand: null });
  attempt(async () => {
    const result = await ask(marks, before);
    if (!result || marks !== history.current) return;
    answer = { result, chosen: 0 };
    refined.set(marks, result.maskInput(0));
    refresh();
    say(`Mask with score ${(result.scores.data[0] as number).toFixed(2)} in ${result.decodeTime.toFixed(0)} ms`);
  });
}

function mark(marks: Marks): void {
  const before = refined.get(history.current);
  history.push(marks);
  refresh();
  segment(before);
}

function addPoint(x: number, y: number, positive: boolean): void {
  if (!image || x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  const { points, box } = history.current;
  mark({ points: [...points, { x, y, positive }], box });
}

function clickMode(): string {
  return document.querySelector<HTMLInputElement>("input[name=mode]:checked")?.value ?? "add";
}

// -- pictures -------------------------------------------------------------------------------------

async function open(source: Blob): Promise<void> {
  element("error").hidden = true;
  try {
    const picture = await createImageBitmap(source, { imageOrientation: "from-image" });
    element("welcome").hidden = true;
    history = new History<Marks>(NO_MARKS);
    answer = undefined;
    crosshair = null;
    blob = source;
    view.show(picture);
    refresh();
    showBusy("Looking at the picture");
    const old = image;
    image = undefined;
    await old?.release();
    segmenter ??= await opening;
    showBusy("Looking at the picture");
    const encoded = await segmenter.setImage(source);
    if (blob !== source) return encoded.release();
    image = encoded;
    const { encode, preprocess } = encoded.timings;
    say(
      `${encoded.width}×${encoded.height}, ready in ${(encode + preprocess).toFixed(0)} ms. Click the thing you want.`,
    );
    segment();
    canvas.focus({ preventScroll: true });
  } catch (error) {
    showError(error, "choose another picture, or reload the page.");
  } finally {
    showBusy(null);
  }
}

async function openSample(file: string): Promise<void> {
  showBusy("Fetching the sample");
  await open(await (await fetch(new URL(`samples/${file}`, document.baseURI))).blob());
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
  const { data, width, height } = answer.result.mask(answer.chosen);
  const out = new OffscreenCanvas(width, height);
  const context = out.getContext("2d");
  if (!context) return;
  if (cutout) context.drawImage(await createImageBitmap(blob, { imageOrientation: "from-image" }), 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  for (let i = 0; i < data.length; i++) {
    if (cutout) pixels.data[4 * i + 3] = 255 * (data[i] as number);
    else pixels.data.set(data[i] ? [255, 255, 255, 255] : [0, 0, 0, 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  save(cutout ? "cut-out.png" : "mask.png", await out.convertToBlob());
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
    if (!image || !isEmpty(history.current) || clickMode() === "box") return;
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
    const point = { x, y, positive: true };
    hovered = point;
    attempt(async () => {
      const result = await ask({ points: [point], box: null }, undefined);
      if (!result || hovered !== point || !isEmpty(history.current)) return;
      const logits = result.maskInput();
      view.update({ mask: { data: logits.data, side: logits.dims[3] as number }, preview: true });
    });
  },
  leave() {
    hovered = null;
    if (isEmpty(history.current)) view.update({ mask: null });
  },
  click(x, y, remove) {
    addPoint(x, y, !(remove || clickMode() === "remove"));
  },
  drag(from, to, done) {
    if (!image) return;
    const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
    const [x1, x2] = [from.x, to.x].map((x) => clamp(x, image?.width ?? 0)).sort((a, b) => a - b) as [number, number];
    const [y1, y2] = [from.y, to.y].map((y) => clamp(y, image?.height ?? 0)).sort((a, b) => a - b) as [number, number];
    if (!done) return view.update({ rubberBand: [x1, y1, x2, y2] });
    if (x2 - x1 < 1 || y2 - y1 < 1) return view.update({ rubberBand: null });
    mark({ points: history.current.points, box: [x1, y1, x2, y2] });
  },
});

buttons.undo.addEventListener("click", () => step("undo"));
buttons.redo.addEventListener("click", () => step("redo"));
buttons.clear.addEventListener("click", () => clear());
buttons.mask.addEventListener("click", () => void saveMask(false));
buttons.cutout.addEventListener("click", () => void saveMask(true));
buttons.json.addEventListener("click", () => saveJson());
element("fit").addEventListener("click", () => view.fit());
element("actual").addEventListener("click", () => view.actual());
element("zoom-in").addEventListener("click", () => view.zoom(1.4));
element("zoom-out").addEventListener("click", () => view.zoom(1 / 1.4));

function step(direction: "undo" | "redo"): void {
  history[direction]();
  refresh();
  segment();
}

function clear(): void {
  if (isEmpty(history.current)) return;
  history.push(NO_MARKS);
  segment();
  say("Cleared.");
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
      : { "1": () => choose(0), "2": () => choose(1), "3": () => choose(2), escape: clear }),
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
  const action = actions[key];
  if (!action) return;
  event.preventDefault();
  action();
});

element<HTMLInputElement>("file").addEventListener("change", (event) => {
  const [file] = (event.target as HTMLInputElement).files ?? [];
  if (file) void open(file);
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
  if (file) void open(file);
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
  const [file] = event.dataTransfer?.files ?? [];
  if (file) void open(file);
});

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
refresh();

// -- models ---------------------------------------------------------------------------------------

/** Opens a model in place of the one before; the picture is looked at again. */
function openModel(id: string): Promise<Segmenter> {
  const before = segmenter;
  segmenter = undefined;
  image = undefined;
  showBusy("Opening the model");
  const opened = createSegmenter({ model: id === "sam2-mini" ? sam2Mini : id, onProgress: showProgress });
  opened.then(
    async (ready) => {
      segmenter = ready;
      const { device, model } = ready;
      showBusy(null);
      const threads = `${device.threads} ${device.threads === 1 ? "thread" : "threads"}`;
      element("model").textContent = device.encoder === "webgpu" ? "WebGPU" : `WASM, ${threads}`;
      element("model").title = device.reason;
      say(`${model.id} is ready. ${blob ? "" : "Choose a picture."}`);
      // without a model before, a picture that was chosen early is waiting for this one already
      if (!before) return;
      await before.dispose();
      if (blob) await open(blob);
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
