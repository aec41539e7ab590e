/** The job that is counted in docs/page.md: ten objects of two classes on the three sample photographs, a click each. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { addClass, canvasBox, DEMO, isReady, NAMED, objectCount, says } from "../e2e/demo-page.ts";

/** A photograph: the key of the class of what is clicked in it, and where, in shares of its sides. */
interface Photo {
  readonly file: string;
  readonly key: string;
  readonly places: readonly (readonly [number, number])[];
}

const PHOTOS: readonly Photo[] = [
  // wheels and windows
  {
    file: "truck.jpg",
    key: "1",
    places: [
      [0.315, 0.62],
      [0.847, 0.56],
      [0.29, 0.32],
      [0.42, 0.307],
    ],
  },
  // bags
  {
    file: "groceries.jpg",
    key: "2",
    places: [
      [0.506, 0.51],
      [0.594, 0.49],
      [0.683, 0.49],
      [0.77, 0.53],
    ],
  },
  // lamps
  {
    file: "cars.jpg",
    key: "1",
    places: [
      [0.655, 0.41],
      [0.428, 0.485],
    ],
  },
];

/** What the job took. */
export interface Counted {
  readonly clicks: number;
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

/** Where a place of the picture is in the window. */
async function at(page: Page, [x, y]: readonly [number, number]): Promise<[number, number]> {
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
    const counts = { clicks: 0, keys: 0 };
    addEventListener("pointerdown", () => counts.clicks++, true);
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
  for (const [i, photo] of PHOTOS.entries()) {
    if (i > 0) {
      await page.keyboard.press("PageDown");
      await wait(says(page, /ready in/));
    }
    if (photo.key !== key) await page.keyboard.press(photo.key);
    key = photo.key;
    for (const [count, place] of photo.places.entries()) {
      const [x, y] = await at(page, place);
      const steps = Math.max(1, Math.round(reach / 40));
      await page.mouse.move(x, y, { steps });
      await page.waitForTimeout(reach / 3);
      await page.mouse.click(x, y);
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
    if ((await objectCount(page)) !== photo.places.length) throw new Error(`expected ${photo.places.length} objects`);
  }
  const seconds = (performance.now() - start) / 1000;
  const counts = await page.evaluate(() => (window as unknown as { counts: { clicks: number; keys: number } }).counts);
  return { ...counts, seconds, waited: waited / 1000 };
}
