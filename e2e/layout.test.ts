/** What is where on the screen: what is said is seen, what is chosen looks chosen, and nothing lies over what is needed. */
import { encode as encodePng } from "fast-png";
import { expect, test } from "vitest";
import { newContext } from "./browser.ts";
import { addClass, canvasBox, giveLabels, keep as keepOn, menu, NAMED, pixels } from "./demo-page.ts";
import { click, openSample, page, serveVisits, status, visit } from "./demo-visits.ts";

serveVisits();

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

interface Place {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Where an element is in the window; it has to be seen. */
async function placeOf(selector: string): Promise<Place> {
  const box = await page.locator(selector).boundingBox();
  if (!box || box.width === 0 || box.height === 0) throw new Error(`expected ${selector} to be seen, got no box`);
  return { left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

/** Waits until nothing moves, such as the panel, which slides in. */
async function isAtRest(): Promise<void> {
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== "running"));
}

/** Whether two places have pixels in common. */
const meet = (a: Place, b: Place): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Gives the sample many small squares, row by row. */
async function importSquares(): Promise<void> {
  const square = (i: number): number[] => {
    const [x, y] = [100 + 180 * (i % 6), 100 + 120 * Math.floor(i / 6)];
    return [x, y, x + 80, y, x + 80, y + 80, x, y + 80];
  };
  const file = {
    images: [{ id: 1, file_name: "truck.jpg", width: 1280, height: 853 }],
    categories: [{ id: 1, name: "square" }],
    annotations: Array.from({ length: 30 }, (_, id) => ({
      id,
      image_id: 1,
      category_id: 1,
      segmentation: [square(id)],
    })),
  };
  await giveLabels(page, "squares.json", file);
  await status(/^Imported squares.json: 30 objects/);
}

/** Clicks a place of the sample, in its pixels, while it is fitted: it fills 0.98 of the frame below the bar of a tool. */
async function clickPixel(x: number, y: number): Promise<void> {
  const { x: left, y: top, width, height } = await canvasBox(page);
  const room = (await placeOf('section[aria-label="The tool"]')).bottom - top;
  const scale = 0.98 * Math.min(width / 1280, (height - room) / 853);
  const [across, down] = [left + width / 2, top + room + (height - room) / 2];
  await page.mouse.click(across + (x - 640) * scale, down + (y - 426.5) * scale);
}

test("the row of an object that is selected on the picture is scrolled into view, with all that is in it", async () => {
  await visit(await newContext());
  await openSample();
  await importSquares();
  await page.locator(NAMED.picture).press("q");
  for (const [place, x, y] of [
    [30, 1040, 620],
    [1, 140, 140],
    [15, 500, 380],
  ] as const) {
    await clickPixel(x, y);
    const row = `li:has([aria-label="Edit object ${place} by hand"][aria-pressed=true])`;
    const isInView = async (): Promise<boolean> => {
      if ((await page.locator(row).count()) === 0) return false;
      const [list, { top, bottom }] = await Promise.all([placeOf(".object-scroll"), placeOf(row)]);
      return top >= list.top - 1 && bottom <= list.bottom + 1;
    };
    await expect.poll(isInView, { message: `object ${place}` }).toBe(true);
  }
});

test.each([
  ["a desk", { viewport: { width: 1280, height: 800 } }],
  ["a tablet", { viewport: { width: 820, height: 1180 } }],
  ["a phone", PHONE],
  ["a phone on its side", { ...PHONE, viewport: { width: 844, height: 390 } }],
])("on %s, what is said on the welcome is seen, and covers none of its words and buttons", async (_, options) => {
  await visit(await newContext(options));
  await openSample();
  await menu(page, "Delete all pictures");
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete all" }).click();
  await status(/Undo brings/);
  const said = await placeOf(NAMED.status);
  for (const part of await page.locator(".welcome > *").all()) {
    const { x, y, width, height } = (await part.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const covered = meet(said, { left: x, top: y, right: x + width, bottom: y + height });
    expect([await part.textContent(), covered]).toEqual([await part.textContent(), false]);
  }
});

test("on a phone, the bar of a mask stays in the window, however long the name of its class is", async () => {
  await visit(await newContext(PHONE));
  await openSample();
  const toggle = page.getByRole("button", { name: /^Objects and pictures/ });
  await toggle.click();
  await addClass(page, "Personenkraftwagen mit Anhänger");
  await toggle.click();
  await click(0.4, 0.5);
  expect((await placeOf('[aria-label="More for this mask"]')).right).toBeLessThanOrEqual(390);
  expect((await placeOf(".mask-bar")).left).toBeGreaterThanOrEqual(0);
});

test("a picture that is not here has its name in the strip", async () => {
  await visit(await newContext());
  const file = {
    images: [{ id: 1, file_name: "street/0001.jpg", width: 640, height: 480 }],
    categories: [{ id: 1, name: "person" }],
    annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation: [[0, 0, 99, 0, 99, 99]] }],
  };
  await giveLabels(page, "labels.json", file);
  await status(/Not here yet: 1 picture/);
  const words = (): Promise<string> =>
    page.locator(NAMED.frames).evaluate((frame) => getComputedStyle(frame, "::before").content);
  expect(await words()).toBe('"street/0001.jpg"');
  await openSample();
  // a frame with its picture needs no words
  await page.locator(`${NAMED.frames} img`).waitFor();
  const shown = page.locator(NAMED.frames).filter({ has: page.locator("img") });
  expect(await shown.evaluate((frame) => getComputedStyle(frame, "::before").content)).toBe("none");
});

test.each([
  [390, 844],
  [360, 740],
])(
  "%i×%i: while the panel is open, what is said and what went wrong is between strip and panel",
  async (width, height) => {
    await visit(await newContext({ ...PHONE, viewport: { width, height } }));
    await openSample();
    await click(0.4, 0.5);
    await keepOn(page);
    await page.locator(NAMED.picture).press("p");
    await page.getByRole("button", { name: /^Objects and pictures/ }).click();
    // the panel is as high as it may be
    for (const name of ["bag", "door", "lamp", "wheel"]) await addClass(page, name);
    /** What is there, and lies under strip or panel. */
    const hidden = async (...shown: readonly string[]): Promise<string[]> => {
      await isAtRest();
      const [strip, panel] = await Promise.all([placeOf(".strip"), placeOf(".panel")]);
      const places = await Promise.all(shown.map(async (each) => [each, await placeOf(each)] as const));
      return places.filter(([, at]) => at.top < strip.bottom || at.bottom > panel.top).map(([each]) => each);
    };
    await page.getByRole("button", { name: "Delete object 1" }).click();
    await status(/Undo brings it back/);
    expect(await hidden(NAMED.status)).toEqual([]);
    expect(await page.locator('section[aria-label="The tool"]').isVisible()).toBe(false);
    const broken = { name: "broken.json", mimeType: "application/json", buffer: Buffer.from("{}") };
    await page.locator(NAMED.annotations).setInputFiles(broken);
    await page.locator(NAMED.error).waitFor();
    expect(await hidden(`${NAMED.error} p`, `${NAMED.error} button`)).toEqual([]);
  },
);

test.each([
  ["a tool", {}, '[aria-label="What a click does"] [role=radio][aria-label="Box"]'],
  ["a tool by hand", {}, '[aria-label="What a click does"] [role=radio][aria-label="Erase"]'],
  ["what an outline does", {}, '[aria-label="What an outline does"] [role=radio]:nth-child(2)'],
  ["a class", {}, ".class-choice >> nth=1"],
  ["a tool on a phone", PHONE, '[aria-label="What a click does"] [role=radio][aria-label="Remove"]'],
  ["a tool by hand on a phone", PHONE, '[aria-label="Tools by hand"] [role=radio][aria-label="Erase, by hand"]'],
])("%s looks chosen while the pointer is still on it", async (_, options, selector) => {
  const isPhone = "isMobile" in options;
  await visit(await newContext(options));
  await openSample();
  if (!isPhone) {
    await addClass(page, "wheel");
    await page.locator(".class-choice").first().click();
  }
  await page
    .locator(NAMED.picture)
    .press(selector.includes("outline") ? "l" : isPhone && /hand/.test(selector) ? "p" : "a");
  const chosen = page.locator(selector);
  if (isPhone) await chosen.tap();
  else await chosen.click();
  /** The color that is seen behind the button's words, and the one that says what is chosen. */
  const colors = await chosen.evaluate((button) => {
    const probe = document.createElement("i");
    probe.style.background = "var(--tint)";
    document.body.append(probe);
    const [own, behind, tint] = [button, button.parentElement as Element, probe].map(
      (each) => getComputedStyle(each).backgroundColor,
    );
    probe.remove();
    return { seen: own === "rgba(0, 0, 0, 0)" ? behind : own, tint };
  });
  expect(colors.seen).toBe(colors.tint);
});

test("the class editor of a phone is inside of the window, and its fields show all that is in them", async () => {
  await visit(await newContext(PHONE));
  await openSample();
  await page.getByRole("button", { name: /^Objects and pictures/ }).click();
  await page.getByRole("button", { name: "Edit the class object" }).click();
  const editor = page.getByRole("dialog", { name: "The class object" });
  await editor.waitFor();
  const { left, right } = await placeOf(".popover");
  expect([left >= 8, right <= 382]).toEqual([true, true]);
  const [name, color] = [await placeOf('[aria-label="Name of the class"]'), await placeOf("input[type=color]")];
  expect([color.top, color.bottom]).toEqual([name.top, name.bottom]);
  /** How wide the choice is, and how wide it would be with nothing beside it. */
  const [width, wanted] = await editor.locator("select").evaluate((select: HTMLSelectElement) => {
    const { width } = select.getBoundingClientRect();
    const alone = select.cloneNode(true) as HTMLSelectElement;
    alone.style.cssText = "position: absolute; width: max-content";
    document.body.append(alone);
    const wanted = alone.getBoundingClientRect().width;
    alone.remove();
    return [width, wanted];
  });
  expect(width).toBeGreaterThanOrEqual(wanted as number);
});

test("numbers are said as people say them: the largest size that is filtered for, and what an export is of", async () => {
  await visit(await newContext());
  await openSample();
  await importSquares();
  await page.getByRole("button", { name: "Filter the objects" }).click();
  const size = page.getByLabel(/^Size up to/);
  const said: unknown[] = [];
  for (const at of ["1", "0.9", "0.5", "0.2"]) {
    await size.fill(at);
    said.push([
      at,
      await page.locator(".filter label:has-text('Size') span").textContent(),
      await size.getAttribute("aria-valuetext"),
    ]);
  }
  expect(said).toEqual([
    ["1", "Size up to 100 %", "100 percent of the picture"],
    ["0.9", "Size up to 66 %", "66 percent of the picture"],
    ["0.5", "Size up to 6.3 %", "6.3 percent of the picture"],
    ["0.2", "Size up to 0.16 %", "0.16 percent of the picture"],
  ]);
  await page.getByRole("button", { name: "Export", exact: true }).click();
  expect(await page.getByRole("dialog").textContent()).toContain("All: 1 picture, 30 objects");
});

test("on a phone, the button beside a heading is in line with it", async () => {
  await visit(await newContext(PHONE));
  await openSample();
  await click(0.4, 0.5);
  await keepOn(page);
  await page.getByRole("button", { name: /^Objects and pictures/ }).click();
  await isAtRest();
  const middle = ({ top, bottom }: Place): number => (top + bottom) / 2;
  const [count, filter] = [await placeOf(".objects .count"), await placeOf('[aria-label="Filter the objects"] svg')];
  expect(Math.abs(middle(count) - middle(filter))).toBeLessThan(3);
});

test("a picture as high as its frame is fitted below the bar of a tool for the hand, so that all of it can be painted", async () => {
  await visit(await newContext());
  const [width, height] = [300, 600];
  const data = new Uint8Array(width * height).fill(200);
  const portrait = Buffer.from(encodePng({ width, height, data, channels: 1, depth: 8 }));
  await page.locator(NAMED.pictures).setInputFiles({ name: "portrait.png", mimeType: "image/png", buffer: portrait });
  await status(/ready in/);
  /** Where the picture begins, in CSS pixels of the window. */
  const top = async (): Promise<number> => {
    const [{ y }, shown] = await Promise.all([canvasBox(page), pixels(page)]);
    const isCovered = (row: number): boolean =>
      shown.data[4 * (row * shown.width + Math.floor(shown.width / 2)) + 3] === 255;
    return y + Array.from({ length: shown.height }, (_, row) => row).findIndex(isCovered);
  };
  const before = await top();
  await page.locator(NAMED.picture).press("p");
  const bar = await placeOf('section[aria-label="The tool"]');
  expect(before).toBeLessThan(bar.bottom);
  await expect.poll(top).toBeGreaterThanOrEqual(bar.bottom);
  await page.locator(NAMED.picture).press("a");
  await expect.poll(top).toBe(before);
});
