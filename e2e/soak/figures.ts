/** What a browser with open pages takes: memory, DOM, listeners, workers. */
import { readFileSync } from "node:fs";
import type { Browser, CDPSession, Page } from "playwright-core";

/** Figures of one moment. */
export interface Figures {
  /** JavaScript's heap of the page's thread, in MB, after a collection. */
  readonly heap: number;
  /** Of the processes that show pages, workers and their WebAssembly too, in MB; NaN where the system does not say. */
  readonly resident: number;
  readonly nodes: number;
  readonly listeners: number;
  /** Of all pages, the service worker left out. */
  readonly workers: number;
}

/** How each figure is written, and what it may grow by over the whole time. */
export const FIGURES: Readonly<Record<keyof Figures, { readonly unit: string; readonly slack: number }>> = {
  heap: { unit: "MB", slack: 5 },
  resident: { unit: "MB", slack: 100 },
  nodes: { unit: "", slack: 300 },
  listeners: { unit: "", slack: 100 },
  workers: { unit: "", slack: 0 },
};

const MB = 1e6;

/** Measures a page, and the browser that it is in. */
export class Meter {
  readonly #session: CDPSession;
  readonly #browser: CDPSession;

  private constructor(session: CDPSession, browser: CDPSession) {
    this.#session = session;
    this.#browser = browser;
  }

  static async create(browser: Browser, page: Page): Promise<Meter> {
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    return new Meter(session, await browser.newBrowserCDPSession());
  }

  async measure(): Promise<Figures> {
    await this.#session.send("HeapProfiler.collectGarbage");
    const { metrics } = await this.#session.send("Performance.getMetrics");
    const metric = (name: string): number => metrics.find((each) => each.name === name)?.value ?? Number.NaN;
    const { targetInfos } = await this.#browser.send("Target.getTargets");
    return {
      heap: metric("JSHeapUsedSize") / MB,
      resident: (await this.#resident()) / MB,
      nodes: metric("Nodes"),
      listeners: metric("JSEventListeners"),
      workers: targetInfos.filter(({ type }) => type === "worker").length,
    };
  }

  /** Resident memory of the renderers. */
  async #resident(): Promise<number> {
    if (process.platform !== "linux") return Number.NaN;
    const { processInfo } = await this.#browser.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    return renderers.reduce((sum, { id }) => sum + residentOf(id), 0);
  }
}

function residentOf(pid: number): number {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    // it ended in the meantime
    return 0;
  }
}
