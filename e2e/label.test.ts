/** Labeling, as a person does it: a set of pictures, objects, exports, no network, no headers. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode as encodePng } from "fast-png";
import { unzipSync } from "fflate";
import type { BrowserContext, Locator } from "playwright-core";
import { decodeRle, encodeRle, maskArea, type Rle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { toPsd } from "../demo/src/formats/psd.ts";
import { type LabeledObject, newObject } from "../demo/src/labels/annotations.ts";
import { newContext } from "./browser.ts";
import {
  addClass,
  canvasBox,
  classNames,
  DEMO,
  exported as exportedFrom,
  giveLabels,
  isReady,
  keep as keepOn,
  menu,
  NAMED,
  objectCount,
  serveDemo,
  violations,
} from "./demo-page.ts";
import {
  click,
  context,
  open,
  openSample,
  outside,
  page,
  pictures,
  server,
  serveVisits,
  status,
  visit,
} from "./demo-visits.ts";

serveVisits();

const sample = (name: string): string => join(DEMO, "public", "samples", name);

/** A small picture. */
const PHOTO = fileURLToPath(new URL("../models/reference/fixtures/photo/truck.png", import.meta.url));

const objects = (): Promise<number> => objectCount(page);
const keep = (): Promise<void> => keepOn(page);
const exported = (format?: string): Promise<{ name: string; bytes: Buffer }> => exportedFrom(page, format);
const undo = (): Promise<void> => page.locator(NAMED.undo).click();
const redo = (): Promise<void> => page.locator(NAMED.redo).click();
/** How much is labeled, as the panel says it. */
const kept = (): Promise<string | null> => page.locator("p.kept").textContent();
const error = (): Promise<string | null> => page.locator(NAMED.error).textContent();
/** The name of the class of the next object. */
const chosen = (): Promise<string | null> =>
  page.locator(`${NAMED.classes}[aria-pressed=true] .class-name`).textContent();

/** Answers the question that is shown, which has to be this one. */
async function answer(text: string, choice: string): Promise<void> {
  const dialog = page.getByRole("alertdialog");
  expect(await dialog.textContent()).toContain(text);
  await dialog.getByRole("button", { name: choice }).click();
}

/** Five pictures, from the three samples under other names. */
async function fivePictures(): Promise<{ name: string; mimeType: string; buffer: Buffer }[]> {
  const names = ["truck.jpg", "groceries.jpg", "cars.jpg", "truck.jpg", "cars.jpg"];
  return Promise.all(
    names.map(async (name, i) => ({
      name: `${i + 1}-${name}`,
      mimeType: "image/jpeg",
      // bytes of its own: it is known by them
      buffer: Buffer.concat([await readFile(sample(name)), Buffer.from([i])]),
    })),
  );
}

test("five pictures labeled, exported, and imported again equal; nothing leaves the origin", async () => {
  await visit(await newContext());
  await page.locator(NAMED.pictures).setInputFiles(await fivePictures());
  await status(/ready in/);
  await expect.poll(pictures).toBe(5);
  await addClass(page, "thing");
  for (let i = 0; i < 5; i++) {
    await click(0.4 + 0.04 * i, 0.5);
    await page.locator(NAMED.picture).press(i % 2 === 0 ? "2" : "1");
    await page.locator(NAMED.picture).press("Enter");
    await expect.poll(objects).toBe(1);
    // it is said once it is kept; what the next picture says would otherwise come before it
    await status(/^Kept as /);
    if (i < 4) {
      await page.locator(NAMED.picture).press("PageDown");
      await status(/ready in/);
      await expect.poll(objects).toBe(0);
    }
  }
  await expect.poll(kept).toMatch(/^5 of 5 pictures labeled/);
  const first = await exported();
  const coco = JSON.parse(first.bytes.toString());
  expect([first.name, coco.images.length, coco.annotations.length]).toEqual(["annotations.json", 5, 5]);
  const yolo = await exported("YOLO segmentation");
  const files = unzipSync(new Uint8Array(yolo.bytes));
  expect(Object.keys(files)).toEqual([
    ...[1, 2, 3, 4, 5].map((i) => expect.stringContaining(`labels/${i}-`)),
    "data.yaml",
  ]);

  // all gone, then back from the file
  await page.getByRole("button", { name: "Delete object 1" }).click();
  await expect.poll(objects).toBe(0);
  const annotations = { name: "annotations.json", mimeType: "application/json", buffer: first.bytes };
  await page.locator(NAMED.annotations).setInputFiles(annotations);
  await status(/Imported annotations.json/);
  await expect.poll(objects).toBe(1);
  const again = JSON.parse((await exported()).bytes.toString());
  expect(again).toEqual(coco);

  // a file that knows the folder, and other classes
  const swapped = {
    images: coco.images.map((image: { file_name: string }) => ({ ...image, file_name: `images/${image.file_name}` })),
    annotations: coco.annotations.map((each: { category_id: number }) => ({
      ...each,
      category_id: 3 - each.category_id,
    })),
    categories: coco.categories,
  };
  const elsewhere = { ...annotations, name: "elsewhere.json", buffer: Buffer.from(JSON.stringify(swapped)) };
  await page.locator(NAMED.annotations).setInputFiles(elsewhere);
  await answer("There are labels in 5 pictures already.", "Cancel");
  expect(JSON.parse((await exported()).bytes.toString())).toEqual(coco);
  await page.locator(NAMED.annotations).setInputFiles(elsewhere);
  await answer("Replace: 5 objects added, 5 removed.", "Replace");
  await status(/^Imported elsewhere.json: 5 objects of 5 pictures.$/);
  const categories = async (): Promise<number[]> =>
    JSON.parse((await exported()).bytes.toString()).annotations.map(
      ({ category_id }: { category_id: number }) => category_id,
    );
  expect(await categories()).toEqual([1, 2, 1, 2, 1]);

  // an import is taken back and done again like anything else
  await undo();
  expect(await categories()).toEqual([2, 1, 2, 1, 2]);
  await redo();
  expect(await categories()).toEqual([1, 2, 1, 2, 1]);

  const label = (frame: Locator): Promise<string | null> => frame.getAttribute("aria-label");
  await menu(page, "Delete this picture");
  await expect.poll(kept).toMatch(/^4 of 4 pictures labeled/);
  expect(await label(page.locator(NAMED.frames).last())).toBe("4-truck.jpg, 1 object");
  expect(await label(page.locator(`${NAMED.frames}[aria-current=true]`))).toBe("4-truck.jpg, 1 object");
  await menu(page, "Delete all pictures");
  await answer("Delete all 4 pictures with their labels from this browser?", "Delete all");
  await expect.poll(pictures).toBe(0);
  // deleted pictures come back with their labels
  await undo();
  await expect.poll(pictures).toBe(4);
  await undo();
  await expect.poll(pictures).toBe(5);
  await status(/ready in/);
  expect(await label(page.locator(`${NAMED.frames}[aria-current=true]`))).toBe("5-cars.jpg, 1 object");
  expect(await categories()).toEqual([1, 2, 1, 2, 1]);
  await redo();
  await redo();
  // said once it is kept
  await status(/^Redone: Delete 4 pictures/);
  expect(await pictures()).toBe(0);
  await page.reload();
  await isReady(page);
  expect(await pictures()).toBe(0);

  // labels that come before their pictures wait for them
  await page.locator(NAMED.annotations).setInputFiles(elsewhere);
  await status(/Not here yet: 5 pictures. Open them to see their labels.$/);
  await expect.poll(pictures).toBe(5);
  await page.locator(NAMED.frames).first().click();
  await expect.poll(error).toContain("images/1-truck.jpg is not here");
  await page.locator(NAMED.pictures).setInputFiles((await fivePictures()).slice(0, 1));
  await status(/ready in/);
  expect(await objects()).toBe(1);
  await expect.poll(() => page.locator(`${NAMED.frames} img`).first().getAttribute("src")).toMatch(/^blob:/);
  expect(outside).toEqual([]);
});

test("a file whose polygons take long is read beside the page, which says how far it is; Cancel ends that", async () => {
  await visit(await newContext());
  await openSample();
  const corners = (count: number, width: number): number[] =>
    Array.from({ length: count }, (_, i) => [i % 2 === 0 ? 0 : width, (i * 0.37) % 3000]).flat();
  const folder = await mkdtemp(join(tmpdir(), "labels-"));
  const read = async (segmentations: readonly number[][][]): Promise<void> => {
    const file = {
      images: [{ id: 1, file_name: "plan.png", width: 4000, height: 3000 }],
      categories: [{ id: 1, name: "line" }],
      annotations: segmentations.map((segmentation, id) => ({ id, image_id: 1, category_id: 1, segmentation })),
    };
    await writeFile(join(folder, "long.json"), JSON.stringify(file));
    await page.locator(NAMED.annotations).setInputFiles(join(folder, "long.json"));
  };
  await page.evaluate(() => {
    let [before, longest] = [performance.now(), 0];
    const tick = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - before);
      before = now;
      Object.assign(window, { longest });
      setTimeout(tick);
    };
    tick();
  });
  await read(Array.from({ length: 200 }, () => [corners(10_000, 4000)]));
  await expect
    .poll(() => page.locator(`${NAMED.busy} progress`).getAttribute("value"), { timeout: 60_000 })
    .toMatch(/^0\.0[1-9]/);
  expect(await page.locator(`${NAMED.busy} span`).textContent()).toBe("Reading long.json");
  await page.getByRole("button", { name: "Cancel" }).click();
  await status(/Stopped/);
  expect(await page.locator(NAMED.busy).isVisible()).toBe(false);
  expect(await pictures()).toBe(1);
  const far = [-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12];
  await read([[far], [corners(100_000, 40)]]);
  await status(/^Imported long.json: 2 objects of 1 picture. Not here yet: 1 picture. Open them to see their labels.$/);
  expect(await page.evaluate(() => (window as unknown as { longest: number }).longest)).toBeLessThan(1000);
  await rm(folder, { recursive: true });
}, 120_000);

test("a class is renamed, becomes another, and is deleted; each is a step that can be taken back", async () => {
  await visit(await newContext());
  const classes = (): Promise<string[]> => classNames(page);
  const rename = async (from: string, to: string): Promise<void> => {
    await page.getByRole("button", { name: `Edit the class ${from}` }).click();
    await page.getByLabel("Name of the class").fill(to);
    await page.getByLabel("Name of the class").press("Enter");
  };
  const edit = async (name: string): Promise<void> =>
    page.getByRole("button", { name: `Edit the class ${name}` }).click();
  const classOf = async (place: number): Promise<string> => {
    const row = page.getByRole("button", { name: `Edit object ${place} by hand` });
    if ((await row.getAttribute("aria-pressed")) !== "true") await row.click();
    return page.getByLabel(`Class of object ${place}`).inputValue();
  };
  await openSample();
  await edit("object");
  expect(await page.getByRole("button", { name: "Delete the class" }).isDisabled()).toBe(true);
  await page.keyboard.press("Escape");
  await addClass(page, "weel");
  for (const [key, expected] of [
    ["1", "object"],
    ["9", "object"],
    ["2", "weel"],
  ] as const) {
    await page.locator(NAMED.picture).press(key);
    expect(await chosen()).toBe(expected);
  }
  await click(0.4, 0.5);
  await keep();
  await expect.poll(objects).toBe(1);

  await rename("weel", "wheel");
  await status(/^weel is now wheel.$/);
  expect(await classes()).toEqual(["object", "wheel"]);
  expect([await chosen(), await classOf(1)]).toEqual(["wheel", "wheel"]);
  await undo();
  expect([await classes(), await classOf(1)]).toEqual([["object", "weel"], "weel"]);
  await redo();
  expect([await classes(), await classOf(1)]).toEqual([["object", "wheel"], "wheel"]);

  await edit("wheel");
  await page.getByRole("button", { name: "Delete the class" }).click();
  await expect.poll(error).toContain("1 object is of the class wheel — rename it to the class");
  expect(await classes()).toEqual(["object", "wheel"]);
  await rename("wheel", "object");
  await answer("Make every object of wheel one of object?", "Join");
  await status(/^wheel is now object.$/);
  expect([await classes(), await classOf(1)]).toEqual([["object"], "object"]);

  // a deleted class comes back with the step that needs it
  await addClass(page, "spare");
  await classOf(1);
  await page.getByLabel("Class of object 1").selectOption("spare");
  await status(/^Object 1 is spare.$/);
  await undo();
  await expect.poll(() => classOf(1)).toBe("object");
  await edit("spare");
  await page.getByRole("button", { name: "Delete the class" }).click();
  await expect.poll(classes).toEqual(["object"]);
  await undo();
  await expect.poll(classes).toEqual(["object", "spare"]);
  await page.getByLabel("Class of object 1").selectOption("spare");
  await expect.poll(() => classOf(1)).toBe("spare");
  // what is being kept is kept once another tab finds it
  const other = await (context as BrowserContext).newPage();
  const found = async (): Promise<string[]> => {
    await other.goto(server.url);
    await isReady(other);
    return classNames(other);
  };
  await expect.poll(found, { timeout: 20_000 }).toEqual(["object", "spare"]);
  await page.reload();
  await expect.poll(classes).toEqual(["object", "spare"]);
});

test("everything: many objects at once, one undo takes them back", async () => {
  await visit(await newContext());
  await openSample();
  const set = async (options: Readonly<Record<string, string>>): Promise<void> => {
    await page.locator(NAMED.picture).press("o");
    for (const [name, value] of Object.entries(options)) await page.getByLabel(name).fill(value);
    await page.keyboard.press("Escape");
  };
  const everything = (): Promise<void> => page.getByRole("button", { name: "Find everything" }).click();
  await set({ "Points along a side": "6", "Least score": "0.3", "Least stability": "0.5" });
  await everything();
  await status(/objects found/);
  expect(await objects()).toBeGreaterThan(3);
  await undo();
  await expect.poll(objects).toBe(0);
  // and it can be stopped
  await set({ "Points along a side": "40" });
  await everything();
  await page.getByRole("button", { name: "Cancel" }).click();
  await status(/Stopped/);
  expect(await objects()).toBe(0);
});

test("touching up: what is kept is protected, a brush paints and erases, a mask is added and taken; each is one step of undo", async () => {
  await visit(await newContext());
  await openSample();
  await click(0.4, 0.5);
  await page.evaluate(() => {
    navigator.storage.persist = async () => Object.assign(window, { protects: true }) !== null;
  });
  await keep();
  await expect.poll(objects).toBe(1);
  await page.waitForFunction(() => "protects" in window);
  const area = async (): Promise<number> => JSON.parse((await exported()).bytes.toString()).annotations[0].area;
  const kept = await area();
  await page.getByRole("button", { name: "Edit object 1 by hand" }).click();
  const at = async (x: number, y: number): Promise<[number, number]> => {
    const box = await canvasBox(page);
    return [box.x + x * box.width, box.y + y * box.height];
  };
  const tool = (name: string): Promise<void> => page.getByRole("radio", { name, exact: true }).click();
  const drag = async (name: string): Promise<void> => {
    await tool(name);
    const box = await canvasBox(page);
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.2 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.2 * box.height, { steps: 5 });
    await page.mouse.up();
    await status(/Touched up/);
  };
  await tool("Paint");
  await page.getByLabel("Brush, pixels").fill("40");
  await drag("Paint");
  const painted = await area();
  expect(painted).toBeGreaterThan(kept + 40 * 200);
  await drag("Erase");
  expect(await area()).toBeLessThan(painted - 40 * 200);
  await undo();
  await expect.poll(area).toBe(painted);
  await tool("Add");
  await click(0.8, 0.9);
  await page.getByRole("button", { name: "Add to the edited object" }).click();
  await status(/Added to the object/);
  const added = await area();
  expect(added).toBeGreaterThan(painted);
  await click(0.8, 0.9);
  await page.getByRole("button", { name: "Take from the edited object" }).click();
  await status(/Taken from the object/);
  expect(await area()).toBeLessThan(added);
  // a locked object is safe; names and order are the person's
  await page.getByLabel("Name of object 1").fill("the roof");
  await page.getByLabel("Name of object 1").press("Enter");
  await page.getByRole("button", { name: "Lock object 1" }).click();
  expect(await page.getByRole("button", { name: "Delete object 1" }).isDisabled()).toBe(true);
  const locked = await area();
  await tool("Paint");
  await page.mouse.click(...(await at(0.3, 0.8)));
  await status(/locked: unlock it first/);
  expect(await area()).toBe(locked);
  expect(await page.getByLabel("Name of object 1").inputValue()).toBe("the roof");
});

test("by hand, without the model: outlines, corners, parts, and a copy in the next picture", async () => {
  await visit(await newContext());
  await page.locator(NAMED.pictures).setInputFiles((await fivePictures()).slice(0, 2));
  await status(/ready in/);
  const at = async (x: number, y: number): Promise<[number, number]> => {
    const box = await canvasBox(page);
    return [box.x + x * box.width, box.y + y * box.height];
  };
  const tool = (name: string): Promise<void> => page.getByRole("radio", { name, exact: true }).click();
  const areas = async (): Promise<number[]> => {
    const { annotations } = JSON.parse((await exported()).bytes.toString());
    return annotations.map(({ area }: { area: number }) => area);
  };
  await tool("Outline");
  for (const [x, y] of [
    [0.2, 0.2],
    [0.4, 0.2],
    [0.4, 0.4],
    [0.2, 0.4],
    [0.2, 0.2],
  ] as const) {
    await page.mouse.click(...(await at(x, y)));
  }
  await expect.poll(objects).toBe(1);
  const [square] = await areas();
  await tool("Corners");
  await expect.poll(() => page.getByRole("status", { name: "Corners" }).textContent()).toMatch(/^4 corners, IoU 1.000/);
  await page.mouse.move(...(await at(0.4, 0.4)));
  await page.mouse.down();
  await page.mouse.move(...(await at(0.6, 0.6)), { steps: 4 });
  await page.mouse.up();
  await status(/Reshaped/);
  const [reshaped] = await areas();
  expect(reshaped).toBeGreaterThan((square as number) * 1.5);
  await undo();
  await expect.poll(areas).toEqual([square]);
  await page.getByRole("button", { name: "Grow", exact: true }).click();
  await status(/Grow: \d+ pixels changed/);
  await page.getByRole("button", { name: "Copy to the next picture" }).click();
  await status(/Copied to 2-groceries/);
  expect(await areas()).toHaveLength(2);
});

test("boxes of a detector become masks, which are looked at one by one; the overview counts them", async () => {
  await visit(await newContext());
  await openSample();
  // all of the rear wheel
  const [left, top, width, height] = [316, 446, 168, 159];
  const outline = { id: 1, image_id: 1, category_id: 1, segmentation: [[10, 10, 60, 10, 60, 60, 10, 60]] };
  const file = {
    images: [
      { id: 1, file_name: "truck.jpg", width: 1280, height: 853 },
      { id: 2, file_name: "bus.jpg", width: 9, height: 9 },
    ],
    categories: ["sign", "truck", "wheel"].map((name, i) => ({ id: i + 1, name })),
    annotations: [
      outline,
      { id: 2, image_id: 1, category_id: 2, bbox: [70, 190, 1160, 380] },
      { id: 3, image_id: 1, category_id: 3, bbox: [left, top, width, height] },
      { id: 4, image_id: 2, category_id: 3, bbox: [0, 0, 9, 9] },
    ],
  };
  await giveLabels(page, "boxes.json", file);
  const dialog = page.getByRole("alertdialog");
  await expect.poll(() => dialog.textContent()).toContain("2 boxes become masks");
  expect(await dialog.textContent()).toContain(
    "Left out: 1 of bus.jpg: no picture here, or more than one, has this name.",
  );
  await dialog.getByRole("button", { name: "Import" }).click();
  await expect.poll(objects, { timeout: 60_000 }).toBe(3);
  const { annotations } = JSON.parse((await exported()).bytes.toString());
  const [sign, truck, wheel] = annotations as [{ area: number }, { area: number }, { segmentation: Rle }];
  expect(sign.area).toBe(2500);
  expect(truck.area).toBeGreaterThan(150_000);
  // round, it fills three quarters of its box, and is in it but for some of its shadow
  const mask = decodeRle(wheel.segmentation);
  const areaIn = (margin: number): number => {
    const isIn = (x: number, y: number): boolean =>
      x >= left - margin && x < left + width + margin && y >= top - margin && y < top + height + margin;
    return mask.data.filter((value, i) => value === 1 && isIn(i % mask.width, Math.floor(i / mask.width))).length;
  };
  expect(areaIn(0) / (width * height)).toBeGreaterThan(0.6);
  expect(areaIn(0) / (width * height)).toBeLessThan(0.95);
  expect(areaIn(8) / maskArea(mask)).toBeGreaterThan(0.9);
  // what is said of the import comes once that is kept, and may take the place of this
  const next = async (): Promise<string | null> => {
    await page.locator(NAMED.picture).press("n");
    return page.locator(NAMED.status).textContent();
  };
  await expect.poll(next, { timeout: 30_000 }).toMatch(/2 to look at; this one has score/);
  await page.locator(NAMED.picture).press("y");
  await status(/1 to look at/);
  await page.getByRole("button", { name: "Filter the objects" }).click();
  await page.getByLabel("Objects in the state").selectOption("To look at");
  await expect.poll(objects).toBe(1);
  await page.getByRole("button", { name: "Overview" }).click();
  expect(await page.getByRole("dialog").textContent()).toContain("1 object waits for your look");
  // the picture is still open
  await expect.poll(() => page.getByRole("dialog").textContent()).toMatch(/Time spent[1-9]/);
  expect(await violations(page)).toEqual([]);
});

test("masks of PNG, SVG and PSD, and what the page exported, are imported: classes, boxes and areas", async () => {
  const [width, height] = [480, 320];
  const masks = [
    { name: "wheel", color: "#c2410c", box: [20, 140, 60, 50] },
    { name: "door", color: "#15803d", box: [200, 60, 150, 120] },
  ] as const;
  const values = new Uint8Array(width * height);
  for (const [i, { box }] of masks.entries()) {
    const [left, top, wide, high] = box;
    for (let y = top; y < top + high; y++) values.fill(i + 1, y * width + left, y * width + left + wide);
  }
  const objectOf = (index: number): LabeledObject => {
    const data = values.map((value) => Number(value === index + 1));
    return newObject(masks[index]?.name as string, encodeRle({ width, height, data }));
  };
  const image = { id: "a", sha256: null, name: "truck.png", width, height, objects: masks.map((_, i) => objectOf(i)) };
  const picture = { width, height, data: new Uint8ClampedArray(4 * width * height).fill(255) };
  const paths = masks.map(
    ({ name, color, box: [x, y, wide, high] }) =>
      `<path fill="${color}" d="M${x} ${y}L${x + wide} ${y}L${x + wide} ${y + high}L${x} ${y + high}Z"><title>${name}</title></path>`,
  );
  const given: readonly [string, Readonly<Record<string, string | Uint8Array>>][] = [
    [
      "Pascal VOC",
      {
        "truck.png": encodePng({ width, height, data: values, channels: 1, depth: 8 }),
        "labelmap.txt": `background\n${masks.map(({ name }) => name).join("\n")}\n`,
      },
    ],
    ["PSD", { "truck.psd": toPsd(image, picture) }],
    [
      "SVG",
      {
        "truck.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${paths.join("")}</svg>`,
      },
    ],
  ];
  await visit(await newContext());
  await page.locator(NAMED.pictures).setInputFiles(PHOTO);
  await status(/ready in/);
  const rows = page.locator(`${NAMED.objects} .object-words > span`);
  const importOf = async (what: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> => {
    await page.locator(NAMED.annotations).setInputFiles(
      Object.entries(files).map(([name, content]) => ({
        name,
        mimeType: "application/octet-stream",
        buffer: Buffer.from(content),
      })),
    );
    await status(/^Imported .*: 2 objects of 1 picture\.$/);
    expect([what, (await rows.allTextContents()).sort()]).toEqual([what, ["door", "wheel"]]);
  };
  const back = async (): Promise<void> => {
    await undo();
    await status(/^Undone: Import/);
    expect(await objects()).toBe(0);
  };
  let kept: unknown;
  for (const [what, files] of given) {
    if (kept) await back();
    await importOf(what, files);
    const { annotations, categories } = JSON.parse((await exported()).bytes.toString());
    const found = annotations.map(
      ({ category_id, bbox, area }: { category_id: number; bbox: number[]; area: number }) => [
        categories.find(({ id }: { id: number }) => id === category_id).name,
        bbox,
        area,
      ],
    );
    expect([what, found]).toEqual([what, masks.map(({ name, box }) => [name, box, box[2] * box[3]])]);
    kept = annotations;
  }
  const zips = [await exported("Pascal VOC class PNG"), await exported("PNG for each object")];
  await back();
  for (const { name, bytes } of zips) {
    expect(name).toMatch(/\.zip$/);
    await importOf(name, { [name]: bytes });
    expect([name, JSON.parse((await exported()).bytes.toString()).annotations]).toEqual([name, kept]);
    await back();
  }
});

test("what is typed to search the objects is shown as long as it counts; numbers are typed as one likes", async () => {
  await visit(await newContext());
  await page.locator(NAMED.pictures).setInputFiles((await fivePictures()).slice(0, 2));
  await status(/ready in/);
  await expect.poll(pictures).toBe(2);
  const square = (id: number, image: number, category: number) => ({
    id,
    image_id: image,
    category_id: category,
    segmentation: [[0, 0, 9, 0, 9, 9, 0, 9].map((value) => value + 10 * id)],
  });
  const file = {
    images: [
      { id: 1, file_name: "1-truck.jpg", width: 1280, height: 853 },
      { id: 2, file_name: "2-groceries.jpg", width: 800, height: 534 },
    ],
    categories: ["cat", "dog"].map((name, i) => ({ id: i + 1, name })),
    annotations: [...Array.from({ length: 9 }, (_, i) => square(i, 1, 1)), square(9, 2, 2), square(10, 2, 2)],
  };
  await giveLabels(page, "squares.json", file);
  await status(/^Imported squares.json: 11 objects of 2 pictures\.$/);
  const search = page.getByLabel("Search the objects");
  await search.fill("cat");
  await expect.poll(objects).toBe(9);
  await page.locator(NAMED.frames).nth(1).click();
  await expect.poll(objects).toBe(0);
  expect(await search.inputValue()).toBe("cat");
  await search.fill("");
  await expect.poll(objects).toBe(2);
  // few objects are searched as long as one is at it
  await search.fill("dog");
  await search.fill("");

  await page.getByRole("radio", { name: "Paint", exact: true }).click();
  const brush = page.getByLabel("Brush, pixels");
  await brush.press("End");
  await brush.press("Backspace");
  await brush.press("Backspace");
  await brush.pressSequentially("50");
  expect(await brush.inputValue()).toBe("50");
  await brush.fill("4000");
  await brush.blur();
  expect(await brush.inputValue()).toBe("50");
  await page.locator(NAMED.picture).press("o");
  const points = page.getByLabel("Points along a side");
  await points.fill("0");
  await points.blur();
  expect(await points.inputValue()).toBe("16");
});

describe("without", () => {
  test("a network, after the first visit: a click, a label, an export", async () => {
    await visit(await newContext({ serviceWorkers: "allow" }));
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await context?.setOffline(true);
    await page.reload();
    await isReady(page);
    await openSample(1);
    await click(0.5, 0.6);
    await keep();
    await expect.poll(objects).toBe(1);
    expect((await exported("SVG")).bytes.toString()).toContain("<path");
  });

  test("https: a click, a label", async () => {
    await open(await newContext(), server.url.replace("127.0.0.1", "0.0.0.0"));
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    await openSample(1);
    await click(0.5, 0.6);
    await keep();
    await expect.poll(objects).toBe(1);
    expect(await page.locator(NAMED.error).isVisible()).toBe(false);
  });

  test("headers of the host: the page isolates itself, and uses threads", async () => {
    const bare = await serveDemo({ headers: false });
    await open(await newContext({ serviceWorkers: "allow" }), bare.url);
    await page.waitForFunction(() => crossOriginIsolated, undefined, { timeout: 30_000 });
    await expect
      .poll(() => page.locator(NAMED.model).getAttribute("aria-label"), { timeout: 30_000 })
      .toMatch(/WASM, [2-9] threads/);
    await bare.close();
  });
});

test.each([
  ["light", { width: 1280, height: 800 }],
  ["dark", { width: 360, height: 740 }],
] as const)("no accessibility violations in any view: %s, %o", async (colorScheme, viewport) => {
  await visit(await newContext({ viewport, colorScheme }));
  /** What axe finds in a view, named after the view. */
  const found: string[] = [];
  const look = async (view: string): Promise<void> => {
    // what slides in is looked at once it is there
    await page.waitForFunction(() =>
      document.getAnimations().every(({ effect, playState }) => {
        return playState !== "running" || effect?.getComputedTiming().endTime === Number.POSITIVE_INFINITY;
      }),
    );
    found.push(...(await violations(page)).map((each) => `${view}: ${each}`));
  };
  const isNarrow = viewport.width < 1000;
  const togglePanel = async (): Promise<void> => {
    if (isNarrow) await page.getByRole("button", { name: /^Objects and pictures/ }).click();
  };
  await look("welcome");
  await openSample();
  await click(0.4, 0.5);
  await look("mask");
  await keep();
  await togglePanel();
  await page.getByRole("button", { name: "Edit object 1 by hand" }).click();
  await look("edited object");
  if (!isNarrow) {
    for (const each of ["Paint", "Outline", "Corners", "Add"]) {
      await page.getByRole("radio", { name: each, exact: true }).click();
      await look(each);
    }
  }
  await page.getByRole("button", { name: "Edit the class object" }).click();
  await look("class");
  await page.keyboard.press("Escape");
  await togglePanel();
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await look("menu");
  await page.keyboard.press("Escape");
  await page.locator(NAMED.model).click();
  await look("models");
  await page.keyboard.press("Escape");
  for (const [key, view] of [
    ["Control+k", "palette"],
    ["?", "keys"],
    ["o", "options"],
    ["Control+e", "export"],
  ] as const) {
    await page.locator(NAMED.picture).press(key);
    await look(view);
    await page.keyboard.press("Escape");
  }
  await menu(page, "Delete all pictures");
  await look("question");
  expect(found).toEqual([]);
});

test("with the keyboard alone, from picture to export", async () => {
  await visit(await newContext());
  const press = (...keys: string[]): Promise<void> =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  /** Tabs until the element has the focus. */
  const reach = async (selector: string): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
      await press("Tab");
    }
    throw new Error(`${selector} cannot be reached with Tab`);
  };
  await reach(NAMED.samples);
  await press("Enter");
  await status(/ready in/);
  // the picture has the focus now
  await press("ArrowUp", "ArrowUp", "Enter");
  await status(/Mask with score/);
  await press("c");
  await status(/Candidate 2/);
  await press("Escape");
  await expect.poll(() => page.locator(NAMED.candidates).count()).toBe(0);
  await press(".");
  await status(/Mask with score/);
  await press("ArrowLeft", ",");
  await status(/Mask with score/);
  await press("Enter");
  await expect.poll(objects).toBe(1);
  await press("Control+e");
  await reach("input[type=radio]");
  await press("ArrowDown", "Tab", "Tab");
  const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
  expect(download.suggestedFilename()).toBe("annotations.json");
});

test("keys that delete a row leave the focus on the row beside it, and after the last one on the picture", async () => {
  await visit(await newContext());
  await openSample();
  const annotations = [1, 2, 3].map((id) => {
    const [left, right] = [100 * id, 100 * id + 50];
    return { id, image_id: 1, category_id: 1, segmentation: [[left, 10, right, 10, right, 60, left, 60]] };
  });
  const file = {
    images: [{ id: 1, file_name: "truck.jpg", width: 1280, height: 853 }],
    categories: [{ id: 1, name: "sign" }],
    annotations,
  };
  await giveLabels(page, "signs.json", file);
  await expect.poll(objects).toBe(3);
  const focused = (): Promise<string> =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "nothing");
  await page.getByRole("button", { name: "Edit object 2 by hand" }).focus();
  for (const key of ["Tab", "Tab", "Tab", "Enter"]) await page.keyboard.press(key);
  await expect.poll(objects).toBe(2);
  expect(await focused()).toBe("Edit object 2 by hand");
  for (const key of ["Enter", "Delete"]) await page.keyboard.press(key);
  await expect.poll(objects).toBe(1);
  expect(await focused()).toBe("Edit object 1 by hand");
  for (const key of ["Enter", "Delete"]) await page.keyboard.press(key);
  await expect.poll(objects).toBe(0);
  expect(await page.locator(NAMED.picture).evaluate((picture) => picture === document.activeElement)).toBe(true);
});
