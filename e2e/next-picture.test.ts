/** The next picture is asked for, and takes a while to be decoded: what is done meanwhile is done to none. */
import { encode as encodePng } from "fast-png";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { newContext } from "./browser.ts";
import { type DemoServer, frameBox, NAMED, objectCount, pixels, says, serveDemo } from "./demo-page.ts";

let server: DemoServer;
let context: BrowserContext;
let page: Page;

type Color = readonly [number, number, number];
const RED: Color = [255, 0, 0];
const BLUE: Color = [0, 0, 255];

const picture = (name: string, color: Color) => {
  const data = Uint8Array.from({ length: 3 * 200 * 100 }, (_, i) => color[i % 3] as number);
  return {
    name,
    mimeType: "image/png",
    buffer: Buffer.from(encodePng({ width: 200, height: 100, channels: 3, data })),
  };
};

interface Held {
  /** What decoding waits for. */
  held?: Promise<void>;
  release?: () => void;
}

/** From now on, no picture is decoded until `release`. */
const hold = (): Promise<void> =>
  page.evaluate(() => {
    const held = window as Held;
    held.held = new Promise((resolve) => {
      held.release = resolve;
    });
  });
const release = (): Promise<void> => page.evaluate(() => (window as Held).release?.());

/** The color that is seen at a place of the picture's frame, in shares of its sides. */
async function seen(x: number, y: number): Promise<number[]> {
  const { width, height, data } = await pixels(page);
  const at = 4 * (Math.floor(y * height) * width + Math.floor(x * width));
  return [...data.subarray(at, at + 3)];
}

const to = async (x: number, y: number): Promise<void> => {
  const box = await frameBox(page);
  await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
};
const isBusy = (): Promise<string | null> => page.locator(NAMED.picture).getAttribute("aria-busy");
const press = (key: string): Promise<void> => page.locator(NAMED.picture).press(key);
async function click(): Promise<void> {
  await page.mouse.down();
  await page.mouse.up();
}
/** Begins a drag, which `end` ends. */
async function begin(): Promise<void> {
  await page.mouse.down();
  await to(0.35, 0.4);
}
async function end(): Promise<void> {
  await to(0.4, 0.45);
  await page.mouse.up();
}

beforeAll(async () => {
  server = await serveDemo();
  context = await newContext();
  page = await context.newPage();
  await page.addInitScript(() => {
    const decode = createImageBitmap;
    const waiting = async (...given: Parameters<typeof decode>): Promise<ImageBitmap> => {
      await (window as Held).held;
      return decode(...given);
    };
    window.createImageBitmap = waiting as typeof decode;
  });
  await page.goto(server.url);
  await page.locator(NAMED.pictures).setInputFiles([picture("1.png", RED), picture("2.png", BLUE)]);
  await says(page, /ready in/);
  // both are encoded, and the second has an object in its middle
  await press("PageDown");
  await vi.waitFor(async () => expect(await seen(0.3, 0.6)).toEqual(BLUE), 20_000);
  await page.locator('button[aria-label="Paint"]').click();
  await to(0.5, 0.5);
  await click();
  await vi.waitFor(async () => expect(await objectCount(page)).toBe(1), 20_000);
});
afterAll(async () => {
  await context.close();
  await server.close();
});

/** What is done before the next picture is asked for, before it is decoded, and after. */
type Acts = Partial<Record<"before" | "meanwhile" | "after", () => Promise<void>>>;

test.each<[string, string, Acts]>([
  ["a click", "a", { meanwhile: click }],
  ["a box", "b", { before: begin, meanwhile: end }],
  ["a stroke", "p", { meanwhile: () => begin().then(end) }],
  ["a stroke that was begun before", "p", { before: begin, meanwhile: end }],
  ["a stroke that ends on the next", "p", { before: begin, after: end }],
  ["a click that ends on the next", "a", { before: () => page.mouse.down(), after: () => page.mouse.up() }],
])("%s", async (_, tool, { before, meanwhile, after }) => {
  await press("PageUp");
  await expect.poll(() => seen(0.5, 0.5)).toEqual(RED);
  await press(tool);
  await to(0.3, 0.4);
  await before?.();
  await hold();
  await press("PageDown");
  await page.locator('[aria-label="Picture to segment: 2.png"]').waitFor();
  // what is known of the next one is not drawn over this one
  expect([await seen(0.5, 0.5), await isBusy()]).toEqual([RED, "true"]);
  await meanwhile?.();
  await release();
  await expect.poll(() => seen(0.3, 0.6)).toEqual(BLUE);
  expect(await isBusy()).toBe("false");
  await after?.();
  expect(await seen(0.35, 0.4)).toEqual(BLUE);
  // the step that is undone is the one from before
  await press("Control+z");
  await expect.poll(() => objectCount(page)).toBe(0);
  await press("Control+y");
  await expect.poll(() => objectCount(page)).toBe(1);
});
