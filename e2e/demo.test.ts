/** The demo as it is served: real model, real clicks. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { createSegmenter } from "sam2-node";
import { decodeRle, maskIou, maskToPolygons, type Rle } from "sam2-web";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { newContext } from "./browser.ts";
import {
  canvasBox,
  DEMO,
  type DemoServer,
  drop,
  isReady,
  looksOnce,
  menu,
  NAMED,
  objectCount,
  pictureCount,
  pixels,
  says,
  serveDemo,
} from "./demo-page.ts";
import { expectWholeLicenses } from "./licenses.ts";

let server: DemoServer;
let context: BrowserContext;
let page: Page;
let requests: string[] = [];
let errors: string[] = [];

beforeAll(async () => {
  server = await serveDemo();
});
afterAll(() => server.close());

/** Opens a sample, in a page that `change` changed before it runs. */
async function open(options: BrowserContextOptions, change: () => void = () => undefined): Promise<void> {
  context = await newContext(options);
  await context.addInitScript(change);
  page = await context.newPage();
  requests = [];
  errors = [];
  context.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => /Content Security Policy/.test(message.text()) && errors.push(message.text()));
  await page.goto(server.url);
  await page.locator(NAMED.samples).first().click();
  await status(/ready in/);
}

/** Ends the visit: nothing went wrong in it, and nothing left the origin. */
async function leave(): Promise<void> {
  await context.close();
  expect(errors).toEqual([]);
  expect(requests.filter((address) => !/^(blob:|data:)/.test(address) && !address.startsWith(server.url))).toEqual([]);
}

const status = (text: RegExp): Promise<void> => says(page, text);

/** A place on the canvas, in shares of it. */
async function place(x: number, y: number): Promise<[number, number]> {
  const box = await canvasBox(page);
  return [box.x + x * box.width, box.y + y * box.height];
}

const candidates = (): Promise<number> => page.locator(NAMED.candidates).count();

/** Blue pixels of what is drawn: what the mask tints. */
const tinted = async (): Promise<number> => {
  const { data } = await pixels(page);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if ((data[i + 2] as number) > 1.3 * (data[i] as number) && (data[i + 2] as number) > 60) count++;
  }
  return count;
};

/** Saves the mask that is shown, by the menu beside it. */
async function savedMask(): Promise<{ segmentation: Rle; area: number; bbox: number[] }> {
  await page.getByRole("button", { name: "More for this mask" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("menuitem", { name: "Save the mask as COCO RLE" }).click(),
  ]);
  return JSON.parse(await readFile(await download.path(), "utf8"));
}

describe("with a mouse", () => {
  beforeAll(async () => {
    await open({ viewport: { width: 1280, height: 800 } });
    await looksOnce(page);
  });
  beforeEach(async () => {
    await page.locator(NAMED.picture).press("Escape");
    await expect.poll(candidates).toBe(0);
  });
  afterAll(leave);

  test("click, candidates, a negative click, undo and redo", async () => {
    const before = await tinted();
    await page.mouse.click(...(await place(0.3, 0.33)));
    await status(/Mask with score/);
    expect(await candidates()).toBe(3);
    const one = await tinted();
    expect(one).toBeGreaterThan(before);
    await page.locator(NAMED.candidates).nth(2).click();
    await status(/Candidate 3/);
    // by keys too, which walk them as they do the tools
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Space");
    await status(/Candidate 2/);
    const isChecked = (): Promise<string | null>[] =>
      [0, 1, 2].map((index) => page.locator(NAMED.candidates).nth(index).getAttribute("aria-checked"));
    expect(await Promise.all(isChecked())).toEqual(["false", "true", "false"]);
    await page.mouse.click(...(await place(0.6, 0.7)), { button: "right" });
    await status(/Mask with score/);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    expect(await candidates()).toBe(0);
    expect(await page.locator(NAMED.undo).isDisabled()).toBe(true);
    await page.keyboard.press("Control+y");
    await status(/Mask with score/);
    await expect.poll(candidates).toBe(3);
  });

  test("a box", async () => {
    await page.mouse.move(...(await place(0.1, 0.25)));
    await page.mouse.down();
    await page.mouse.move(...(await place(0.5, 0.5)), { steps: 4 });
    await page.mouse.move(...(await place(0.9, 0.7)), { steps: 4 });
    await page.mouse.up();
    await status(/Mask with score/);
    expect(await candidates()).toBe(3);
  });

  test("specks and small holes go, until they are wanted", async () => {
    /** The numbers of pieces and holes of the mask that is saved. */
    const rings = async (): Promise<number> => {
      await status(/Mask with score/);
      const { segmentation } = await savedMask();
      return maskToPolygons(decodeRle(segmentation)).reduce((sum, { holes }) => sum + 1 + holes.length, 0);
    };
    await page.mouse.click(...(await place(0.3, 0.33)));
    const clean = await rings();
    const toggle = async (): Promise<void> => {
      await page.locator(NAMED.picture).press("o");
      await page.getByLabel("Drop specks, fill small holes").click();
      await page.keyboard.press("Escape");
    };
    await toggle();
    expect(await rings()).toBeGreaterThan(clean);
    await toggle();
    expect(await rings()).toBe(clean);
  });

  test("hovering shows a preview that a click makes a mask", async () => {
    const before = await tinted();
    await page.mouse.move(...(await place(0.3, 0.33)));
    await expect.poll(tinted).toBeGreaterThan(before);
    expect(await candidates()).toBe(0);
    await page.mouse.move(5, 5);
    await expect.poll(tinted).toBe(before);
  });

  test("a window of another size shows the whole picture, or what was zoomed into", async () => {
    /** Whether the picture covers the frame's corner. */
    const covered = async (): Promise<boolean> => (await pixels(page)).data[3] === 255;
    await page.setViewportSize({ width: 1100, height: 700 });
    expect(await covered()).toBe(false);
    for (let i = 0; i < 4; i++) await page.getByRole("button", { name: "Zoom in" }).click();
    expect(await covered()).toBe(true);
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(await covered()).toBe(true);
    await page.getByRole("button", { name: "Fit the picture" }).click();
    expect(await covered()).toBe(false);
  });

  test("saved masks are of the picture's size", async () => {
    await page.mouse.click(...(await place(0.3, 0.33)));
    await status(/Mask with score/);
    const { segmentation, area, bbox } = await savedMask();
    expect(segmentation.size).toEqual([853, 1280]);
    expect(area).toBeGreaterThan(100);
    expect(bbox).toHaveLength(4);
  });
});

describe("on a phone", () => {
  afterEach(leave);

  test("with touch", async () => {
    await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    await page.touchscreen.tap(...(await place(0.3, 0.5)));
    await status(/Mask with score/);
    expect(await candidates()).toBe(3);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });

  test.each([
    [390, 844],
    [360, 740],
  ])("%i×%i: what is said, a tool's bar and a notice are one below the other", async (width, height) => {
    await open({ viewport: { width, height }, hasTouch: true, isMobile: true }, () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
      };
    });
    const placeOf = async (what: string): Promise<{ top: number; bottom: number }> => {
      const { y, height } = (await page.locator(what).boundingBox()) as { y: number; height: number };
      return { top: y, bottom: y + height };
    };
    const notice = (): Promise<{ top: number; bottom: number }> => placeOf(NAMED.storage);
    const said = await placeOf(NAMED.status);
    expect((await notice()).top).toBeGreaterThanOrEqual(said.bottom + 4);
    // a message of many lines
    await page.locator(NAMED.status).evaluate((line) => line.append(" and so on".repeat(40)));
    const long = await placeOf(NAMED.status);
    expect(long.bottom).toBeGreaterThan(said.bottom + 60);
    expect((await notice()).top).toBeGreaterThanOrEqual(long.bottom + 4);
    await page.locator(NAMED.picture).press("p");
    const bar = await placeOf('section[aria-label="The tool"]');
    expect((await notice()).top).toBeGreaterThanOrEqual(bar.bottom + 4);
  });

  test("two fingers zoom; what the first one began is no box", async () => {
    await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
    const [x, y] = await place(0.5, 0.5);
    const session = await context.newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...points: [number, number][]): Promise<unknown> =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: points.map(([px, py], id) => ({ x: px, y: py, id })),
      });
    const before = await tinted();
    await touch("touchStart", [x - 40, y]);
    await touch("touchMove", [x - 20, y + 20]);
    await touch("touchStart", [x - 20, y + 20], [x + 20, y]);
    await touch("touchMove", [x - 60, y + 60], [x + 60, y + 40]);
    await touch("touchEnd");
    await page.waitForTimeout(500);
    expect(await page.locator(NAMED.undo).isDisabled()).toBe(true);
    expect(await candidates()).toBe(0);
    // the picture is larger now, and so the part of it that is blue by itself is another
    expect(await tinted()).not.toBe(before);
  });
});

test("the welcome: a sample is segmented under a pointer by itself; a click makes it a picture of the set", async () => {
  context = await newContext();
  page = await context.newPage();
  await page.goto(server.url);
  await isReady(page);
  const before = await tinted();
  await expect.poll(tinted, { timeout: 10_000 }).toBeGreaterThan(before);
  expect(await pictureCount(page)).toBe(0);
  await page.mouse.click(...(await place(0.3, 0.33)));
  await status(/Mask with score/);
  await expect.poll(() => pictureCount(page)).toBe(1);
  expect(await candidates()).toBe(3);
  await context.close();
});

test("every command is found by its name, and shows its key", async () => {
  await open({ viewport: { width: 1280, height: 800 } });
  await page.mouse.click(...(await place(0.3, 0.33)));
  await status(/Mask with score/);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("keep");
  const entries = page.getByRole("dialog").getByRole("menuitem");
  await expect.poll(() => entries.allTextContents()).toEqual(["Keep the maskMaskEnter"]);
  await page.keyboard.press("Enter");
  await expect.poll(() => objectCount(page)).toBe(1);
  // a quick typist's Enter, before the list has followed, runs it too, and once
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  await page.mouse.click(...(await place(0.6, 0.5)));
  await expect.poll(candidates).toBe(3);
  await page.keyboard.press("Control+k");
  await page.getByLabel("Search the commands").evaluate((input: HTMLInputElement) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(input, "keep the");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  });
  await expect.poll(() => objectCount(page)).toBe(2);
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  // what begins with the text comes first, and is what Enter runs; Escape closes the palette whatever is typed
  await page.keyboard.press("Control+k");
  await page.keyboard.type("ex");
  await expect.poll(() => entries.first().textContent()).toContain("Export labels");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Export labels" }).waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("ex");
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  // a class is chosen as by its key
  await page.keyboard.press("Control+k");
  await page.keyboard.type("class: ob");
  await expect.poll(() => entries.allTextContents()).toEqual(["Class: object"]);
  await page.keyboard.press("Enter");
  await status(/^The next object is object\.$/);
  await page.keyboard.press("?");
  expect(await page.getByRole("dialog", { name: "Keys and help" }).textContent()).toContain("Page Down");
  await page.keyboard.press("Escape");
  await menu(page, "Delete this picture");
  await expect.poll(() => pictureCount(page)).toBe(0);
  await page.locator(NAMED.undo).click();
  await expect.poll(() => pictureCount(page)).toBe(1);
  await expect.poll(() => objectCount(page)).toBe(2);

  // a picture that comes with its embedding, made in Node, needs no encoder
  const cars = await readFile(join(DEMO, "public/samples/cars.jpg"));
  const segmenter = await createSegmenter({ device: "cpu" });
  const embedding = await segmenter.saveEmbedding(cars, { dtype: "int8" });
  await segmenter.dispose();
  await drop(page, { "cars.jpg": cars, "cars.jpg.safetensors": Buffer.from(embedding) });
  await status(/, from its embedding/);
  await page.locator(`${NAMED.frames}[aria-label$="has its embedding"]`).waitFor();
  await page.mouse.click(...(await place(0.5, 0.5)));
  await status(/Mask with score/);
  await menu(page, "Embeddings");
  const said = page.getByRole("status", { name: "Embeddings" });
  expect(await said.textContent()).toBe("1 of 2 pictures have theirs; 1 file is here.");
  await leave();
});

test("small things are looked at closer when the pointer rests, or on a key; the mask has the picture's pixels; undo", async () => {
  await open({ viewport: { width: 1280, height: 800 } });
  await page.mouse.click(...(await place(0.85, 0.53)));
  await status(/seen closer/);
  const closer = await savedMask();
  expect(await candidates()).toBe(3);
  const { data, width, height } = decodeRle(closer.segmentation);
  expect([width, height]).toEqual([1280, 853]);
  await page.keyboard.press("Control+z");
  await status(/Mask with score [\d.]+ in/);
  const first = await savedMask();
  expect(first.segmentation).not.toEqual(closer.segmentation);
  expect(maskIou(decodeRle(first.segmentation), { data, width, height })).toBeGreaterThan(0.3);
  await page.keyboard.press("d");
  await status(/closer/);
  await leave();
});

test("Enter right after a click keeps the mask once it is there", async () => {
  await open({ viewport: { width: 1280, height: 800 } });
  const [x, y] = await place(0.3, 0.33);
  await page.mouse.click(x, y);
  await page.keyboard.press("Enter");
  await status(/Kept as object/);
  expect(await objectCount(page)).toBe(1);
  expect(await candidates()).toBe(0);
  await leave();
});

test("the site brings the licenses of what it runs", async () => {
  const site = await newContext();
  const licenses = await (await site.request.get(`${server.url}LICENSES.md`)).text();
  await site.close();
  const packages = expectWholeLicenses(licenses);
  expect(packages).toEqual(
    expect.arrayContaining(["comlink", "idb", "onnxruntime-web", "react", "workbox-precaching"]),
  );
});
