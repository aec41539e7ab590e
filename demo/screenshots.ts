/** Pictures of every view at three widths, light and dark: `npm run screenshots [-- FOLDER]`. */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { DEMO, says, serveDemo } from "../e2e/demo-page.ts";
import { launchBrowser } from "../packages/headless/src/browser.ts";

const SAMPLES = ["truck.jpg", "groceries.jpg", "cars.jpg"].map((name) => join(DEMO, "public", "samples", name));

async function click(page: Page, x: number, y: number): Promise<void> {
  const canvas = page.locator("#canvas");
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  if (box) await canvas.click({ position: { x: x * box.width, y: y * box.height } });
  await says(page, /Mask with score/);
}

/** Each goes on from the one before. */
const VIEWS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  welcome: (page) => says(page, /is ready/),
  segment: async (page) => {
    await page.locator("#file").setInputFiles(SAMPLES);
    await says(page, /ready in/);
    await click(page, 0.5, 0.55);
  },
  label: async (page) => {
    await page.locator("#keep").click();
    await page.locator("#new-class-name").fill("wheel");
    await page.locator("#new-class-name").press("Enter");
    await click(page, 0.3, 0.62);
    await page.locator("#keep").click();
    await says(page, /Kept as/);
    await page.locator("#objects").scrollIntoViewIfNeeded();
  },
};

const folder = resolve(process.argv[2] ?? join(DEMO, "..", ".cache", "screenshots"));
await mkdir(folder, { recursive: true });
const server = await serveDemo();
const browser = await launchBrowser();
for (const [width, height] of [
  [1440, 900],
  [768, 1024],
  [360, 740],
] as const) {
  for (const colorScheme of ["light", "dark"] as const) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    await page.goto(server.url);
    for (const [name, show] of Object.entries(VIEWS)) {
      await show(page);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: width < 700 });
    }
    await context.close();
  }
}
await browser.close();
await server.close();
process.stdout.write(`${folder}\n`);
process.exit();
