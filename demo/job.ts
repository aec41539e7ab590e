/** The job that is counted in docs/page.md: ten objects of two classes on the three sample photographs, a box around each. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { addClass, canvasBox, DEMO, isReady, NAMED, objectCount, says } from "../e2e/demo-page.ts";

/** x1, y1, x2, y2 in shares of the picture's sides. */
type Corners = readonly [number, number, number, number];

/** A photograph: the key of the class of what is in it, and a box around each thing. */
interface Photo {
  readonly file: string;
  readonly key: string;
  readonly things: readonly Corners[];
}

const PHOTOS: readonly Photo[] = [
  // wheels and windows
  {
    file: "truck.jpg",
    key: "1",
    things: [
      [0.247, 0.52, 0.378, 0.712],
      [0.78, 0.464, 0.906, 0.651],
      [0.131, 0.262, 0.349, 0.38],
      [0.364, 0.25, 0.479, 0.363],
    ],
  },
  // bags
  {
    file: "groceries.jpg",
    key: "2",
    things: [
      [0.457, 0.37, 0.558, 0.642],
      [0.55, 0.332, 0.638, 0.64],
      [0.631, 0.328, 0.732, 0.64],
      [0.728, 0.316, 0.803, 0.64],
    ],
  },
  // lamps
  {
    file: "cars.jpg",
    key: "1",
    things: [
      [0.607, 0.342, 0.702, 0.478],
      [0.404, 0.445, 0.455, 0.523],
    ],
  },
];

/** What the job took. */
export interface Counted {
  /** Presses of the mouse: a box that is dragged is one. */
  readonly presses: number;
  readonly keys: number;
  readonly seconds: number;
  /** Seconds of these in which the page was waited for. */
  readonly waited: number;
}

/** Opens the photographs and names the classes: that is no part of the job. */
export async function prepareJob(page: Page): Promise<void> {
  await isReady(page);
  const files = await Promise.all(
    PHOTOS.map(async ({ file }, i) => ({
      // pictures come in the order of their names
      name: `${i + 1}-${file}`,
      mimeType: "image/jpeg",
      buffer: await readFile(join(DEMO, "public", "samples", file)),
    })),
  );
  await page.locator(NAMED.pictures).setInputFiles(files);
  await says(page, /ready in/);
  await addClass(page, "part");
  await addClass(page, "bag");
  // the class that was there at first
  await page.getByRole("button", { name: "Edit the class object" }).click();
  await page.getByRole("button", { name: "Delete the class" }).click();
  await page.locator(NAMED.picture).press("1");
}

/** In CSS pixels of the window. */
type Point = readonly [number, number];

/** Moves the pointer as a hand does: slower at both ends. */
async function glide(page: Page, [x1, y1]: Point, [x2, y2]: Point, milliseconds: number): Promise<void> {
  const steps = Math.max(2, Math.round(milliseconds / 33));
  for (let step = 1; step <= steps; step++) {
    const way = (1 - Math.cos((Math.PI * step) / steps)) / 2;
    await page.mouse.move(x1 + (x2 - x1) * way, y1 + (y2 - y1) * way);
    if (milliseconds > 0) await page.waitForTimeout(16);
  }
}

/** Where a place of the picture is in the window. */
async function at(page: Page, x: number, y: number): Promise<Point> {
  const box = await canvasBox(page);
  const [width, height] = ((await page.locator(".picture-name small").textContent()) ?? "")
    .split(" × ")
    .map(Number) as [number, number];
  // a picture that fits fills so much of its frame
  const scale = Math.min(box.width / width, box.height / height) * 0.98;
  return [box.x + box.width / 2 + (x - 0.5) * width * scale, box.y + box.height / 2 + (y - 0.5) * height * scale];
}

/**
 * Does the job, with real clicks and keys, which the page counts.
 *
 * @param reach milliseconds for the way of the pointer from one thing to the next
 */
export async function doJob(page: Page, reach: number): Promise<Counted> {
  await page.evaluate(() => {
    const counts = { presses: 0, keys: 0 };
    addEventListener("pointerdown", () => counts.presses++, true);
    addEventListener("keydown", () => counts.keys++, true);
    Object.assign(window, { counts });
  });
  const start = performance.now();
  let waited = 0;
  const wait = async (until: Promise<unknown>): Promise<void> => {
    const from = performance.now();
    await until;
    waited += performance.now() - from;
  };
  let key = "1";
  let pointer: Point = [0, 0];
  for (const [i, photo] of PHOTOS.entries()) {
    if (i > 0) {
      await page.keyboard.press("PageDown");
      await wait(says(page, /ready in/));
    }
    if (photo.key !== key) await page.keyboard.press(photo.key);
    key = photo.key;
    for (const [count, [x1, y1, x2, y2]] of photo.things.entries()) {
      const [from, to] = [await at(page, x1, y1), await at(page, x2, y2)];
      await glide(page, pointer, from, reach);
      await page.mouse.down();
      await glide(page, from, to, reach);
      await page.mouse.up();
      pointer = to;
      await wait(says(page, /Mask with score/));
      if (reach > 0) await page.waitForTimeout(reach / 2);
      await page.keyboard.press("Enter");
      await wait(
        page.waitForFunction(
          ([rows, most]) => Number(document.querySelector(rows)?.getAttribute("aria-setsize")) === most,
          [NAMED.objects, count + 1] as const,
        ),
      );
    }
    if ((await objectCount(page)) !== photo.things.length) throw new Error(`expected ${photo.things.length} objects`);
  }
  const seconds = (performance.now() - start) / 1000;
  const counts = await page.evaluate(() => (window as unknown as { counts: { presses: number; keys: number } }).counts);
  return { ...counts, seconds, waited: waited / 1000 };
}
