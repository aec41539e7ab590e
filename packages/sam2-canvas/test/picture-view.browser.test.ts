/** A picture on a real canvas: what is drawn where, what pointers and keys say, and what is left after it. */
import axe from "axe-core";
import { PictureView, type PictureViewEvents, type ShownObject } from "sam2-canvas";
import type { Mask } from "sam2-web";
import { afterEach, beforeEach, expect, test } from "vitest";

/** Left half red, right half blue. */
async function picture(width = 200, height = 100): Promise<ImageBitmap> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") ?? expect.fail("no canvas");
  context.fillStyle = "#ff0000";
  context.fillRect(0, 0, width / 2, height);
  context.fillStyle = "#0000ff";
  context.fillRect(width / 2, 0, width / 2, height);
  return createImageBitmap(canvas);
}

/** A mask of a rectangle. */
function rectangle([x1, y1, x2, y2]: readonly number[], width = 200, height = 100): Mask {
  const data = new Uint8Array(width * height);
  for (let y = y1 as number; y < (y2 as number); y++)
    data.fill(1, y * width + (x1 as number), y * width + (x2 as number));
  return { data, width, height };
}

let host: HTMLElement;
let view: PictureView;
beforeEach(async () => {
  host = document.createElement("main");
  host.style.width = "400px";
  host.style.height = "300px";
  document.body.append(host);
  view = new PictureView(host, { label: "Two halves" });
  view.show(await picture());
  view.viewport = { scale: 2, left: 0, top: 50 };
});
afterEach(() => {
  view.dispose();
  host.remove();
});

const frame = (): Promise<unknown> =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

/** The color that a person sees at view coordinates: R, G, B. */
async function seen(x: number, y: number): Promise<number[]> {
  await frame();
  const all = [...view.element.querySelectorAll("canvas")];
  const { width, height } = all[0] as HTMLCanvasElement;
  const flat = new OffscreenCanvas(width, height);
  const context = flat.getContext("2d") ?? expect.fail("no canvas");
  for (const canvas of all) context.drawImage(canvas, 0, 0);
  return [...context.getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data].slice(0, 3);
}

/** Sends pointer events to the view, at view coordinates. */
function point(type: string, x: number, y: number, more: PointerEventInit = {}): void {
  const { left, top } = view.element.getBoundingClientRect();
  const init = { clientX: left + x, clientY: top + y, pointerId: 1, pointerType: "mouse", bubbles: true, ...more };
  view.element.dispatchEvent(new PointerEvent(type, init));
}

/** @returns whether the key is left to the page */
function press(key: string, more: KeyboardEventInit = {}): boolean {
  return view.element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}

/** What the view says from now on. */
function heard<Name extends keyof PictureViewEvents>(name: Name): PictureViewEvents[Name][] {
  const all: PictureViewEvents[Name][] = [];
  view.on(name, (detail) => all.push(detail));
  return all;
}

test.each([
  ["the red half", 100, 150, [255, 0, 0]],
  ["the blue half", 300, 150, [0, 0, 255]],
  ["the edge between them is sharp", 199, 150, [255, 0, 0]],
])("%s", async (_, x, y, color) => {
  expect(await seen(x, y)).toEqual(color);
});

test("a mask is drawn over the picture, with its edge, at the screen's resolution", async () => {
  const mask = rectangle([50, 25, 150, 75]);
  view.update({ mask, color: "rgb(0 255 0)", opacity: 0.5 });
  expect(await seen(150, 150)).toEqual([127, 128, 0]);
  expect(await seen(100, 150)).toEqual([0, 255, 0]);
  expect(await seen(96, 150)).toEqual([255, 0, 0]);
  view.update({ mask: null });
  expect(await seen(150, 150)).toEqual([255, 0, 0]);
});

test("objects are drawn in order, and the topmost is found", async () => {
  const object = (id: string, box: number[], more: Partial<ShownObject> = {}): ShownObject => ({
    id,
    mask: rectangle(box),
    color: id === "low" ? "#00ff00" : "#ffff00",
    ...more,
  });
  const objects = [object("low", [10, 10, 60, 60]), object("high", [40, 40, 90, 90])];
  view.update({ objects, opacity: 1 });
  await frame();
  expect([view.objectAt({ x: 50, y: 50 }), view.objectAt({ x: 20, y: 20 }), view.objectAt({ x: 5, y: 5 })]).toEqual([
    "high",
    "low",
    null,
  ]);
  for (const more of [{ hidden: true }, { locked: true }]) {
    view.update({ objects: [object("low", [10, 10, 60, 60]), object("high", [40, 40, 90, 90], more)] });
    expect(view.objectAt({ x: 50, y: 50 })).toBe("low");
  }
  view.update({ objects: [object("low", [10, 10, 60, 60], { hidden: true })] });
  expect(await seen(50, 100)).toEqual([255, 0, 0]);
});

test.each<[string, Partial<ShownObject>, number[]]>([
  ["lies under the one after it", {}, [0, 0, 255]],
  ["lies over it while it is selected", { selected: true }, [0, 255, 0]],
  ["lies over it while it is highlighted", { highlighted: true }, [0, 255, 0]],
])("the first of two objects %s; a click where both are finds the later one", async (_, more, color) => {
  view.update({
    objects: [
      { id: "first", mask: rectangle([10, 10, 60, 60]), color: "#00ff00", ...more },
      { id: "later", mask: rectangle([40, 40, 90, 90]), color: "#0000ff" },
    ],
    opacity: 1.25,
  });
  expect(await seen(100, 150)).toEqual(color);
  expect(view.objectAt({ x: 50, y: 50 })).toBe("later");
});

test.each<[string, Partial<ShownObject>, number[]]>([
  ["a selected object has a white line along its edge", { selected: true }, [255, 255, 255]],
  ["another one has none", {}, [255, 0, 0]],
])("%s", async (_, more, color) => {
  view.update({ objects: [{ id: "a", mask: rectangle([50, 25, 150, 75]), color: "#00ff00", ...more }] });
  expect(await seen(98, 150)).toEqual(color);
});

test.each<[string, PointerEventInit, boolean]>([
  ["main button", {}, true],
  ["secondary button", { button: 2, buttons: 2 }, false],
  ["main button with Alt", { altKey: true }, false],
])("a click with the %s, in image pixels", (_, more, positive) => {
  const clicks = heard("click");
  point("pointerdown", 100, 150, { buttons: 1, ...more });
  point("pointerup", 100, 150, more);
  expect(clicks).toMatchObject([{ x: 50, y: 50, positive, pointerType: "mouse" }]);
});

test("a drag, and one that Escape ends", () => {
  const [starts, ends, cancels] = [heard("dragstart"), heard("dragend"), heard("dragcancel")];
  point("pointerdown", 20, 60, { buttons: 1 });
  point("pointermove", 60, 80, { buttons: 1 });
  point("pointerup", 100, 90);
  expect(starts).toMatchObject([{ x: 10, y: 5 }]);
  expect(ends).toMatchObject([{ from: { x: 10, y: 5 }, at: { x: 50, y: 20 } }]);
  point("pointerdown", 20, 60, { buttons: 1 });
  point("pointermove", 60, 80, { buttons: 1 });
  press("Escape");
  point("pointerup", 100, 90);
  expect([ends.length, cancels.length]).toEqual([1, 1]);
});

test("the tool that moves the picture stays without the focus; the space bar moves it while it is down", () => {
  const starts = heard("dragstart");
  const blur = (): unknown => view.element.dispatchEvent(new FocusEvent("blur"));
  const startsDrag = (): boolean => {
    starts.length = 0;
    point("pointerdown", 20, 60, { buttons: 1 });
    point("pointermove", 60, 80, { buttons: 1 });
    point("pointerup", 60, 80);
    return starts.length > 0;
  };
  view.isPanning = true;
  blur();
  expect([startsDrag(), view.isPanning]).toEqual([false, true]);
  press(" ", { code: "Space" });
  view.isPanning = false;
  expect(startsDrag()).toBe(false);
  blur();
  expect([startsDrag(), view.isPanning]).toEqual([true, false]);
  press(" ", { code: "Space" });
  expect(startsDrag()).toBe(false);
  view.element.dispatchEvent(new KeyboardEvent("keyup", { code: "Space" }));
  expect(startsDrag()).toBe(true);
});

test("in a page that is scaled, places are where they are seen", () => {
  Object.assign(host.style, { transformOrigin: "0 0", transform: "scale(0.5, 2)" });
  const clicks = heard("click");
  point("pointerdown", 50, 300, { buttons: 1 });
  point("pointerup", 50, 300);
  expect(clicks).toMatchObject([{ x: 50, y: 50 }]);
  const { left, top } = view.element.getBoundingClientRect();
  expect(view.imageAt(left + 50, top + 300)).toEqual({ x: 50, y: 50 });
});

test("where the width is no whole number, places are exact", () => {
  host.style.width = "400.4px";
  view.viewport = { scale: 2, left: 0, top: 50 };
  const { left, top } = view.element.getBoundingClientRect();
  expect(view.imageAt(left + 390, top + 150).x).toBeCloseTo(195, 6);
});

test("the wheel zooms about the pointer; zoom and pan have limits", () => {
  const before = view.imageAt(0, 0);
  const wheel = { clientX: 0, clientY: 0, deltaY: -500, bubbles: true, cancelable: true };
  view.element.dispatchEvent(new WheelEvent("wheel", wheel));
  expect(view.viewport.scale).toBeGreaterThan(2);
  const after = view.imageAt(0, 0);
  expect(Math.hypot(after.x - before.x, after.y - before.y)).toBeLessThan(1e-9);
  view.zoomBy(1e9);
  expect(view.viewport.scale).toBe(32 / devicePixelRatio);
  view.panBy(1e9, 1e9);
  expect(view.viewport.left).toBe(400 - 48);
  view.fit();
  expect(view.viewport).toEqual({ scale: 1.96, left: 4, top: 52 });
});

test.each<[string, () => void, boolean]>([
  ["without a picture", () => view.show(null), true],
  ["with nothing marked", () => undefined, true],
  ["over a preview", () => view.update({ mask: rectangle([0, 0, 9, 9]), isPreview: true }), true],
  ["with a point", () => view.update({ prompts: { points: [{ x: 1, y: 1, positive: true }], box: null } }), false],
  ["with a mask", () => view.update({ mask: rectangle([0, 0, 9, 9]) }), false],
  [
    "in a drag",
    () => {
      point("pointerdown", 20, 60, { buttons: 1 });
      point("pointermove", 60, 80, { buttons: 1 });
    },
    false,
  ],
])("Escape is left to the page, as to close a dialog, where it clears nothing: %s", (_, begin, isLeft) => {
  begin();
  expect(press("Escape")).toBe(isLeft);
});

test("without a picture, the wheel scrolls the page", () => {
  const turn = (): boolean =>
    view.element.dispatchEvent(new WheelEvent("wheel", { deltaY: 100, bubbles: true, cancelable: true }));
  expect(turn()).toBe(false);
  view.show(null);
  expect(turn()).toBe(true);
});

test.each([
  [{}, /^Arrow keys move the crosshair, Enter marks/],
  [{ description: "K keeps the mask." }, /^K keeps the mask\.$/],
])("the keys are described to screen readers, as %o has it", (options, expected) => {
  const other = new PictureView(document.createElement("div"), options);
  expect(other.element.ariaDescription).toMatch(expected);
  other.dispose();
});

test("the keyboard: crosshair, points, and a box", async () => {
  const [clicks, ends, crosshairs] = [heard("click"), heard("dragend"), heard("crosshair")];
  view.update({ mask: rectangle([100, 40, 120, 60]) });
  press("ArrowRight");
  press("ArrowRight", { shiftKey: true });
  expect(crosshairs.at(-1)).toEqual({ x: 105.5, y: 50 });
  press("Enter");
  press("Enter", { shiftKey: true });
  expect(clicks).toMatchObject([
    { x: 105.5, y: 50, positive: true, pointerType: "keyboard" },
    { x: 105.5, y: 50, positive: false },
  ]);
  press("b");
  press("ArrowDown");
  press("b");
  expect(ends).toMatchObject([{ from: { x: 105.5, y: 50 }, at: { x: 105.5, y: 55 } }]);
  await expect.poll(() => host.querySelector("[role=status]")?.textContent).toBe("105, 55, on the mask");
});

test("a key that the page has taken, or with Control, is left alone", () => {
  const clicks = heard("click");
  press("Enter", { ctrlKey: true });
  view.element.addEventListener("keydown", (event) => event.preventDefault(), { once: true, capture: true });
  press("Enter");
  expect(clicks).toEqual([]);
});

test("a resized canvas stays fitted, and sharp", async () => {
  view.fit();
  host.style.width = "200px";
  await expect.poll(() => view.viewport.scale).toBeCloseTo(0.98, 9);
  expect(view.element.querySelector("canvas")?.width).toBe(200 * devicePixelRatio);
});

test.each([
  ["a picture that it would lie over is fitted below", 100, 300, 60, { scale: 0.784, left: 160.8, top: 62.4 }],
  ["a wide one moves down", 200, 100, 60, { scale: 1.96, left: 4, top: 82 }],
  ["one that begins below it stays", 200, 100, 40, { scale: 1.96, left: 4, top: 52 }],
])("room for a bar at the top: %s", async (_, width, height, room, fitted) => {
  view.show(await picture(width, height));
  view.roomAbove = room;
  for (const [name, value] of Object.entries(fitted)) {
    expect([name, view.viewport[name as "scale"]]).toEqual([name, expect.closeTo(value, 6)]);
  }
  view.zoomBy(2);
  const { viewport } = view;
  view.roomAbove = 0;
  expect(view.viewport).toEqual(viewport);
});

test("objects that take long to draw are carried along by a moving picture, and drawn once it rests", async () => {
  const layer = view.element.querySelectorAll("canvas")[1] as HTMLCanvasElement;
  const context = layer.getContext("2d") ?? expect.fail("no canvas");
  const fill = context.fill.bind(context);
  let drawn = 0;
  context.fill = (...path: unknown[]) => {
    for (const start = performance.now(); performance.now() - start < 300; );
    drawn++;
    fill(...(path as [Path2D, CanvasFillRule]));
  };
  const mask = rectangle([50, 25, 150, 75]);
  view.update({ objects: [{ id: "slow", mask, color: "#00ff00" }], opacity: 1.25 });
  expect(await seen(110, 110)).toEqual([0, 255, 0]);
  await frame();
  const before = drawn;
  expect(before).toBeGreaterThan(0);
  view.panBy(20, 10);
  await frame();
  view.zoomBy(1.5, { x: 0, y: 0 });
  await frame();
  expect(drawn).toBe(before);
  // (100, 100) of the canvas was moved by (20, 10), and then zoomed by 1.5 about (0, 0)
  const box = layer.getBoundingClientRect();
  const origin = view.element.getBoundingClientRect();
  expect([box.left - origin.left, box.top - origin.top, box.width / origin.width]).toEqual([30, 15, 1.5]);
  await expect.poll(() => [drawn, layer.style.transform]).toEqual([before + 1, ""]);
});

test("what is painted over the picture is told where the picture is", async () => {
  view.paintOver = (context, { scale, left, top }) => {
    context.fillStyle = "#ffffff";
    context.fillRect(left + 10 * scale, top + 10 * scale, 10 * scale, 10 * scale);
  };
  view.repaint();
  expect(await seen(30, 80)).toEqual([255, 255, 255]);
});

test("axe finds nothing wrong", async () => {
  const { violations } = await axe.run(host);
  expect(violations.map(({ id }) => id)).toEqual([]);
  expect(view.element.ariaLabel).toBe("Two halves");
});

test("after dispose nothing is left, and nothing is heard", () => {
  const clicks = heard("click");
  const { element } = view;
  view.dispose();
  expect(host.childElementCount).toBe(0);
  element.dispatchEvent(new PointerEvent("pointerdown", { pointerId: 1, buttons: 1 }));
  element.dispatchEvent(new PointerEvent("pointerup", { pointerId: 1 }));
  expect(clicks).toEqual([]);
});
