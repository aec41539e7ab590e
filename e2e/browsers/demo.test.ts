/** The built demo in each browser: a picture is opened, segmented, labeled, exported, and found again. */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decodeRle, maskArea } from "sam2-web";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type DemoServer, NAMED, serveDemo } from "../demo-page.ts";
import type { Browser, Engine, Point, Tab } from "./driver.ts";
import { CHROMIUM, FIREFOX } from "./puppeteer.ts";
import { WEBKIT } from "./webkit.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const PHOTO = path("../../models/reference/fixtures/photo/truck.png");
const SAMPLE = path("../../demo/public/samples/groceries.jpg");
/** Where a picture of the page is left when a case fails. */
const FAILURES = path("../../.cache/browsers/");

let server: DemoServer;
beforeAll(async () => {
  server = await serveDemo();
});
afterAll(() => server.close());

let tab: Tab;

/** The text of an element, empty where it is not shown. */
const text = (selector: string): Promise<string> =>
  tab.evaluate((wanted) => {
    const found = document.querySelector(wanted);
    return found?.checkVisibility() ? (found.textContent ?? "").trim() : "";
  }, selector);

/** Waits until the page's status line says something, or an error is shown. */
async function says(expected: RegExp): Promise<void> {
  const seen = async (): Promise<string | undefined> =>
    (await text(NAMED.error)) || expected.exec(await text(NAMED.status))?.input;
  expect(await vi.waitUntil(seen, { timeout: 60_000, interval: 100 })).toMatch(expected);
}

/** Waits until a model answers. */
async function isReady(): Promise<void> {
  const model = (): Promise<boolean> =>
    tab.evaluate(
      (wanted) => /WASM|WebGPU/.test(document.querySelector(wanted)?.getAttribute("aria-label") ?? ""),
      NAMED.model,
    );
  await vi.waitUntil(model, { timeout: 60_000, interval: 100 });
}

const count = (selector: string): Promise<number> =>
  tab.evaluate((wanted) => document.querySelectorAll(wanted).length, selector);

/** Waits until the page has so many of these. */
const counts = (selector: string, expected: number): Promise<void> =>
  expect.poll(() => count(selector), { timeout: 10_000 }).toBe(expected);

/** Clicks in the middle of an element, scrolled into view, once it is there. */
async function press(selector: string): Promise<void> {
  await vi.waitUntil(() => count(selector), { timeout: 10_000, interval: 50 });
  await tab.click(
    await tab.evaluate((wanted) => {
      const found = document.querySelector(wanted) as Element;
      found.scrollIntoView({ block: "nearest", behavior: "instant" });
      const { x, y, width, height } = found.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    }, selector),
  );
}

/** Clicks what shows this text, or is called so. */
async function choose(name: string): Promise<void> {
  const mark = (): Promise<boolean> =>
    tab.evaluate((wanted) => {
      const all = [...document.querySelectorAll("button, label, [role=menuitem]")];
      const called = (each: Element): string => each.getAttribute("aria-label") ?? each.textContent?.trim() ?? "";
      const found = all.find((each) => called(each) === wanted && each.checkVisibility());
      for (const each of all) each.toggleAttribute("data-chosen", each === found);
      return found !== undefined;
    }, name);
  await vi.waitUntil(mark, { timeout: 10_000, interval: 50 });
  await press("[data-chosen]");
}

/** Fills in a field, as typing would. */
const fill = (selector: string, value: string): Promise<void> =>
  tab.evaluate(
    (wanted, given) => {
      const field = document.querySelector<HTMLInputElement>(wanted);
      if (!field) throw new Error(`the page has no ${wanted}`);
      // React listens to the property of the element itself
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, given);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
    selector,
    value,
  );

/** A place on the canvas, in shares of it. */
const place = (x: number, y: number): Promise<Point> =>
  tab.evaluate(
    (across, down, picture) => {
      const box = (document.querySelector(picture) as HTMLElement).getBoundingClientRect();
      return { x: box.x + across * box.width, y: box.y + down * box.height };
    },
    x,
    y,
    NAMED.picture,
  );

/** Opens the page and a picture in it. */
async function open(picture: string, address = server.url): Promise<void> {
  await tab.goto(address);
  await isReady();
  await tab.setFiles(NAMED.pictures, [picture]);
  await says(/ready in/);
}

async function click(x: number, y: number): Promise<void> {
  await tab.click(await place(x, y));
  await says(/Mask with score/);
}

/** Makes a class, and keeps the mask that is shown as an object of it. */
async function keepAs(name: string): Promise<void> {
  await press(NAMED.newClass);
  await tab.type(name);
  await choose("Add class");
  await expect.poll(() => text(`${NAMED.classes}[aria-pressed=true] .class-name`)).toBe(name);
  await press(NAMED.keep);
  await counts(NAMED.objects, 1);
}

/** What an export gives. */
async function exported(format: string, name: string): Promise<string> {
  await choose("Export");
  await choose(format);
  return (await tab.saved(name, () => choose("Save the file"))).toString();
}

/** What a person does, in any engine. */
interface Case {
  readonly name: string;
  run(engine: Engine): Promise<void>;
}

const CASES: readonly Case[] = [
  {
    name: "a picture is opened, and a click gives three masks",
    async run() {
      await open(PHOTO);
      expect(await text(NAMED.status)).toMatch(/^480×320/);
      await click(0.4, 0.5);
      await counts(NAMED.candidates, 3);
      await press(`${NAMED.candidates}:nth-child(2)`);
      await says(/Candidate 2/);
      await press(NAMED.undo);
      await counts(NAMED.candidates, 0);
    },
  },
  {
    name: "a box",
    async run() {
      await open(PHOTO);
      await tab.drag(await place(0.1, 0.25), await place(0.9, 0.75));
      await says(/Mask with score/);
      await choose("More for this mask");
      const saved = await tab.saved("mask.json", () => choose("Save the mask as COCO RLE"));
      const { segmentation, bbox } = JSON.parse(saved.toString());
      expect(segmentation.size).toEqual([320, 480]);
      const [x, y, width, height] = bbox as [number, number, number, number];
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(width * height).toBeGreaterThan(0.1 * 480 * 320);
    },
  },
  {
    name: "everything, taken back with one undo",
    async run() {
      await open(PHOTO);
      await choose("Options");
      await vi.waitUntil(() => count("[role=dialog] input[type=number]"), { timeout: 10_000 });
      // points along a side, least score, least stability
      for (const [index, value] of ["6", "0.3", "0.5"].entries()) {
        await fill(`.options h3:nth-of-type(2) ~ label:nth-of-type(${5 + index}) input`, value);
      }
      await choose("Close");
      await counts("[role=dialog]", 0);
      await choose("Find everything");
      await says(/objects found/);
      expect(await count(NAMED.objects)).toBeGreaterThan(3);
      await press(NAMED.undo);
      await counts(NAMED.objects, 0);
    },
  },
  {
    name: "a mask is kept in a class, and exported as COCO",
    async run() {
      await open(PHOTO);
      await click(0.4, 0.5);
      await keepAs("wheel");
      const { images, categories, annotations } = JSON.parse(await exported("COCO JSON, RLE", "annotations.json"));
      expect(images).toMatchObject([{ file_name: "truck.png", width: 480, height: 320 }]);
      expect(annotations).toHaveLength(1);
      const [{ category_id, segmentation, area }] = annotations;
      expect(categories.find(({ id }: { id: number }) => id === category_id).name).toBe("wheel");
      expect(maskArea(decodeRle(segmentation))).toBe(area);
    },
  },
  {
    name: "labels after a reload: there again, or the page has said that they are not kept",
    async run({ isPrivate }) {
      await open(PHOTO);
      await click(0.4, 0.5);
      await keepAs("wheel");
      const before = await exported("COCO JSON, RLE", "annotations.json");
      if (isPrivate) {
        expect(await text(NAMED.storage)).toMatch(/keeps nothing here.*export them before you close it/);
        return;
      }
      await tab.reload();
      await counts(NAMED.frames, 1);
      // the set is gone on with
      await says(/ready in/);
      await counts(NAMED.objects, 1);
      expect(await exported("COCO JSON, RLE", "annotations.json")).toBe(before);
    },
  },
  {
    name: "without the server, on the second visit",
    async run() {
      const own = await serveDemo();
      try {
        await tab.goto(own.url);
        await isReady();
        await tab.evaluate(async () => {
          await navigator.serviceWorker.ready;
          if (navigator.serviceWorker.controller) return;
          await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
        });
      } finally {
        await own.close();
      }
      await expect(fetch(own.url)).rejects.toThrow();
      await tab.reload();
      await isReady();
      await tab.setFiles(NAMED.pictures, [SAMPLE]);
      await says(/ready in/);
      await click(0.5, 0.6);
      await press(NAMED.keep);
      await counts(NAMED.objects, 1);
      expect(await exported("SVG", "groceries.svg")).toContain("<path");
    },
  },
];

const ENGINES = [FIREFOX, WEBKIT, CHROMIUM];

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
  const absence = engine.absence();
  describe.skipIf(absence !== null)(absence ?? "the demo", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await engine.launch();
    });
    afterAll(() => browser?.close());
    beforeEach(async () => {
      tab = await browser.newTab();
    });
    afterEach(async ({ task }) => {
      if (task.result?.state === "fail") {
        await mkdir(FAILURES, { recursive: true });
        const name = `${engine.name} ${task.name}`.replaceAll(/[^a-z0-9]+/gi, "-");
        await writeFile(`${FAILURES}${name}.png`, await tab.screenshot());
      }
      await tab.close();
    });

    // Firefox hangs now and then while onnxruntime-web starts its threads: the library then takes one thread, but that may
    // be later than a case waits. WebKitGTK's JavaScriptCore crashes once in a while in a worker, and takes the page along
    test.each(CASES.map((each) => [each.name, each] as const))("%s", { retry: 2 }, (_name, { run }) => run(engine));
  });
});
