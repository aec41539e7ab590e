/**
 * Pictures of every view at four widths, light, dark, and (at the first and the last) in forced colors:
 * `npm run screenshots [-- FOLDER [WIDTH-COLORS…]]`, as 1440-light, 390-forced.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { launchBrowser } from "headless/browser";
import type { Page } from "playwright-core";
import { addClass, canvasBox, DEMO, isReady, menu, NAMED, says, serveDemo } from "../e2e/demo-page.ts";

/** Numbered, since pictures come in the order of their names. */
const SAMPLES = await Promise.all(
  ["truck.jpg", "groceries.jpg", "cars.jpg"].map(async (name, i) => ({
    name: `${i + 1}-${name}`,
    mimeType: "image/jpeg",
    buffer: await readFile(join(DEMO, "public", "samples", name)),
  })),
);

/** Draws a box; its corners are shares of the truck's picture, which fills 0.98 of the canvas. */
async function box(page: Page, x1: number, y1: number, x2: number, y2: number): Promise<void> {
  const { x, y, width, height } = await canvasBox(page);
  const scale = Math.min(width / 1280, height / 853) * 0.98;
  const at = (across: number, down: number): [number, number] => [
    x + width / 2 + (across - 0.5) * 1280 * scale,
    y + height / 2 + (down - 0.5) * 853 * scale,
  ];
  await page.mouse.move(...at(x1, y1));
  await page.mouse.down();
  await page.mouse.move(...at(x2, y2), { steps: 4 });
  await page.mouse.up();
  await says(page, /Mask with score/);
}

/** Opens or closes the panel, where it lies over the picture. */
async function togglePanel(page: Page): Promise<void> {
  const toggle = page.getByRole("button", { name: /^Objects and pictures/ });
  if (await toggle.isVisible()) await toggle.click();
}

/** Each goes on from the one before. */
const VIEWS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  welcome: async (page) => {
    await isReady(page);
    // until the sample is segmented
    await page.waitForTimeout(2_500);
  },
  hovered: async (page) => {
    const { x, y, width, height } = await canvasBox(page);
    await page.mouse.move(x + 0.62 * width, y + 0.45 * height);
    await page.waitForTimeout(600);
  },
  segment: async (page) => {
    await page.locator(NAMED.pictures).setInputFiles(SAMPLES);
    await says(page, /ready in/);
    await box(page, 0.06, 0.23, 0.955, 0.66);
  },
  label: async (page) => {
    await page.locator(NAMED.picture).press("Enter");
    await says(page, /Kept as/);
    await togglePanel(page);
    await addClass(page, "wheel");
    await togglePanel(page);
    await page.waitForTimeout(300);
    await box(page, 0.26, 0.51, 0.37, 0.68);
    await page.locator(NAMED.picture).press("Enter");
    await says(page, /Kept as wheel/);
    await togglePanel(page);
    await page.getByRole("button", { name: "Edit object 2 by hand" }).click();
  },
  corners: async (page) => {
    await togglePanel(page);
    await page.locator(NAMED.picture).press("v");
  },
  paint: async (page) => {
    await page.locator(NAMED.picture).press("p");
  },
  import: async (page) => {
    await page.locator(NAMED.annotations).setInputFiles({
      name: "boxes.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(
        "image,x1,y1,x2,y2,label\n1-truck.jpg,795,400,905,600,wheel\n1-truck.jpg,560,230,735,320,window\nbus.jpg,0,0,9,9,bus\n",
      ),
    });
    await page.getByRole("alertdialog").waitFor();
  },
  review: async (page) => {
    await page.getByRole("button", { name: "Import" }).last().click();
    await says(page, /are masks now/);
    await togglePanel(page);
    await page.locator(NAMED.picture).press("a");
    await page.locator(NAMED.picture).press("n");
  },
  overview: async (page) => {
    await page.getByRole("button", { name: "Overview" }).click();
  },
  commands: async (page) => {
    await page.keyboard.press("Escape");
    await page.locator(NAMED.picture).press("Control+k");
  },
  export: async (page) => {
    await page.keyboard.press("Escape");
    await page.locator(NAMED.picture).press("Control+e");
  },
  options: async (page) => {
    await page.keyboard.press("Escape");
    await page.locator(NAMED.picture).press("o");
  },
  help: async (page) => {
    await page.keyboard.press("Escape");
    await page.locator(NAMED.picture).press("?");
  },
  embeddings: async (page) => {
    await page.keyboard.press("Escape");
    await menu(page, "Embeddings");
  },
  everything: async (page) => {
    await page.keyboard.press("Escape");
    await page.locator(NAMED.picture).press("PageDown");
    await says(page, /ready in/);
    await page.locator(NAMED.picture).press("f");
    await says(page, /objects found/, 300_000);
  },
};

const WIDTHS = [
  [1440, 900],
  [1024, 768],
  [820, 1180],
  [390, 844],
] as const;

/** What the browser is asked to show. */
const COLORS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  forced: { colorScheme: "dark", forcedColors: "active" },
} as const;

const [given = join(DEMO, "..", ".cache", "screenshots"), ...wanted] = process.argv.slice(2);
const folder = resolve(given);
await mkdir(folder, { recursive: true });
const server = await serveDemo();
const browser = await launchBrowser();
for (const [width, height] of WIDTHS) {
  for (const [colors, shown] of Object.entries(COLORS)) {
    const name = `${width}-${colors}`;
    const isAsked =
      wanted.length === 0 ? colors !== "forced" || width === 1440 || width === 390 : wanted.includes(name);
    if (!isAsked) continue;
    const isPhone = width < 700;
    const context = await browser.newContext({
      viewport: { width, height },
      ...shown,
      isMobile: isPhone,
      hasTouch: isPhone,
      deviceScaleFactor: isPhone ? 2 : 1,
    });
    const page = await context.newPage();
    await page.goto(server.url);
    for (const [view, show] of Object.entries(VIEWS)) {
      await show(page);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(folder, `${view}-${name}.png`) });
    }
    await context.close();
  }
}
await browser.close();
await server.close();
process.stdout.write(`${folder}\n`);
process.exit();
