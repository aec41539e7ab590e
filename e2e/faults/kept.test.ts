/** What was labeled is kept: by a browser that is killed, in several windows, with full storage and with none. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchOptions } from "headless/browser";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { newContext } from "../browser.ts";
import {
  addClass,
  classNames,
  clickCanvas,
  DEMO,
  type DemoServer,
  drop,
  exported,
  isReady,
  keep,
  menu,
  NAMED,
  objectCount,
  pictureCount,
  says,
  serveDemo,
} from "../demo-page.ts";

const sample = (name: string): string => join(DEMO, "public", "samples", name);
/** A small picture. */
const PHOTO = fileURLToPath(new URL("../../models/reference/fixtures/photo/truck.png", import.meta.url));
const VIEWPORT = { width: 1280, height: 800 };

let server: DemoServer;
let context: BrowserContext;

beforeAll(async () => {
  server = await serveDemo();
});
afterAll(() => server.close());
afterEach(() => context.close());

async function visit(given: BrowserContext = context): Promise<Page> {
  const page = await given.newPage();
  await page.goto(server.url);
  await isReady(page);
  return page;
}

const pictures = pictureCount;
const objects = objectCount;
const names = (of: Page): Promise<(string | null)[]> =>
  of.locator(NAMED.frames).evaluateAll((all) => all.map((each) => each.ariaLabel));

/** A picture of the name, with bytes of its own. */
async function picture(name: string, byte: number): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
  return { name, mimeType: "image/png", buffer: Buffer.concat([await readFile(PHOTO), Buffer.from([byte])]) };
}

async function openPicture(page: Page, name: string, byte: number): Promise<void> {
  await page.locator(NAMED.pictures).setInputFiles(await picture(name, byte));
  await says(page, /ready in/);
}

/** Clicks, and keeps the mask. */
async function label(page: Page): Promise<void> {
  const before = await objects(page);
  await clickCanvas(page, 0.4, 0.5);
  await keep(page);
  await expect.poll(() => objects(page)).toBe(before + 1);
}

async function exportedCoco(page: Page): Promise<{ images: { file_name: string }[]; annotations: unknown[] }> {
  return JSON.parse((await exported(page)).bytes.toString());
}

/** Opens a picture of the set; it may be open already. */
async function openFrame(page: Page): Promise<void> {
  await page.locator(NAMED.frames).first().click();
  await says(page, /ready in/);
}

/** How a notice about storage reads. */
const storage = (page: Page): Promise<string | null> => page.locator(NAMED.storage).textContent();

test("a picture of the same name and size, with other bytes, is another one; both keep their labels", async () => {
  context = await newContext();
  const page = await visit();
  await openPicture(page, "a.png", 1);
  await label(page);
  await openPicture(page, "a.png", 2);
  await expect.poll(() => objects(page)).toBe(0);
  await label(page);
  await openPicture(page, "other name.png", 1);
  await expect.poll(() => names(page)).toEqual(["a.png, 1 object", "a.png, 1 object"]);
  const coco = await exportedCoco(page);
  expect(coco.images.map(({ file_name }) => file_name)).toEqual(["a.png", "a-2.png"]);
  expect(coco.annotations).toHaveLength(2);
  await page.reload();
  await expect.poll(() => names(page)).toEqual(["a.png, 1 object", "a.png, 1 object"]);
});

test("a browser that is killed once it says that a label is kept has it; once pictures are deleted, it has them not", async () => {
  const profile = await mkdtemp(join(tmpdir(), "profile-"));
  const { chromium } = await import("playwright-core");
  const launch = (): Promise<BrowserContext> =>
    chromium.launchPersistentContext(profile, { ...launchOptions(), viewport: VIEWPORT });
  context = await launch();
  const page = await visit();
  await page.locator(NAMED.pictures).setInputFiles([sample("truck.jpg"), sample("cars.jpg")]);
  await says(page, /ready in/);
  await expect.poll(() => pictures(page)).toBe(2);
  await clickCanvas(page, 0.4, 0.5);
  await keep(page);
  await says(page, /^Kept as object/);
  const kill = async (window: Page): Promise<void> => {
    const session = await context.newCDPSession(window);
    const ended = context.waitForEvent("close");
    // never answered: the browser is gone, with all its processes
    session.send("Browser.crash" as never).catch(() => undefined);
    await ended;
  };
  await kill(page);
  context = await launch();
  const again = await visit();
  await expect.poll(() => pictures(again)).toBe(2);
  await openFrame(again);
  expect(await objects(again)).toBe(1);
  await menu(again, "Delete all pictures");
  await again.getByRole("alertdialog").getByRole("button", { name: "Delete all" }).click();
  await says(again, /^2 pictures are deleted/);
  await kill(again);
  context = await launch();
  const last = await visit();
  await last.getByRole("region", { name: "Welcome" }).waitFor();
  expect(await pictures(last)).toBe(0);
  await context.close();
  await rm(profile, { recursive: true, force: true });
});

test("two windows: each shows what the other labels, and Undo of one leaves the other's work", async () => {
  context = await newContext();
  const [one, two] = [await visit(), await visit()];
  await openPicture(one, "a.png", 1);
  await label(one);
  await expect.poll(() => names(two)).toEqual(["a.png, 1 object"]);
  await openFrame(two);
  await label(two);
  await expect.poll(() => objects(one)).toBe(2);
  await says(one, /^Brought up to date/);
  // undone is what was done here
  await one.locator(NAMED.undo).click();
  await one.locator(NAMED.undo).click();
  await expect.poll(() => objects(one)).toBe(1);
  await expect.poll(() => objects(two)).toBe(1);
  await two.locator(NAMED.undo).click();
  await two.locator(NAMED.undo).click();
  await expect.poll(() => objects(two)).toBe(0);
  await two.locator(NAMED.redo).click();
  await two.locator(NAMED.redo).click();
  await expect.poll(() => objects(one)).toBe(1);

  await addClass(two, "wheel");
  await expect.poll(() => classNames(one)).toEqual(["object", "wheel"]);
  await two.getByRole("button", { name: "Edit the class wheel" }).click();
  await two.getByLabel("Name of the class").fill("tire");
  await two.getByLabel("Name of the class").press("Enter");
  await addClass(one, "window");
  for (const each of [one, two]) await expect.poll(() => classNames(each)).toEqual(["object", "tire", "window"]);
  // a picture that is deleted in one is closed in the other, and comes back in both
  await menu(one, "Delete this picture");
  await expect.poll(() => pictures(two)).toBe(0);
  await two.getByRole("region", { name: "Welcome" }).waitFor();
  await one.locator(NAMED.undo).click();
  await expect.poll(() => names(two)).toEqual(["a.png, 1 object"]);
  await openFrame(two);
  expect(await objects(two)).toBe(1);
});

test("a database of an older page: its labels and pictures are there; a window that still has it is asked for", async () => {
  context = await newContext();
  const old = await context.newPage();
  await old.goto(`${server.url}icon.svg`);
  const png = (await readFile(PHOTO)).toString("base64");
  await old.evaluate(async (content) => {
    const blob = new Blob([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], { type: "image/png" });
    const rle = { size: [224, 384], counts: "PP\\1" };
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open("sam2-web-labels", 1);
      request.onupgradeneeded = () => {
        for (const name of ["project", "images", "pictures"]) request.result.createObjectStore(name);
        const { transaction } = request;
        const put = (store: string, value: unknown, key: string) => transaction?.objectStore(store).put(value, key);
        put("project", [{ name: "old", colour: "#123456" }], "classes");
        put("project", ["x"], "order");
        put("pictures", blob, "x");
        const object = { id: "o", className: "old", rle, name: "", hidden: true, locked: false };
        put("images", { id: "x", name: "truck.png", width: 384, height: 224, objects: [object] }, "x");
      };
      request.onsuccess = () => resolve();
      request.onerror = () => reject(request.error);
    });
  }, png);
  const page = await visit();
  await expect.poll(() => storage(page)).toContain("an older version of this page");
  await openPicture(page, "new.png", 1);
  expect(await names(page)).toEqual(["new.png, 0 objects"]);
  await old.close();
  await expect.poll(() => names(page)).toEqual(["truck.png, 1 object", "new.png, 0 objects"]);
  await expect.poll(() => page.locator(NAMED.storage).isVisible()).toBe(false);
  await openFrame(page);
  await page.getByRole("button", { name: "Edit the class old" }).click();
  expect(await page.getByLabel("Color of the class").inputValue()).toBe("#123456");
  await page.keyboard.press("Escape");
  // known by its bytes: opened again under another name, it is the one that is there
  await page.reload();
  await isReady(page);
  await page
    .locator(NAMED.pictures)
    .setInputFiles({ name: "b.png", mimeType: "image/png", buffer: Buffer.from(png, "base64") });
  await says(page, /ready in/);
  await expect.poll(() => names(page)).toEqual(["truck.png, 1 object", "new.png, 0 objects"]);
});

test.each<[string, () => void]>([
  [
    "no IndexedDB",
    () => Reflect.deleteProperty(window, "indexedDB") && Object.assign(window, { indexedDB: undefined }),
  ],
  [
    "IndexedDB that is blocked",
    () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
      };
    },
  ],
])("%s: the page says so once; a picture is segmented, labeled and exported", async (_, take) => {
  context = await newContext();
  await context.addInitScript(take);
  const page = await visit();
  await openPicture(page, "a.png", 1);
  await label(page);
  await says(page, /^Kept as object, in this window only/);
  expect(await storage(page)).toContain("This browser keeps nothing here");
  await openPicture(page, "b.png", 2);
  await openFrame(page);
  await expect.poll(() => objects(page)).toBe(1);
  expect((await exportedCoco(page)).annotations).toHaveLength(1);
  expect(await page.locator(NAMED.error).isVisible()).toBe(false);
});

test("storage that keeps no Blob, as in private windows of Safari: pictures and labels outlive a reload, and the page says no more", async () => {
  context = await newContext();
  await context.addInitScript(() => {
    const { put } = IDBObjectStore.prototype;
    const holdsBlob = (value: unknown): boolean =>
      value instanceof Blob || (typeof value === "object" && value !== null && Object.values(value).some(holdsBlob));
    IDBObjectStore.prototype.put = function (value, key) {
      if (holdsBlob(value)) {
        throw new DOMException("Error preparing Blob/File data to be stored in object store", "UnknownError");
      }
      return put.call(this, value, key);
    };
  });
  const page = await visit();
  await openPicture(page, "a.png", 1);
  await label(page);
  await says(page, /^Kept as object, in this window only/);
  expect(await storage(page)).toContain("This browser keeps nothing here");
  await page.reload();
  await expect.poll(() => names(page)).toEqual(["a.png, 1 object"]);
});

test("a set that was saved as one file is the same set in another browser; a damaged file changes nothing", async () => {
  context = await newContext();
  const page = await visit();
  await openPicture(page, "a.png", 1);
  await label(page);
  await openPicture(page, "a.png", 2);
  await label(page);
  await addClass(page, "wheel");
  const [download] = await Promise.all([page.waitForEvent("download"), menu(page, "Save the project")]);
  expect(download.suggestedFilename()).toBe("project.zip");
  const buffer = await readFile((await download.path()) as string);
  const expected = await exportedCoco(page);
  const open = (of: Page, bytes: Buffer): Promise<void> =>
    of.locator(NAMED.project).setInputFiles({ name: "project.zip", mimeType: "application/zip", buffer: bytes });

  // where nothing is kept, a file is how labels outlive the window
  const elsewhere = await newContext();
  await elsewhere.addInitScript(() => Object.assign(window, { indexedDB: undefined }));
  const other = await visit(elsewhere);
  await drop(other, { "project.zip": buffer });
  await says(other, /^Opened project.zip: 2 pictures.$/);
  await expect.poll(() => names(other)).toEqual(["a.png, 1 object", "a.png, 1 object"]);
  await expect.poll(() => other.locator(NAMED.frames).locator("img").count()).toBe(2);
  expect(await objects(other)).toBe(1);
  expect(await exportedCoco(other)).toEqual(expected);
  expect(await classNames(other)).toEqual(["object", "wheel"]);
  await elsewhere.close();

  await open(page, buffer.subarray(0, buffer.length / 2));
  await expect.poll(() => page.locator(NAMED.error).textContent()).toContain("expected a project file");
  await open(page, buffer);
  await says(page, /^Opened project.zip: 2 pictures.$/);
  expect(await exportedCoco(page)).toEqual(expected);
});

test("the quota is reached: labels are kept, the picture is in this window, and the page says so", async () => {
  context = await newContext();
  const page = await visit();
  await openPicture(page, "a.png", 1);
  await label(page);
  await says(page, /^Kept as object/);
  // what browsers do where a disk is full; none of them can be made to without one
  await page.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value, key) {
      if (this.name !== "pictures") return put.call(this, value, key);
      throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
    };
    navigator.storage.estimate = async () => ({ usage: 95e6, quota: 100e6 });
  });
  await page.locator(NAMED.pictures).setInputFiles(sample("truck.jpg"));
  await says(page, /ready in/);
  await expect.poll(() => storage(page), { timeout: 10_000 }).toContain("no more room");
  await clickCanvas(page, 0.4, 0.5);
  await keep(page);
  await expect.poll(() => names(page)).toEqual(["a.png, 1 object", "truck.jpg, 1 object"]);
  await expect
    .poll(() => page.locator("p.kept").textContent())
    .toContain("95 MB of 100 MB on this device: nearly full");
  await page.reload();
  await expect.poll(() => names(page)).toEqual(["a.png, 1 object", "truck.jpg, 1 object"]);
  // with room again, the picture finds its labels
  await page.locator(NAMED.pictures).setInputFiles(sample("truck.jpg"));
  await says(page, /ready in/);
  expect(await objects(page)).toBe(1);
  await expect.poll(() => page.locator(NAMED.storage).isVisible()).toBe(false);
});
