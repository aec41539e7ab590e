/** The headless page with the toy model beside it, on a server that misbehaves on demand. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ISOLATION } from "headless/pages";
import { type Server, serve } from "headless/server";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { exportFolder } from "sam2-export/node";
import { expect } from "vitest";

export const FIXTURES: string = fileURLToPath(new URL("../models/reference/fixtures/", import.meta.url));

/** What `segment` is asked for. */
export interface ToyOptions {
  readonly device?: "auto" | "wasm" | "webgpu";
  readonly softwareGpu?: boolean;
  /** The toy's exported files by default. */
  readonly model?: string | { readonly checkpoint: string; readonly imageSize?: number };
  readonly acceptChanges?: boolean;
}

const exportToy = (folder: string): Promise<unknown> => exportFolder(join(FIXTURES, "toy"), folder);

/** One page at a time, in a browser that the tests give. */
export class ToyPage {
  /** The toy's exported files are in `toy`. */
  readonly folder: string;
  readonly browser: Browser;
  declare context: BrowserContext;
  declare page: Page;
  declare server: Server;
  /** What is done with a request; false leaves it to the server. */
  handle: (path: string, request: IncomingMessage, response: ServerResponse) => boolean = () => false;

  private constructor(folder: string, browser: Browser) {
    this.folder = folder;
    this.browser = browser;
  }

  /** @param write writes the files of the model that is called the toy */
  static async create(browser: Browser, write: (folder: string) => Promise<unknown> = exportToy): Promise<ToyPage> {
    const folder = await mkdtemp(join(tmpdir(), "sam2-web-"));
    await write(join(folder, "toy"));
    return new ToyPage(folder, browser);
  }

  /** Deletes the exported files. */
  dispose(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  /** Opens the page in a context of its own, with these response headers. */
  async open(headers: Readonly<Record<string, string>> = ISOLATION): Promise<void> {
    this.handle = () => false;
    this.server = await serve({
      folders: {
        "models/toy/": join(this.folder, "toy"),
        "models/checkpoint/": join(FIXTURES, "toy"),
        "photo/": join(FIXTURES, "photo"),
      },
      handle: (path, request, response) => this.handle(path, request, response),
      headers,
    });
    this.context = await this.browser.newContext();
    this.page = await this.context.newPage();
    await this.page.goto(this.server.url);
    await this.page.waitForFunction(() => "sam2" in window);
  }

  /** A second page of the same origin, in the same browser profile. */
  async another(): Promise<ToyPage> {
    const other = new ToyPage(this.folder, this.browser);
    Object.assign(other, { context: this.context, server: this.server, page: await this.context.newPage() });
    await other.page.goto(this.server.url);
    await other.page.waitForFunction(() => "sam2" in window);
    return other;
  }

  async close(): Promise<void> {
    await this.context.close();
    await this.server.close();
  }

  /** Opens the toy, segments the photo, and says what happened. */
  segment(options: ToyOptions = {}) {
    return this.page.evaluate(async (given) => {
      const { createSegmenter } = window.sam2;
      try {
        const segmenter = await createSegmenter({
          model: "models/toy/model.json",
          device: "wasm",
          dtype: "fp32",
          ...given,
        });
        const { scores } = await segmenter.segment({
          image: "photo/truck.png",
          point_coords: [[192, 112]],
          point_labels: [1],
        });
        const cached = await segmenter.listCached();
        const { device } = segmenter;
        await segmenter.dispose();
        return { error: null, message: "", scores: [...scores.data], device, cached: cached.map(({ id }) => id) };
      } catch (error) {
        const { name, message } = error as Error;
        return { error: name, message, scores: [], device: null, cached: [] };
      }
    }, options);
  }

  /** The keys of what lies in the origin's private files. */
  keptKeys(): Promise<string[]> {
    return this.page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("sam2-web");
      const keys: string[] = [];
      for await (const name of folder.keys()) keys.push(decodeURIComponent(name));
      return keys.sort();
    });
  }

  /** From now on there is no network to the models. */
  cutOffModels(): void {
    this.handle = (path, request) => {
      if (path.startsWith("models/")) request.destroy();
      return path.startsWith("models/");
    };
  }

  /** Has a script run in each worker before its own. */
  async beforeWorkers(script: string): Promise<void> {
    await this.page.route(/\/worker-[^/]+\.js$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${script}\n${await response.text()}` });
    });
  }
}

/** The reference's scores for the click that `segment` makes. */
export async function expectedScores(): Promise<number[]> {
  const [first] = JSON.parse(await readFile(join(FIXTURES, "photo", "expected.json"), "utf8"));
  return first.scores[0];
}

export function expectClose(came: readonly number[], expected: readonly number[]): void {
  expect(came).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(came[i]).toBeCloseTo(value, 3);
}
