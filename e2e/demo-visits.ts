/** One visit of the demo for each test. */
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { clickCanvas, type DemoServer, isReady, NAMED, pictureCount, says, serveDemo } from "./demo-page.ts";

/** The demo's server. */
export let server: DemoServer;
/** The context of the visit, and its page. */
export let context: BrowserContext | undefined;
export let page: Page;
/** What the visit asked of other hosts. */
export let outside: string[] = [];

/**
 * Serves the demo to the tests of a file, which calls this first. Files may share this module, and hooks belong to the file
 * that is being read.
 */
export function serveVisits(): void {
  beforeAll(async () => {
    server = await serveDemo();
  });
  afterAll(() => server.close());
  afterEach(async () => {
    await context?.close();
    context = undefined;
  });
}

/** Opens the page, at any address. */
export async function open(given: BrowserContext, address: string = server.url): Promise<void> {
  context = given;
  page = await given.newPage();
  outside = [];
  given.on("request", (request) => {
    if (!request.url().startsWith(address) && /^https?:/.test(request.url())) outside.push(request.url());
  });
  await page.goto(address);
}

/** Opens the page, and waits until its model answers. */
export async function visit(given: BrowserContext): Promise<void> {
  await open(given);
  await isReady(page);
}

export const status = (text: RegExp): Promise<void> => says(page, text);
export const click = (x: number, y: number): Promise<void> => clickCanvas(page, x, y);
export const pictures = (): Promise<number> => pictureCount(page);

/** Opens a sample of the welcome, and waits until it is encoded. */
export async function openSample(index = 0): Promise<void> {
  await page.locator(NAMED.samples).nth(index).click();
  await status(/ready in/);
}
