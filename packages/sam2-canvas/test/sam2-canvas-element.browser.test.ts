/** `<sam2-canvas>` with a real segmenter: from clicks to a form's data. */
import axe from "axe-core";
import { NO_PROMPTS, type Sam2CanvasElement } from "sam2-canvas";
import "sam2-canvas/define";
import { createSegmenter, decodeRle, encodeRle, isSam2Error, maskIou, rleArea, type Segmenter } from "sam2-web";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

const FILES = import.meta.glob<string>("../../../models/reference/fixtures/{toy,photo}/*", {
  query: "?url",
  import: "default",
  eager: true,
});

function address(name: string): string {
  return Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1] ?? expect.fail(`no fixture ${name}`);
}

async function fixture(name: string): Promise<Blob> {
  return (await fetch(address(name))).blob();
}

let segmenter: Segmenter;
let photo: Blob;
beforeAll(async () => {
  photo = await fixture("photo/truck.png");
  const config = await fixture("toy/config.json");
  const weights = [await fixture("toy/model.safetensors")];
  segmenter = await createSegmenter({ device: "wasm", model: { id: "toy", config, weights } });
});
afterAll(() => segmenter.dispose());
afterEach(() => document.body.replaceChildren());

/** Puts HTML into the page; its `<sam2-canvas>` gets the segmenter. */
function show(html: string): Sam2CanvasElement {
  document.body.innerHTML = `<main>${html}</main>`;
  const canvas = document.querySelector("sam2-canvas") ?? expect.fail("no element");
  canvas.style.width = "400px";
  canvas.segmenter = segmenter;
  return canvas;
}

async function ready(canvas: Sam2CanvasElement): Promise<Sam2CanvasElement> {
  if (!canvas.hasAttribute("src")) canvas.image = photo;
  await expect.poll(() => canvas.state, { timeout: 20_000 }).toBe("ready");
  return canvas;
}

/** A mask of the photograph's size, as a value. */
async function savedMask(): Promise<string> {
  const { width, height } = await createImageBitmap(photo);
  const data = new Uint8Array(width * height).fill(1, 5 * width, 20 * width);
  return JSON.stringify(encodeRle({ data, width, height }));
}

function sent(): FormDataEntryValue | null {
  return new FormData(document.querySelector("form") as HTMLFormElement).get("object");
}

function clearButton(canvas: Sam2CanvasElement): HTMLButtonElement {
  return canvas.shadowRoot?.querySelector('[aria-label="Clear"]') ?? expect.fail("no button");
}

/** Moves the mouse over the middle of the picture, and leaves it once there is a preview. */
async function hoverAndLeave(canvas: Sam2CanvasElement): Promise<void> {
  const target = canvas.view?.element ?? expect.fail("no view");
  const { left, top } = target.getBoundingClientRect();
  const at = { clientX: left + 200, clientY: top + 150, pointerType: "mouse" };
  target.dispatchEvent(new PointerEvent("pointermove", at));
  await expect.poll(() => [canvas.view?.scene.isPreview, canvas.view?.scene.mask !== null]).toEqual([true, true]);
  target.dispatchEvent(new PointerEvent("pointerleave", { pointerType: "mouse" }));
}

/** Presses and releases a pointer at image pixels. */
function click(canvas: Sam2CanvasElement, x: number, y: number, more: PointerEventInit = {}): void {
  const view = canvas.view ?? expect.fail("no view");
  const { left, top } = view.element.getBoundingClientRect();
  const { scale, left: dx, top: dy } = view.viewport;
  const at = { clientX: left + x * scale + dx, clientY: top + y * scale + dy, pointerId: 1, pointerType: "mouse" };
  view.element.dispatchEvent(new PointerEvent("pointerdown", { ...at, buttons: 1, ...more }));
  view.element.dispatchEvent(new PointerEvent("pointerup", { ...at, ...more }));
}

const answered = async (canvas: Sam2CanvasElement): Promise<unknown> =>
  expect.poll(() => canvas.answer !== null && canvas.state === "ready").toBe(true);

function buttonOf(canvas: Sam2CanvasElement, label: string): HTMLButtonElement {
  const all = [...(canvas.shadowRoot?.querySelectorAll("button") ?? [])];
  return all.find(({ ariaLabel }) => ariaLabel === label) ?? expect.fail(`no button ${label}`);
}

test("from plain HTML: a click gives a mask, and the form has it", async () => {
  const canvas = await ready(
    show(`<form><sam2-canvas name="object" src="${address("photo/truck.png")}"></sam2-canvas></form>`),
  );
  const form = document.querySelector("form") as HTMLFormElement;
  expect(new FormData(form).has("object")).toBe(false);
  const changed = new Promise((resolve) => canvas.addEventListener("change", resolve));
  click(canvas, 100, 60);
  await changed;
  const result = await segmenter.segment({ image: photo, point_coords: [[100, 60]], point_labels: [1] });
  const value = new FormData(form).get("object") as string;
  expect(value).toBe(canvas.value);
  expect(rleArea(JSON.parse(value))).toBeGreaterThan(0);
  // the click is at a whole pixel of the screen, not quite at 100, 60
  expect(maskIou(decodeRle(JSON.parse(value)), result.mask())).toBeGreaterThan(0.95);
  form.reset();
  expect([new FormData(form).has("object"), canvas.prompts]).toEqual([false, NO_PROMPTS]);
});

test("value-as png: the form has a picture of the mask", async () => {
  const canvas = await ready(show('<form><sam2-canvas name="object" value-as="png"></sam2-canvas></form>'));
  click(canvas, 100, 60);
  const form = document.querySelector("form") as HTMLFormElement;
  await expect.poll(() => new FormData(form).get("object")).toBeInstanceOf(File);
  const bitmap = await createImageBitmap(new FormData(form).get("object") as File);
  expect([bitmap.width, bitmap.height]).toEqual([canvas.view?.pictureSize?.width, canvas.view?.pictureSize?.height]);
});

test("prompts: points, a box by touch, undo and redo by keys, a mark that is taken away", async () => {
  const canvas = await ready(show("<sam2-canvas></sam2-canvas>"));
  click(canvas, 100, 60);
  await answered(canvas);
  click(canvas, 20, 20, { button: 2, buttons: 2 });
  expect(canvas.prompts.points.map(({ positive }) => positive)).toEqual([true, false]);
  const target = canvas.view?.element ?? expect.fail("no view");
  const key = (init: KeyboardEventInit): boolean =>
    target.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, composed: true, ...init }));
  key({ key: "z", ctrlKey: true });
  expect(canvas.prompts.points).toHaveLength(1);
  key({ key: "z", ctrlKey: true, shiftKey: true });
  expect(canvas.prompts.points).toHaveLength(2);
  // 20 pixels from the mark: near enough for a finger
  click(canvas, 20 + 14 / (canvas.view?.viewport.scale ?? 1), 20, { pointerType: "touch" });
  expect(canvas.prompts.points).toHaveLength(1);
  key({ key: "Escape" });
  expect(canvas.prompts).toEqual(NO_PROMPTS);
  await expect.poll(() => [canvas.answer, canvas.value]).toEqual([null, ""]);
});

test("a listener refuses a change; setting it later makes it, and undo still works", async () => {
  const canvas = await ready(show("<sam2-canvas></sam2-canvas>"));
  const asked: unknown[] = [];
  canvas.addEventListener("promptschange", (event) => {
    asked.push(event.detail);
    event.preventDefault();
  });
  click(canvas, 100, 60);
  expect([canvas.prompts, asked.length]).toEqual([NO_PROMPTS, 1]);
  canvas.prompts = asked[0] as typeof canvas.prompts;
  await answered(canvas);
  canvas.session?.undo();
  expect(canvas.prompts.points).toHaveLength(1);
  canvas.prompts = asked[1] as typeof canvas.prompts;
  expect([canvas.prompts, canvas.session?.canUndo, canvas.session?.canRedo]).toEqual([NO_PROMPTS, false, true]);
});

test("hovering shows what a click would give; leaving ends it", async () => {
  const canvas = await ready(show("<sam2-canvas></sam2-canvas>"));
  await hoverAndLeave(canvas);
  expect([canvas.view?.scene.mask, canvas.value]).toEqual([null, ""]);
});

test("a value that was set is shown and sent: when its picture comes, after a preview, and after an undo", async () => {
  const saved = await savedMask();
  const canvas = show('<form><sam2-canvas name="object"></sam2-canvas></form>');
  canvas.image = photo;
  canvas.value = saved;
  const seen = (): unknown[] => [canvas.view?.scene.mask, canvas.value, sent()];
  const kept = [JSON.parse(saved), saved, saved];
  await ready(canvas);
  expect(seen()).toEqual(kept);
  await hoverAndLeave(canvas);
  expect(seen()).toEqual(kept);
  click(canvas, 100, 60);
  await answered(canvas);
  expect(canvas.value).not.toBe(saved);
  canvas.session?.undo();
  await expect.poll(seen).toEqual(kept);
  canvas.remove();
  await Promise.resolve();
  document.querySelector("form")?.append(canvas);
  await ready(canvas);
  expect(seen()).toEqual(kept);
  canvas.value = "";
  expect(seen()).toEqual([null, "", null]);
});

test("clearing takes a value that was set away with the prompts, before there is an answer too", async () => {
  const canvas = await ready(show('<form><sam2-canvas name="object"></sam2-canvas></form>'));
  const saved = await savedMask();
  for (const settled of [answered, async () => undefined]) {
    canvas.value = saved;
    click(canvas, 100, 60);
    await settled(canvas);
    canvas.session?.clear();
    await expect.poll(() => [canvas.view?.scene.mask, canvas.value, sent()]).toEqual([null, "", null]);
    canvas.session?.undo();
    expect(canvas.prompts.points).toHaveLength(1);
  }
});

test.each<[string, (canvas: Sam2CanvasElement) => void]>([
  ["the button", (canvas) => clearButton(canvas).click()],
  ["Escape", ({ view }) => void view?.element.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }))],
  ["clear", ({ session }) => session?.clear()],
])("a value that was set is taken away without prompts: %s", async (_, clear) => {
  const canvas = show('<form><sam2-canvas name="object" controls></sam2-canvas></form>');
  canvas.image = photo;
  canvas.value = await savedMask();
  await ready(canvas);
  canvas.disabled = true;
  clear(canvas);
  expect([canvas.view?.scene.mask === null, canvas.value === "", clearButton(canvas).disabled]).toEqual([
    false,
    false,
    true,
  ]);
  canvas.disabled = false;
  expect(clearButton(canvas).disabled).toBe(false);
  let changes = 0;
  canvas.addEventListener("change", () => changes++);
  clear(canvas);
  await expect.poll(() => changes).toBe(1);
  expect([canvas.view?.scene.mask, canvas.value, sent(), clearButton(canvas).disabled]).toEqual([null, "", null, true]);
});

test("value-as png: a value that was set is sent as a picture", async () => {
  const canvas = show('<form><sam2-canvas name="object" value-as="png"></sam2-canvas></form>');
  canvas.image = photo;
  canvas.value = await savedMask();
  await expect.poll(sent).toBeInstanceOf(File);
  const bitmap = await createImageBitmap(sent() as File);
  expect([bitmap.height, bitmap.width]).toEqual(JSON.parse(canvas.value).size);
});

test("a value is of its picture: of the first that comes, and not of the next", async () => {
  const saved = await savedMask();
  const canvas = show('<form><sam2-canvas name="object"></sam2-canvas></form>');
  canvas.value = saved;
  canvas.image = photo;
  await ready(canvas);
  expect([canvas.view?.scene.mask, canvas.value]).toEqual([JSON.parse(saved), saved]);
  canvas.image = photo.slice();
  expect([canvas.view?.scene.mask, canvas.value, sent()]).toEqual([null, "", null]);
  canvas.value = saved;
  canvas.remove();
  await Promise.resolve();
  canvas.image = photo;
  expect(canvas.value).toBe("");
  document.querySelector("form")?.append(canvas);
  await ready(canvas);
  expect([canvas.view?.scene.mask, canvas.value, sent()]).toEqual([null, "", null]);
});

test("the toolbar: what can be done, with targets of 44 pixels", async () => {
  const canvas = await ready(show("<sam2-canvas controls></sam2-canvas>"));
  const enabled = (...labels: string[]): boolean[] => labels.map((label) => !buttonOf(canvas, label).disabled);
  expect(enabled("Undo", "Redo", "Clear", "Fit")).toEqual([false, false, false, true]);
  buttonOf(canvas, "Points that do not belong to it").click();
  expect(canvas.tool).toBe("remove");
  click(canvas, 100, 60);
  expect(canvas.prompts.points[0]?.positive).toBe(false);
  expect(enabled("Undo", "Clear")).toEqual([true, true]);
  buttonOf(canvas, "Undo").click();
  expect(enabled("Undo", "Redo")).toEqual([false, true]);
  for (const button of canvas.shadowRoot?.querySelectorAll("button") ?? []) {
    const { width, height } = button.getBoundingClientRect();
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(44);
  }
  const before = canvas.view?.viewport.scale ?? 0;
  buttonOf(canvas, "Zoom in").click();
  expect(canvas.view?.viewport.scale).toBeCloseTo(before * 1.5, 9);
});

test("the toolbar follows the prompts while there is no segmenter yet", async () => {
  const canvas = show("<sam2-canvas controls></sam2-canvas>");
  canvas.segmenter = null;
  canvas.image = photo;
  await expect.poll(() => canvas.view?.pictureSize ?? null).not.toBeNull();
  const enabled = (): boolean[] => ["Undo", "Clear"].map((label) => !buttonOf(canvas, label).disabled);
  click(canvas, 100, 60);
  expect([canvas.state, enabled()]).toEqual(["waiting", [true, true]]);
  canvas.image = photo.slice();
  expect([canvas.state, enabled()]).toEqual(["waiting", [false, false]]);
});

test("properties that are set to undefined, as frameworks take them away, are as if they were never set", async () => {
  const canvas = show("<sam2-canvas></sam2-canvas>");
  const told: Error[] = [];
  canvas.addEventListener("segmenterror", ({ detail }) => told.push(detail));
  for (const gone of [undefined, null]) {
    Object.assign(canvas, { tool: "pan", name: "object", disabled: true });
    expect([canvas.tool, canvas.name, canvas.disabled]).toEqual(["pan", "object", true]);
    for (const _ of "twice") Object.assign(canvas, { tool: gone, name: gone, disabled: gone });
    expect([canvas.tool, canvas.name, canvas.disabled]).toEqual(["add", "", false]);
    expect(canvas.getAttributeNames()).toEqual(["style"]);
  }
  await new Promise((resolve) => setTimeout(resolve));
  expect(told).toEqual([]);
});

test("disabled, by itself or by its fieldset: it can be looked at, and not changed", async () => {
  const canvas = await ready(show("<form><fieldset><sam2-canvas></sam2-canvas></fieldset></form>"));
  const fieldset = document.querySelector("fieldset") as HTMLFieldSetElement;
  fieldset.disabled = true;
  click(canvas, 100, 60);
  fieldset.disabled = false;
  canvas.disabled = true;
  click(canvas, 100, 60);
  expect(canvas.prompts).toEqual(NO_PROMPTS);
  canvas.disabled = false;
  click(canvas, 100, 60);
  expect(canvas.prompts.points).toHaveLength(1);
});

test("required: invalid until there is a mask", async () => {
  const canvas = await ready(show("<form><sam2-canvas name=object required></sam2-canvas></form>"));
  const form = document.querySelector("form") as HTMLFormElement;
  expect([form.checkValidity(), canvas.validity.valueMissing]).toEqual([false, true]);
  canvas.value = '{"size":[2,2],"counts":"13"}';
  expect(form.checkValidity()).toBe(true);
});

test.each(["nonsense", '{"size":[2,2],"counts":"9"}'])("the value %s is refused, and the one before stays", (bad) => {
  const canvas = show("<sam2-canvas></sam2-canvas>");
  canvas.value = '{"size":[2,2],"counts":"13"}';
  expect(() => {
    canvas.value = bad;
  }).toThrow(expect.objectContaining({ name: "InvalidMaskError" }));
  expect(canvas.value).toBe('{"size":[2,2],"counts":"13"}');
});

test("a moved element keeps its prompts; one that is taken out and put back too", async () => {
  const canvas = await ready(show("<sam2-canvas></sam2-canvas>"));
  click(canvas, 100, 60);
  const { prompts, view } = canvas;
  const other = document.body.appendChild(document.createElement("div"));
  other.append(canvas);
  await Promise.resolve();
  expect([canvas.prompts, canvas.view]).toEqual([prompts, view]);
  canvas.remove();
  await Promise.resolve();
  expect(canvas.view).toBeNull();
  other.append(canvas);
  expect(canvas.prompts).toEqual(prompts);
  await answered(canvas);
});

test("an element that is taken out releases its image", async () => {
  const canvas = await ready(show("<sam2-canvas></sam2-canvas>"));
  const image = canvas.session?.image ?? expect.fail("no image");
  canvas.remove();
  await Promise.resolve();
  const late = segmenter.segment({ image, point_coords: [[9, 9]], point_labels: [1] });
  await expect(late).rejects.toSatisfy((error) => isSam2Error(error, "ImageReleasedError"));
});

test.each<[string, string, string]>([
  ["a picture that is none", 'src="data:text/plain,nothing"', "InvalidImageError"],
  ["a picture that is not there", 'src="/no-such-picture.png?404"', "InvalidImageError"],
  ["a host that does not answer", 'src="http://127.0.0.1:9/picture.png"', "InvalidImageError"],
])("%s: an event with a named error", async (_, attributes, name) => {
  const told = new Promise<Error>((resolve) => {
    const canvas = show("<sam2-canvas></sam2-canvas>");
    canvas.addEventListener("segmenterror", (event) => resolve(event.detail));
    const [attribute, value] = attributes.split(/=(.*)/) as [string, string];
    canvas.setAttribute(attribute, value.slice(1, -1));
  });
  expect((await told).name).toBe(name);
});

test("elements without a segmenter open one together; where its model is not there, each is told", async () => {
  const OriginalWorker = globalThis.Worker;
  let started = 0;
  globalThis.Worker = class extends OriginalWorker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      started++;
    }
  };
  document.body.innerHTML = '<sam2-canvas model="/none/model.json"></sam2-canvas>'.repeat(2);
  const told = [...document.querySelectorAll("sam2-canvas")].map((canvas) => {
    canvas.image = photo;
    return new Promise<string>((resolve) =>
      canvas.addEventListener("segmenterror", ({ detail }) => resolve(detail.name)),
    );
  });
  const names = await Promise.all(told);
  globalThis.Worker = OriginalWorker;
  expect([names[0], started]).toEqual([names[1], 1]);
  expect(names[0]).toMatch(/DownloadError|InvalidModelError/);
});

test("axe finds nothing wrong, with and without a mask", async () => {
  const canvas = await ready(show('<h1>Picture</h1><sam2-canvas controls label="A truck"></sam2-canvas>'));
  const wrong = async (): Promise<string[]> => (await axe.run("main")).violations.map(({ id }) => id);
  expect(await wrong()).toEqual([]);
  click(canvas, 100, 60);
  await answered(canvas);
  expect(await wrong()).toEqual([]);
});

test("a strict Content-Security-Policy is kept", async () => {
  const violations: string[] = [];
  document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => violations.push(violatedDirective));
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "style-src 'self'";
  document.head.append(policy);
  const canvas = await ready(show("<sam2-canvas controls></sam2-canvas>"));
  click(canvas, 100, 60);
  await answered(canvas);
  expect(getComputedStyle(buttonOf(canvas, "Fit")).width).toBe("44px");
  expect(violations).toEqual([]);
  document.body.innerHTML = '<p style="color: red">forbidden</p>';
  await expect.poll(() => violations).toEqual(["style-src-attr"]);
});

test.each([
  ["tool", "lasso", "add, remove, box, pan"],
  ["previews", "false", "on, off"],
  ["value-as", "jpeg", "rle, png"],
])("an attribute with a value that it cannot have is told: %s", async (name, value, expected) => {
  const told: Error[] = [];
  const canvas = show(`<sam2-canvas ${name}="${value}"></sam2-canvas>`);
  canvas.addEventListener("segmenterror", ({ detail }) => told.push(detail));
  const message = `${name}: expected ${expected}, got "${value}"`;
  await expect.poll(() => told.map((error) => [error.name, error.message])).toEqual([["InvalidPromptError", message]]);
  for (const right of [...expected.split(", "), ""]) canvas.setAttribute(name, right);
  canvas.removeAttribute(name);
  canvas.setAttribute(name, `${value}!`);
  await expect.poll(() => told.length).toBe(2);
  expect(canvas.tool).toBe("add");
});
