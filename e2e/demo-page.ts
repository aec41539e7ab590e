/** The demo as it is served, for tests and screenshots. */
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isFresh } from "headless/fresh";
import type { Page } from "playwright-core";
import { preview } from "vite";

/** The demo's folder. */
export const DEMO: string = fileURLToPath(new URL("../demo", import.meta.url));
const MODEL = fileURLToPath(new URL("../models/sam2-mini/onnx", import.meta.url));
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const VITE = fileURLToPath(new URL("../node_modules/.bin/vite", import.meta.url));

/** A running server. */
export interface DemoServer {
  /** Address of the page, ending in a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Builds the demo, unless it is there and newer than all it is made of. */
export async function buildDemo(): Promise<void> {
  if (await isFresh(join(DEMO, "dist", "service-worker.js"), [DEMO, MODEL])) return;
  // a test runner's environment would give the development forms of libraries
  const env = { ...process.env, NODE_ENV: "production" };
  execFileSync(VITE, ["build", DEMO, "--logLevel", "error"], { stdio: "inherit", env });
}

/** Builds the demo and serves it; `headers` false leaves out those that isolate it, as many hosts do. */
export async function serveDemo({ headers = true } = {}): Promise<DemoServer> {
  await buildDemo();
  const server = await preview({
    root: DEMO,
    logLevel: "error",
    preview: { port: 0, host: "127.0.0.1" },
    ...(headers ? {} : { configFile: false, build: { outDir: "dist" } }),
  });
  return { url: server.resolvedUrls?.local[0] as string, close: () => server.close() };
}

/** What the page's parts are found by, in any browser: what they are called. */
export const NAMED = {
  /** Takes pointers and keys. */
  picture: '[role=application][aria-label^="Picture to segment"]',
  status: '[role=status][aria-label="Status"]',
  storage: '[role=status][aria-label="Storage"]',
  error: "[role=alert]",
  busy: 'section[aria-label="Busy"]',
  model: 'button[aria-label^="Model: "]',
  candidates: '[role=radiogroup][aria-label="Candidates"] [role=radio]',
  keep: 'section[aria-label="Mask"] .keep',
  pictures: 'input[aria-label="Pictures to open"]',
  folder: 'input[aria-label="Folder to open"]',
  project: 'input[aria-label="Project to open"]',
  annotations: 'input[aria-label="Labels to import"]',
  samples: 'ul[aria-label="Samples"] button',
  frames: 'nav[aria-label="Pictures"] button',
  objects: 'ul[aria-label="Objects"] > li',
  classes: 'section[aria-label="Classes"] .class-choice',
  newClass: 'input[aria-label="Name of a new class"]',
  undo: 'button[aria-label="Undo"]',
  redo: 'button[aria-label="Redo"]',
} as const;

/** Waits until the page's status line says something, by default for a minute at most. */
export async function says(page: Page, text: RegExp, timeout = 60_000): Promise<void> {
  await page.waitForFunction(
    ([source, status]) => new RegExp(source).test(document.querySelector(status)?.textContent ?? ""),
    [text.source, NAMED.status] as const,
    { timeout },
  );
}

/** Waits until a model answers. */
export async function isReady(page: Page): Promise<void> {
  await page
    .locator(NAMED.model)
    .and(page.getByRole("button", { name: /WASM|WebGPU/ }))
    .waitFor({ timeout: 60_000 });
}

/** Waits until what was asked to be drawn is on the canvas. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** A place in the window, in CSS pixels. */
type WindowBox = Readonly<Record<"x" | "y" | "width" | "height", number>>;

/** Where the open picture's frame is, once that picture is drawn: until then, nothing that is pointed at is in it. */
export async function canvasBox(page: Page): Promise<WindowBox> {
  await page.locator(`${NAMED.picture}[aria-busy=false]`).waitFor();
  return frameBox(page);
}

/** Where the picture's frame is, whatever is in it. */
export async function frameBox(page: Page): Promise<WindowBox> {
  const box = await page.locator(NAMED.picture).boundingBox();
  if (!box) throw new Error("the picture's frame is not shown");
  return box;
}

/** Clicks in the picture's frame, at shares of its sides, and waits for the mask. */
export async function clickCanvas(page: Page, x: number, y: number): Promise<void> {
  const box = await canvasBox(page);
  // what lies over the picture, beside the mask before, is not in the way of a test
  await page.locator(NAMED.picture).click({ position: { x: x * box.width, y: y * box.height }, force: true });
  await says(page, /Mask with score/);
}

/** Keeps the mask. */
export async function keep(page: Page): Promise<void> {
  await page.locator(NAMED.keep).click();
}

/** The number of the open picture's objects; those that are not in view are in no element. */
export async function objectCount(page: Page): Promise<number> {
  return page.evaluate(
    (rows) => Number(document.querySelector(rows)?.getAttribute("aria-setsize") ?? 0),
    NAMED.objects,
  );
}

/** The number of pictures of the set. */
export async function pictureCount(page: Page): Promise<number> {
  return page.evaluate(
    (frames) => Number(document.querySelector(frames)?.closest("li")?.getAttribute("aria-setsize") ?? 0),
    NAMED.frames,
  );
}

/** Masks stay as they are until something is done: no closer look by itself, whose time depends on the machine. */
export async function looksOnce(page: Page): Promise<void> {
  await page.locator(NAMED.picture).press("o");
  await page.getByLabel("Look closer at small things when the pointer rests").uncheck();
  await page.keyboard.press("Escape");
}

/** Chooses an entry of the menu. */
export async function menu(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await page.getByRole("menuitem", { name }).click();
}

/** What an export gives. */
export async function exported(page: Page, format = "COCO JSON, RLE"): Promise<{ name: string; bytes: Buffer }> {
  await page.getByRole("button", { name: "Export", exact: true }).click();
  await page.getByText(format, { exact: true }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save the file" }).click(),
  ]);
  return { name: download.suggestedFilename(), bytes: await readFile((await download.path()) as string) };
}

/** Adds a class, which becomes that of the next object. */
export async function addClass(page: Page, name: string): Promise<void> {
  await page.locator(NAMED.newClass).fill(name);
  await page.locator(NAMED.newClass).press("Enter");
}

/** The classes, in order. */
export async function classNames(page: Page): Promise<string[]> {
  return page.locator(`${NAMED.classes} .class-name`).allTextContents();
}

/** Gives the page a file of labels, as its button for imports does. */
export async function giveLabels(page: Page, name: string, content: object): Promise<void> {
  const buffer = Buffer.from(JSON.stringify(content));
  await page.locator(NAMED.annotations).setInputFiles({ name, mimeType: "application/json", buffer });
}

/** Drops files, by name and content, on the picture. */
export async function drop(page: Page, files: Readonly<Record<string, Buffer>>): Promise<void> {
  const given = Object.entries(files).map(([name, bytes]) => ({ name, content: bytes.toString("base64") }));
  await page.evaluate(
    ([contents, picture]) => {
      const dataTransfer = new DataTransfer();
      for (const { name, content } of contents) {
        dataTransfer.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
      }
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector(picture)?.dispatchEvent(event);
    },
    [given, NAMED.picture] as const,
  );
}

/** The colors of what is drawn, as RGBA bytes: all layers over each other. */
export async function pixels(page: Page): Promise<{ width: number; height: number; data: Uint8ClampedArray }> {
  await drawn(page);
  const { width, height, base64 } = await page.evaluate((picture) => {
    const layers = [...document.querySelectorAll<HTMLCanvasElement>(`${picture} canvas`)];
    const [{ width, height }] = layers as [HTMLCanvasElement];
    const context = new OffscreenCanvas(width, height).getContext("2d") as OffscreenCanvasRenderingContext2D;
    for (const layer of layers) context.drawImage(layer, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    let text = "";
    for (let i = 0; i < data.length; i += 32_768) text += String.fromCharCode(...data.subarray(i, i + 32_768));
    return { width, height, base64: btoa(text) };
  }, NAMED.picture);
  return { width, height, data: new Uint8ClampedArray(Buffer.from(base64, "base64")) };
}

/** What axe finds wrong with the page as it is now, a line each. */
export async function violations(page: Page): Promise<string[]> {
  // not a script of the page, whose policy would refuse it
  await page.evaluate(await readFile(AXE, "utf8"));
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}
