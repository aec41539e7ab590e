/** Labeling, as a person does it: a set of pictures, objects, exports, no network, no headers. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";
import { canvasBox, clickCanvas, DEMO, type DemoServer, drawn, says, serveDemo, violations } from "./demo-page.ts";

const sample = (name: string): string => join(DEMO, "public", "samples", name);
/** A small picture. */
const PHOTO = fileURLToPath(new URL("../models/reference/fixtures/photo/truck.png", import.meta.url));

let server: DemoServer;
let browser: Browser;
let context: BrowserContext | undefined;
let page: Page;
let outside: string[];

beforeAll(async () => {
  server = await serveDemo();
  browser = await sharedBrowser();
});
afterAll(() => server.close());
afterEach(async () => {
  await context?.close();
  context = undefined;
});

async function visit(given: BrowserContext): Promise<void> {
  const { url: address } = server;
  context = given;
  page = await given.newPage();
  outside = [];
  given.on("request", (request) => {
    if (!request.url().startsWith(address) && /^https?:/.test(request.url())) outside.push(request.url());
  });
  await page.goto(address);
  await status(/is ready/);
}

const status = (text: RegExp): Promise<void> => says(page, text);

const click = (x: number, y: number): Promise<void> => clickCanvas(page, x, y);

const objects = (): Promise<number> => page.locator("#objects li").count();

/** What the Export button gives. */
async function exported(format: string): Promise<{ name: string; bytes: Buffer }> {
  await page.locator("#format").selectOption(format);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#export").click()]);
  return { name: download.suggestedFilename(), bytes: await readFile((await download.path()) as string) };
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
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#file").setInputFiles(await fivePictures());
  await status(/ready in/);
  await expect.poll(() => page.locator("#strip button").count()).toBe(5);
  await page.locator("#new-class-name").fill("thing");
  await page.locator("#new-class-name").press("Enter");
  for (let i = 0; i < 5; i++) {
    await click(0.4 + 0.04 * i, 0.5);
    await page.locator("#class-choice").selectOption(i % 2 === 0 ? "thing" : "object");
    await page.locator("#canvas").press("k");
    await expect.poll(objects).toBe(1);
    if (i < 4) {
      await page.locator("#canvas").press("PageDown");
      await status(/ready in/);
      await expect.poll(objects).toBe(0);
    }
  }
  await expect.poll(() => page.locator("#kept").textContent()).toMatch(/^5 of 5 pictures labeled/);
  const first = await exported("coco");
  const coco = JSON.parse(first.bytes.toString());
  expect([first.name, coco.images.length, coco.annotations.length]).toEqual(["annotations.json", 5, 5]);
  const yolo = await exported("yolo");
  const files = unzipSync(new Uint8Array(yolo.bytes));
  expect(Object.keys(files)).toEqual([
    ...[1, 2, 3, 4, 5].map((i) => expect.stringContaining(`labels/${i}-`)),
    "data.yaml",
  ]);

  // all gone, then back from the file
  await page.locator("#objects button", { hasText: "Delete" }).click();
  await expect.poll(objects).toBe(0);
  const annotations = { name: "annotations.json", mimeType: "application/json", buffer: first.bytes };
  await page.locator("#import").setInputFiles(annotations);
  await status(/Imported annotations.json/);
  await expect.poll(objects).toBe(1);
  const again = JSON.parse((await exported("coco")).bytes.toString());
  expect(again).toEqual(coco);

  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.message());
    void dialog.accept();
  });
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
  await page.locator("#import").setInputFiles(elsewhere);
  await status(/^Imported elsewhere.json: 5 objects of 5 pictures.$/);
  const categories = async (): Promise<number[]> =>
    JSON.parse((await exported("coco")).bytes.toString()).annotations.map(
      ({ category_id }: { category_id: number }) => category_id,
    );
  expect(await categories()).toEqual([1, 2, 1, 2, 1]);

  await page.locator("#delete-picture").click();
  await expect.poll(() => page.locator("#kept").textContent()).toMatch(/^4 of 4 pictures labeled/);
  await status(/ready in/);
  expect(await page.locator("#strip button").last().getAttribute("aria-label")).toBe("4-truck.jpg, 1 object");
  expect(await page.locator("#strip [aria-current=true]").getAttribute("aria-label")).toBe("4-truck.jpg, 1 object");
  await Promise.all([page.waitForEvent("load"), page.locator("#delete-all").click()]);
  expect(asked).toEqual([
    "Replace the labels of 5 pictures by those in elsewhere.json?",
    "Delete 5-cars.jpg with its labels from this browser?",
    "Delete all 4 pictures with their labels from this browser?",
  ]);
  await status(/is ready/);
  expect(await page.locator("#strip button").count()).toBe(0);

  // labels that come before their pictures wait for them
  await page.locator("#import").setInputFiles(elsewhere);
  await status(/5 of them wait to be opened.$/);
  await expect.poll(() => page.locator("#strip button").count()).toBe(5);
  await page.locator("#strip button").first().click();
  await expect.poll(() => page.locator("#error").textContent()).toContain("images/1-truck.jpg is not here");
  await page.locator("#file").setInputFiles((await fivePictures()).slice(0, 1));
  await status(/ready in/);
  expect(await objects()).toBe(1);
  await expect.poll(() => page.locator("#strip img").first().getAttribute("src")).toMatch(/^blob:/);
  expect(outside).toEqual([]);
});

test("a file whose polygons take long is read beside the page, which says how far it is; Cancel ends that", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#samples button").first().click();
  await status(/ready in/);
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
    await page.locator("#import").setInputFiles(join(folder, "long.json"));
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
    .poll(() => page.locator("#busy-progress").getAttribute("value"), { timeout: 60_000 })
    .toMatch(/^0\.0[1-9]/);
  expect(await page.locator("#busy-text").textContent()).toBe("Reading long.json");
  await page.locator("#cancel").click();
  await status(/Stopped/);
  expect(await page.locator("#busy").isVisible()).toBe(false);
  expect(await page.locator("#strip button").count()).toBe(1);
  const far = [-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12];
  await read([[far], [corners(100_000, 40)]]);
  await status(/^Imported long.json: 2 objects of 1 pictures. 1 of them wait to be opened.$/);
  expect(await page.evaluate(() => (window as unknown as { longest: number }).longest)).toBeLessThan(1000);
  await rm(folder, { recursive: true });
}, 120_000);

test("a class is renamed, becomes another, and is deleted; undone steps go along", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  const classes = (): Promise<string[]> => page.locator("#class-choice option").allTextContents();
  const classOf = (place: number): Promise<string> => page.getByLabel(`Class of object ${place}`).inputValue();
  const named = async (name: string, id: string): Promise<void> => {
    await page.locator("#new-class-name").fill(name);
    await page.locator(id).click();
  };
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.message());
    void dialog.accept();
  });
  await page.locator("#samples button").first().click();
  await status(/ready in/);
  expect(await page.locator("#delete-class").isDisabled()).toBe(true);
  await named("weel", "#new-class button[type=submit]");
  const chosen = async (): Promise<string[]> => [
    await page.locator("#class-choice").inputValue(),
    await page.locator("#class-color").inputValue(),
  ];
  expect(await chosen()).toEqual(["weel", "#c2410c"]);
  for (const [key, expected] of [
    ["Shift+Digit1", ["object", "#1d6ed8"]],
    ["Shift+Digit9", ["object", "#1d6ed8"]],
    ["Shift+Digit2", ["weel", "#c2410c"]],
  ] as const) {
    await page.locator("#canvas").press(key);
    expect(await chosen()).toEqual(expected);
  }
  await click(0.4, 0.5);
  await page.locator("#keep").click();
  await expect.poll(objects).toBe(1);
  await page.locator("#undo").click();
  await page.locator("#undo").click();
  await expect.poll(objects).toBe(0);

  await named("wheel", "#rename-class");
  await status(/^weel is now wheel.$/);
  expect(await classes()).toEqual(["object", "wheel"]);
  expect(await page.locator("#class-choice").inputValue()).toBe("wheel");
  await page.locator("#redo").click();
  await page.locator("#redo").click();
  await expect.poll(objects).toBe(1);
  expect(await classOf(1)).toBe("wheel");

  await page.locator("#delete-class").click();
  await expect
    .poll(() => page.locator("#error").textContent())
    .toContain("1 object is of the class wheel — rename it to the class");
  expect(await classes()).toEqual(["object", "wheel"]);
  await named("object", "#rename-class");
  await status(/^wheel is now object.$/);
  expect([await classes(), await classOf(1), asked]).toEqual([
    ["object"],
    "object",
    ["Make every object of wheel one of object?"],
  ]);

  // a step that is undone brings back the class that it needs
  await named("spare", "#new-class button[type=submit]");
  await page.getByLabel("Class of object 1").selectOption("spare");
  await status(/^Object 1 is spare.$/);
  await page.locator("#undo").click();
  await expect.poll(() => classOf(1)).toBe("object");
  await page.locator("#delete-class").click();
  await expect.poll(classes).toEqual(["object"]);
  await page.locator("#redo").click();
  await expect.poll(() => classOf(1)).toBe("spare");
  // what is being kept is kept once another tab finds it
  const other = await (context as BrowserContext).newPage();
  const found = async (): Promise<string[]> => {
    await other.goto(server.url);
    await says(other, /is ready/);
    return other.locator("#class-choice option").allTextContents();
  };
  await expect.poll(found, { timeout: 20_000 }).toEqual(["object", "spare"]);
  await page.reload();
  await expect.poll(classes).toEqual(["object", "spare"]);
});

test("everything: many objects at once, one undo takes them back", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#samples button").first().click();
  await status(/ready in/);
  await page.locator("summary", { hasText: "Everything" }).click();
  await page.locator("#points-per-side").fill("6");
  await page.locator("#iou-threshold").fill("0.3");
  await page.locator("#stability-threshold").fill("0.5");
  await page.locator("#everything").click();
  await status(/objects found/);
  expect(await objects()).toBeGreaterThan(3);
  await page.locator("#undo").click();
  await expect.poll(objects).toBe(0);
  // and it can be stopped
  await page.locator("#points-per-side").fill("40");
  await page.locator("#everything").click();
  await page.locator("#cancel").click();
  await status(/Stopped/);
  expect(await objects()).toBe(0);
});

test("touching up: what is kept is protected, a brush paints and erases, a mask is added and taken; each is one step of undo", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#samples button").first().click();
  await status(/ready in/);
  await click(0.4, 0.5);
  await page.evaluate(() => {
    navigator.storage.persist = async () => Object.assign(window, { protects: true }) !== null;
  });
  await page.locator("#keep").click();
  await expect.poll(objects).toBe(1);
  await page.waitForFunction(() => "protects" in window);
  const area = async (): Promise<number> => JSON.parse((await exported("coco")).bytes.toString()).annotations[0].area;
  const kept = await area();
  await page.locator("#objects button", { hasText: "Edit" }).click();
  const drag = async (mode: string): Promise<void> => {
    await page.locator(`input[value=${mode}]`).check();
    const box = await canvasBox(page);
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.2 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.2 * box.height, { steps: 5 });
    await page.mouse.up();
    await status(/Touched up/);
  };
  await page.locator("#brush").fill("40");
  await drag("paint");
  const painted = await area();
  expect(painted).toBeGreaterThan(kept + 40 * 200);
  await drag("erase");
  expect(await area()).toBeLessThan(painted - 40 * 200);
  await page.locator("#undo").click();
  await expect.poll(area).toBe(painted);
  await page.locator("#mode-add").check();
  await click(0.8, 0.9);
  await page.locator("#add-to").click();
  await status(/Added to the object/);
  const added = await area();
  expect(added).toBeGreaterThan(painted);
  await click(0.8, 0.9);
  await page.locator("#take-from").click();
  await status(/Taken from the object/);
  expect(await area()).toBeLessThan(added);
  // a locked object is safe; names and order are the person's
  await page.getByLabel("Name of object 1").fill("the roof");
  await page.getByLabel("Name of object 1").press("Enter");
  await page.getByRole("button", { name: "Lock object 1" }).click();
  expect(await page.getByRole("button", { name: "Delete object 1" }).isDisabled()).toBe(true);
  expect(await page.locator("#add-to").isVisible()).toBe(false);
  expect(await page.getByLabel("Name of object 1").inputValue()).toBe("the roof");
});

test("of two pictures, one that claims to have too many pixels is refused before it is decoded", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  const photo = await readFile(PHOTO);
  const large = Buffer.from(photo);
  large.writeUInt32BE(30_000, 16);
  large.writeUInt32BE(20_000, 20);
  const files = [
    { name: "large.png", mimeType: "image/png", buffer: large },
    { name: "small.png", mimeType: "image/png", buffer: photo },
  ];
  await page.locator("#file").setInputFiles(files);
  await status(/ready in/);
  expect(await page.locator("#strip button").getAttribute("aria-label")).toBe("small.png, 0 objects");
  await page.locator("#file").setInputFiles(files.slice(0, 1));
  await expect
    .poll(() => page.locator("#error").textContent())
    .toContain("expected at most 100000000 pixels, got a picture of 30000×20000");
});

test("a picture from the camera", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ["camera"] }));
  await page.locator("#camera").click();
  await page.getByRole("button", { name: "Take the picture" }).click();
  await status(/ready in/);
  expect(await page.locator("#strip button").count()).toBe(1);
});

/** A folder as people have them: folders in it, companions that a system wrote, and a file that is no picture. */
const FOLDER = ["10.png", "2.png", "seaside/1.png", "seaside/._1.png", ".thumbnails/1.png", "notes.txt"];

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
      await page.locator("#folder-label").click();
    },
  ],
  ["chosen, where there is no picker", (folder) => page.locator("#folder").setInputFiles(folder)],
  [
    "dropped",
    async (folder) => {
      const { x, y } = await canvasBox(page);
      const session = await page.context().newCDPSession(page);
      const data = { items: [], files: [folder], dragOperationsMask: 1 };
      for (const type of ["dragEnter", "dragOver", "drop"] as const)
        await session.send("Input.dispatchDragEvent", { type, x: x + 50, y: y + 50, data });
    },
  ],
])("a folder that is %s gives the pictures of all folders in it, in order", async (_, give) => {
  const folder = await mkdtemp(join(tmpdir(), "photos-"));
  try {
    for (const path of FOLDER) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      // bytes of its own: a picture is known by them
      await writeFile(join(folder, path), Buffer.concat([await readFile(PHOTO), Buffer.from(path)]));
    }
    await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
    await give(folder);
    const names = (): Promise<string[]> =>
      page
        .locator("#strip button")
        .evaluateAll((buttons) => buttons.map((button) => button.getAttribute("title") ?? ""));
    await expect.poll(names, { timeout: 20_000 }).toEqual(["2.png", "10.png", "seaside/1.png"]);
    await status(/ready in/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a checkpoint that is dropped becomes the model; one that cannot leaves the model before at work", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#samples button").first().click();
  await status(/ready in/);
  const toy = fileURLToPath(new URL("../models/reference/fixtures/toy/", import.meta.url));
  const [config, weights] = await Promise.all(
    ["config.json", "model.safetensors"].map((name) => readFile(join(toy, name))),
  );
  const drop = async (files: Record<string, Buffer | undefined>): Promise<void> => {
    const given = Object.entries(files).map(([name, bytes]) => ({ name, content: bytes?.toString("base64") ?? "" }));
    await page.evaluate((contents) => {
      const dataTransfer = new DataTransfer();
      for (const { name, content } of contents) {
        dataTransfer.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
      }
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.getElementById("stage")?.dispatchEvent(event);
    }, given);
  };
  const chosen = (): Promise<string> => page.locator("#model-choice").inputValue();
  const error = (): Promise<string | null> => page.locator("#error").textContent();
  await drop({ "model.safetensors": weights });
  await expect.poll(error).toContain("needs its config.json");
  await drop({ "config.json": config, "model.safetensors": weights?.subarray(0, 1000) });
  await expect.poll(error).toContain("choose another model");
  expect(await chosen()).toBe("sam2-mini");
  await click(0.4, 0.5);
  await drop({ "config.json": config, "model.safetensors": weights });
  await status(/dropped is ready/);
  expect(await chosen()).toBe("Dropped checkpoint");
  // the click is asked again of the new model
  await status(/Mask with score/);
  expect(await page.locator("#candidates button").count()).toBe(3);
});

test("while a model is fetched the one before answers; choosing that again ends the wait", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#samples button").first().click();
  await status(/ready in/);
  await context?.route("https://huggingface.co/**", () => undefined); // never answered
  const request = page.waitForRequest("https://huggingface.co/**");
  await page.locator("#model-choice").selectOption("sam2.1-tiny");
  await request;
  await click(0.4, 0.5);
  expect(await page.locator("#busy").isVisible()).toBe(true);
  await page.locator("#model-choice").selectOption("sam2-mini");
  expect(await page.locator("#busy").isVisible()).toBe(false);
  await page.locator("#clear").click();
  await click(0.6, 0.5);
});

test("of two pictures opened at once the later is shown, even when the earlier takes longer to decode", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  await page.locator("#file").setInputFiles(["truck.jpg", "cars.jpg", "groceries.jpg"].map(sample));
  await status(/ready in/);
  await expect.poll(() => page.locator("#strip button").count()).toBe(3);
  const shown = async (): Promise<string> => {
    await drawn(page);
    return page.evaluate(async () => {
      const pixels = new TextEncoder().encode((document.getElementById("canvas") as HTMLCanvasElement).toDataURL());
      return String(new Uint8Array(await crypto.subtle.digest("SHA-256", pixels)));
    });
  };
  const open = async (index: number): Promise<void> => {
    await page.locator("#strip button").nth(index).click();
    await expect.poll(() => page.locator("#strip button").nth(index).getAttribute("aria-current")).toBe("true");
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

describe("without", () => {
  test("a network, after the first visit: a click, a label, an export", async () => {
    await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await context?.setOffline(true);
    await page.reload();
    await status(/is ready/);
    await page.locator("#samples button").nth(1).click();
    await status(/ready in/);
    await click(0.5, 0.6);
    await page.locator("#keep").click();
    await expect.poll(objects).toBe(1);
    expect((await exported("svg")).bytes.toString()).toContain("<path");
  });

  test("https: a click, a label", async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    await page.goto(server.url.replace("127.0.0.1", "0.0.0.0"));
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    await page.locator("#samples button").nth(1).click();
    await status(/ready in/);
    await click(0.5, 0.6);
    await page.locator("#keep").click();
    await expect.poll(objects).toBe(1);
    expect(await page.locator("#error").isVisible()).toBe(false);
  });

  test("headers of the host: the page isolates itself, and uses threads", async () => {
    const bare = await serveDemo({ headers: false });
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(bare.url);
    await page.waitForFunction(() => crossOriginIsolated, undefined, { timeout: 30_000 });
    await expect.poll(() => page.locator("#model").textContent(), { timeout: 30_000 }).toMatch(/WASM, [2-9] threads/);
    await bare.close();
  });
});

test.each([
  ["light", { width: 1280, height: 800 }],
  ["dark", { width: 360, height: 740 }],
] as const)("no accessibility violations in any view: %s, %o", async (colorScheme, viewport) => {
  await visit(await browser.newContext({ viewport, colorScheme }));
  expect(await violations(page)).toEqual([]);
  await page.locator("#samples button").first().click();
  await status(/ready in/);
  await click(0.4, 0.5);
  expect(await violations(page)).toEqual([]);
  await page.locator("#keep").click();
  await page.locator("#objects button", { hasText: "Edit" }).click();
  for (const details of await page.locator("details").all()) await details.locator("summary").click();
  expect(await violations(page)).toEqual([]);
});

test("with the keyboard alone, from picture to export", async () => {
  await visit(await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  const press = (...keys: string[]): Promise<void> =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  /** Tabs until the element has the focus. */
  const reach = async (id: string): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      if (await page.evaluate((wanted) => document.activeElement?.closest(`#${wanted}`) !== null, id)) return;
      await press("Tab");
    }
    throw new Error(`#${id} cannot be reached with Tab`);
  };
  await reach("samples");
  await press("Enter");
  await status(/ready in/);
  await press("ArrowUp", "ArrowUp", "Enter");
  await status(/Mask with score/);
  await press("2");
  await status(/Candidate 2/);
  await press("Escape");
  await expect.poll(() => page.locator("#candidates button").count()).toBe(0);
  await press("Enter");
  await status(/Mask with score/);
  await press("k");
  await expect.poll(objects).toBe(1);
  await reach("export");
  const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
  expect(download.suggestedFilename()).toBe("annotations.json");
});
