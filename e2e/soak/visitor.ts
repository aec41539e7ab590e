/** Somebody who does things in a window of the demo, at random. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Page } from "playwright-core";
import { canvasBox, drop, menu, NAMED, objectCount, pictureCount } from "../demo-page.ts";

/** A number from 0 to 1, the 1 left out. */
export type Random = () => number;

/** Numbers that follow from a seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What there is to open. */
export interface Things {
  /** Paths of pictures. */
  readonly pictures: readonly string[];
  /** Paths of config.json and model.safetensors of a small checkpoint. */
  readonly checkpoint: readonly string[];
}

/** How long anything may take, in milliseconds: the machine may be busy. */
const PATIENCE = 120_000;

/** More objects than this are deleted, with their picture: each rightly takes nodes and listeners, and labels memory. */
const MOST_OBJECTS = 12;

/** One window. */
export class Visitor {
  readonly page: Page;
  /** How often each thing was done. */
  readonly done: Map<string, number> = new Map();
  /** What went wrong: errors that nobody caught, and those that the page told. */
  readonly faults: string[] = [];
  readonly #random: Random;
  readonly #things: Things;
  readonly #url: string;

  constructor(page: Page, url: string, things: Things, random: Random) {
    this.page = page;
    this.#url = url;
    this.#things = things;
    this.#random = random;
    page.on("pageerror", ({ message }) => this.faults.push(message));
    page.on("dialog", (dialog) => void dialog.accept().catch(() => undefined));
  }

  /** Opens the demo, for the first time or anew, and a picture in it. */
  async restart(): Promise<void> {
    await this.page.goto(this.#url);
    await this.#idle();
    await this.#openPicture();
    // everything in the picture, with fewer points than usual: it is to be done often
    await this.page.locator(NAMED.picture).press("o");
    await this.page.getByLabel("Points along a side").fill("6");
    await this.page.keyboard.press("Escape");
  }

  /** Does one thing, and waits until the page is idle. */
  async step(): Promise<void> {
    const all = Object.entries(this.#actions);
    const total = all.reduce((sum, [, [weight]]) => sum + weight, 0);
    const drawn = this.#random() * total;
    let passed = 0;
    const [name, [, act]] = all.find(([, [weight]]) => {
      passed += weight;
      return drawn < passed;
    }) as (typeof all)[number];
    try {
      await act();
      await this.#idle();
    } catch (error) {
      this.faults.push(`${name}: ${(error as Error).message.split("\n")[0]}`);
    }
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    const told = await this.page.locator(NAMED.error).allTextContents();
    for (const text of told) this.faults.push(`${name}: the page said: ${text}`);
    if (told.length > 0) await this.#press(`${NAMED.error} button`);
    if ((await objectCount(this.page)) > MOST_OBJECTS) await this.#deletePicture();
  }

  /** Nothing chosen, and the pointer nowhere: moments that can be compared. */
  async rest(): Promise<void> {
    await this.page.mouse.move(2, 2);
    await this.#key("Escape");
    await this.#idle();
  }

  readonly #actions: Readonly<Record<string, readonly [weight: number, act: () => Promise<void>]>> = {
    click: [30, () => this.#click("left")],
    "click beside": [8, () => this.#click("right")],
    box: [8, () => this.#drag()],
    hover: [6, async () => this.page.mouse.move(...(await this.#place()))],
    undo: [6, () => this.#press(NAMED.undo)],
    redo: [4, () => this.#press(NAMED.redo)],
    clear: [6, () => this.#key("Escape")],
    candidate: [4, () => this.#press(`${NAMED.candidates}:last-child`)],
    keep: [6, () => this.#press(NAMED.keep)],
    everything: [2, () => this.#key("f")],
    zoom: [4, () => this.#key(this.#random() < 0.5 ? "+" : "0")],
    "open a picture": [4, () => this.#openPicture()],
    "another picture": [4, () => this.#press(`${NAMED.frames}:not([aria-current=true])`)],
    "delete the picture": [1, () => this.#deletePicture()],
    "another model": [2, () => this.#changeModel()],
  };

  /** Waits until the page does nothing that it tells about. */
  async #idle(): Promise<void> {
    await this.page.waitForFunction(
      ([busy, model]) =>
        document.querySelector(busy) === null &&
        /WASM|WebGPU/.test(document.querySelector(model)?.getAttribute("aria-label") ?? ""),
      [NAMED.busy, NAMED.model] as const,
      { timeout: PATIENCE },
    );
  }

  /** Presses a button, where it is there to be pressed. */
  async #press(selector: string): Promise<void> {
    const button = this.page.locator(selector).first();
    const isThere = async (): Promise<boolean> => (await button.isVisible()) && (await button.isEnabled());
    if (!(await isThere())) return;
    try {
      await button.click({ timeout: PATIENCE });
    } catch (error) {
      // the other window may have taken away what it is for
      if (await isThere()) throw error;
    }
  }

  /** Presses a key on the picture. */
  #key(key: string): Promise<void> {
    return this.page.locator(NAMED.picture).press(key, { timeout: PATIENCE });
  }

  async #place(): Promise<[number, number]> {
    const { x, y, width, height } = await canvasBox(this.page);
    return [x + width * (0.1 + 0.8 * this.#random()), y + height * (0.1 + 0.8 * this.#random())];
  }

  async #click(button: "left" | "right"): Promise<void> {
    await this.page.mouse.click(...(await this.#place()), { button });
    await this.page.waitForTimeout(300 * this.#random());
  }

  async #drag(): Promise<void> {
    await this.page.mouse.move(...(await this.#place()));
    await this.page.mouse.down();
    await this.page.mouse.move(...(await this.#place()), { steps: 4 });
    await this.page.mouse.up();
  }

  async #openPicture(): Promise<void> {
    const { pictures } = this.#things;
    await this.page
      .locator(NAMED.pictures)
      .setInputFiles(pictures[Math.floor(this.#random() * pictures.length)] as string);
    await this.page.waitForFunction(
      (status) => /ready in/.test(document.querySelector(status)?.textContent ?? ""),
      NAMED.status,
      {
        timeout: PATIENCE,
      },
    );
  }

  /** Once the last picture is gone, the page is loaded anew. */
  async #deletePicture(): Promise<void> {
    await menu(this.page, "Delete this picture");
    await this.page.waitForTimeout(1_000);
    await this.#idle();
    if ((await pictureCount(this.page)) === 0) await this.restart();
  }

  /** The built-in model and a checkpoint that is dropped in turns. */
  async #changeModel(): Promise<void> {
    const model = await this.page.locator(NAMED.model).getAttribute("aria-label");
    if (!model?.includes("SAM2 mini")) {
      await this.page.locator(NAMED.model).click();
      await this.page.getByRole("menuitemradio", { name: /^SAM2 mini/ }).click();
      return;
    }
    const files = await Promise.all(
      this.#things.checkpoint.map(async (path) => [basename(path), await readFile(path)] as const),
    );
    await drop(this.page, Object.fromEntries(files));
    await this.page.waitForTimeout(1_000);
  }
}
