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
  execFileSync(VITE, ["build", DEMO, "--logLevel", "error"], { stdio: "inherit" });
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

/** Waits until the page's status line says something. */
export async function says(page: Page, text: RegExp): Promise<void> {
  await page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById("status")?.textContent ?? ""),
    text.source,
    { timeout: 60_000 },
  );
}

/** Waits until what was asked to be drawn is on the canvas. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** Where the canvas is in the window, in CSS pixels. */
export async function canvasBox(page: Page): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await page.locator("#canvas").boundingBox();
  if (!box) throw new Error("the canvas is not shown");
  return box;
}

/** Clicks on the canvas, at shares of its sides, and waits for the mask. */
export async function clickCanvas(page: Page, x: number, y: number): Promise<void> {
  const box = await canvasBox(page);
  await page.locator("#canvas").click({ position: { x: x * box.width, y: y * box.height } });
  await says(page, /Mask with score/);
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
