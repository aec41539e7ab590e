/** What comes in, as a person gives it: pictures from every side, and models. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { newContext } from "./browser.ts";
import { canvasBox, DEMO, drawn, drop, menu, NAMED, pixels } from "./demo-page.ts";
import { click, context, openSample, page, pictures, serveVisits, status, visit } from "./demo-visits.ts";

serveVisits();

const sample = (name: string): string => join(DEMO, "public", "samples", name);
/** A small picture. */
const PHOTO = fileURLToPath(new URL("../models/reference/fixtures/photo/truck.png", import.meta.url));

const error = (): Promise<string | null> => page.locator(NAMED.error).textContent();

test("of two pictures, one that claims to have too many pixels is refused before it is decoded", async () => {
  await visit(await newContext());
  const photo = await readFile(PHOTO);
  const large = Buffer.from(photo);
  large.writeUInt32BE(30_000, 16);
  large.writeUInt32BE(20_000, 20);
  const files = [
    { name: "large.png", mimeType: "image/png", buffer: large },
    { name: "small.png", mimeType: "image/png", buffer: photo },
  ];
  await page.locator(NAMED.pictures).setInputFiles(files);
  await status(/ready in/);
  expect(await page.locator(NAMED.frames).getAttribute("aria-label")).toBe("small.png, 0 objects");
  // nor is it decoded when it comes another way: an error is shown, and the set is as it was
  await page.evaluate(() => {
    const decode = window.createImageBitmap;
    Object.assign(window, { decoded: 0 });
    window.createImageBitmap = ((...given: Parameters<typeof decode>) => {
      (window as unknown as { decoded: number }).decoded++;
      return decode(...given);
    }) as typeof decode;
  });
  const folder = await mkdtemp(join(tmpdir(), "large-"));
  await writeFile(join(folder, "folder.png"), large);
  const ways: readonly [string, () => Promise<void>][] = [
    [
      "file",
      () => page.locator(NAMED.pictures).setInputFiles({ ...(files[0] as (typeof files)[0]), name: "file.png" }),
    ],
    ["folder", () => page.locator(NAMED.folder).setInputFiles(folder)],
    ["drop", () => drop(page, { "drop.png": large })],
    [
      "paste",
      () =>
        page.evaluate((content) => {
          const clipboardData = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          clipboardData.items.add(new File([bytes], "paste.png", { type: "image/png" }));
          dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }, large.toString("base64")),
    ],
  ];
  for (const [name, give] of ways) {
    await give();
    await expect.poll(error).toContain(`${name}.png: expected at most 100000000 pixels, got a picture of 30000×20000`);
  }
  await rm(folder, { recursive: true });
  expect(await pictures()).toBe(1);
  expect(await page.evaluate(() => (window as unknown as { decoded: number }).decoded)).toBe(0);
});

test("a picture from the camera", async () => {
  const given = await newContext({ permissions: ["camera"] });
  // the page is drawn anew while the camera is on: the sample comes late
  let letSampleCome = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    letSampleCome = resolve;
  });
  await given.route("**/samples/truck.jpg", async (route) => {
    if (route.request().resourceType() === "fetch") await late;
    await route.continue();
  });
  await given.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    Object.assign(window, { opened: 0 });
    devices.getUserMedia = (...wanted) => {
      (window as unknown as { opened: number }).opened++;
      return open(...wanted);
    };
  });
  await visit(given);
  await menu(page, "Take a picture");
  const take = page.getByRole("button", { name: "Take the picture" });
  await expect.poll(() => take.isEnabled()).toBe(true);
  letSampleCome();
  await expect.poll(async () => (await pixels(page)).data.some((value) => value > 0)).toBe(true);
  await take.click();
  await expect.poll(pictures).toBe(1);
  expect(await page.evaluate(() => (window as unknown as { opened: number }).opened)).toBe(1);
});

/** A folder as people have them: folders in it, companions that a system wrote, and a file that is no picture. */
const FOLDER = ["10.png", "2.png", "seaside/1.png", "seaside/._1.png", ".thumbnails/1.png", "notes.txt"];

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Drops a file or a folder of the disk near the corner of a place, as the browser does it. */
async function dropAt({ x, y }: Place, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: x + 20, y: y + 20, data });
}

test.each<[string, (folder: string) => Promise<void>]>([
  [
    "picked",
    async () => {
      // the folder that the browser's dialog would give: a real one, in the origin's own file system
      const png = (await readFile(PHOTO)).toString("base64");
      await page.evaluate(
        async ([names, content]) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const top = await (await navigator.storage.getDirectory()).getDirectoryHandle("photos", { create: true });
          for (const path of names) {
            const parts = path.split("/");
            const name = parts.pop() as string;
            let folder = top;
            for (const part of parts) folder = await folder.getDirectoryHandle(part, { create: true });
            const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
            await stream.write(new Blob([bytes, path]));
            await stream.close();
          }
          Object.assign(window, { showDirectoryPicker: async () => top });
        },
        [FOLDER, png] as const,
      );
      await page.getByRole("button", { name: "Choose a folder" }).click();
    },
  ],
  ["chosen, where there is no picker", (folder) => page.locator(NAMED.folder).setInputFiles(folder)],
  ["dropped on the picture", async (folder) => dropAt(await canvasBox(page), folder)],
  [
    "dropped beside it",
    async (folder) => dropAt((await page.getByRole("navigation", { name: "Tools" }).boundingBox()) as Place, folder),
  ],
])("a folder that is %s gives the pictures of all folders in it, in order", async (_, give) => {
  const folder = await mkdtemp(join(tmpdir(), "photos-"));
  try {
    for (const path of FOLDER) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      // bytes of its own: a picture is known by them
      await writeFile(join(folder, path), Buffer.concat([await readFile(PHOTO), Buffer.from(path)]));
    }
    await visit(await newContext());
    await give(folder);
    const names = (): Promise<string[]> =>
      page.locator(NAMED.frames).evaluateAll((buttons) => buttons.map((button) => button.getAttribute("title") ?? ""));
    await expect.poll(names, { timeout: 20_000 }).toEqual(["2.png", "10.png", "seaside/1.png"]);
    await status(/ready in/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a checkpoint that is dropped becomes the model; one that cannot leaves the model before at work", async () => {
  await visit(await newContext());
  await openSample();
  const toy = fileURLToPath(new URL("../models/reference/fixtures/toy/", import.meta.url));
  const [config, weights] = await Promise.all([
    readFile(join(toy, "config.json")),
    readFile(join(toy, "model.safetensors")),
  ]);
  const model = async (): Promise<string> => (await page.locator(NAMED.model).getAttribute("aria-label")) ?? "";
  await drop(page, { "model.safetensors": weights });
  await expect.poll(error).toContain("needs its config.json");
  await drop(page, { "config.json": config, "model.safetensors": weights.subarray(0, 1000) });
  await expect.poll(error).toContain("choose another model");
  expect(await model()).toContain("SAM2 mini");
  await click(0.4, 0.5);
  await drop(page, { "config.json": config, "model.safetensors": weights });
  await expect.poll(model, { timeout: 30_000 }).toContain("Dropped checkpoint");
  // the click is asked again of the new model
  await status(/Mask with score/);
  expect(await page.locator(NAMED.candidates).count()).toBe(3);
});

test("while a model is fetched the one before answers; choosing that again ends the wait", async () => {
  await visit(await newContext());
  await openSample();
  await context?.route("https://huggingface.co/**", () => undefined); // never answered
  const request = page.waitForRequest("https://huggingface.co/**");
  const choose = async (name: RegExp): Promise<void> => {
    await page.locator(NAMED.model).click();
    await page.getByRole("menuitemradio", { name }).click();
  };
  await choose(/tiny/);
  await request;
  await click(0.4, 0.5);
  expect(await page.locator(NAMED.busy).isVisible()).toBe(true);
  await choose(/mini/);
  await expect.poll(() => page.locator(NAMED.busy).isVisible()).toBe(false);
  await page.locator(NAMED.picture).press("Escape");
  await click(0.6, 0.5);
});

test("of two pictures opened at once the later is shown, even when the earlier takes longer to decode", async () => {
  await visit(await newContext());
  await page.locator(NAMED.pictures).setInputFiles(["truck.jpg", "cars.jpg", "groceries.jpg"].map(sample));
  await status(/ready in/);
  await expect.poll(pictures).toBe(3);
  const shown = async (): Promise<string> =>
    createHash("sha256")
      .update((await pixels(page)).data)
      .digest("hex");
  const open = async (index: number): Promise<void> => {
    await page.locator(NAMED.frames).nth(index).click();
    await expect.poll(() => page.locator(NAMED.frames).nth(index).getAttribute("aria-current")).toBe("true");
  };
  const truck = await shown();
  await open(2);
  await expect.poll(shown).not.toBe(truck);
  const groceries = await shown();
  await open(0);
  await expect.poll(shown).toBe(truck);
  await page.evaluate(() => {
    const decode = window.createImageBitmap;
    let first = true;
    window.createImageBitmap = (async (...given: Parameters<typeof decode>) => {
      const slow = first;
      first = false;
      if (slow) await new Promise((resolve) => setTimeout(resolve, 1000));
      return decode(...given);
    }) as typeof decode;
  });
  await open(1);
  await open(2);
  await page.waitForTimeout(1500);
  await expect.poll(shown).toBe(groceries);
});

test("who types while a picture is opened goes on typing", async () => {
  await visit(await newContext());
  await page.locator(NAMED.pictures).setInputFiles(["truck.jpg", "cars.jpg"].map(sample));
  await status(/ready in/);
  await expect.poll(pictures).toBe(2);
  await page.evaluate(() => {
    const decode = window.createImageBitmap;
    const late = new Promise<void>((resolve) => Object.assign(window, { letItCome: resolve }));
    window.createImageBitmap = (async (...given: Parameters<typeof decode>) => {
      await late;
      const picture = await decode(...given);
      Object.assign(window, { hasCome: true });
      return picture;
    }) as typeof decode;
  });
  await page.locator(NAMED.frames).nth(1).click();
  await expect.poll(() => page.locator(NAMED.frames).nth(1).getAttribute("aria-current")).toBe("true");
  await page.locator(NAMED.newClass).pressSequentially("whe");
  await page.evaluate(() => (window as unknown as { letItCome(): void }).letItCome());
  await page.waitForFunction(() => "hasCome" in window);
  await drawn(page);
  await page.keyboard.type("el");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(`${NAMED.classes} .class-name`).allTextContents()).toEqual(["object", "wheel"]);
});
