/** The labeling page with a large set: opening it again, scrolling its strip, its memory; and the preview under the pointer. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchOptions } from "headless/browser";
import { type CDPSession, chromium, type Page } from "playwright-core";
import { canvasBox, isReady, menu, NAMED, says, serveDemo } from "../e2e/demo-page.ts";
import { quantile, type Row } from "./measure.ts";

/** Pictures of the set; `SAM2_PICTURES` for fewer. */
const COUNT = Number(process.env.SAM2_PICTURES ?? 10_000);
const FRAMES = 240;
const HOVERS = 40;

/**
 * Writes pictures into a folder of the browser's own, which is what a picked folder looks like to the page, and has the page's
 * dialog for folders give it.
 */
function pickMadeFolder(): void {
  const folder = async (): Promise<FileSystemDirectoryHandle> =>
    (await navigator.storage.getDirectory()).getDirectoryHandle("set", { create: true });
  Object.assign(window, {
    showDirectoryPicker: folder,
    makeSet: async (count: number) => {
      const into = await folder();
      const bitmap = await createImageBitmap(await (await fetch("samples/truck.jpg")).blob());
      const canvas = new OffscreenCanvas(320, 213);
      const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
      for (let i = 0; i < count; i++) {
        // each is another picture, as a camera's are
        context.drawImage(bitmap, -(i % 97), -(i % 61), 640, 427);
        context.fillStyle = `hsl(${i % 360} 80% 50%)`;
        context.fillRect(i % 300, i % 200, 20, 12);
        const bytes = await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer();
        const file = await into.getFileHandle(`${String(i).padStart(6, "0")}.jpg`, { create: true });
        const written = await file.createWritable();
        await written.write(bytes);
        // two that look alike have bytes of their own
        await written.write(String(i));
        await written.close();
      }
    },
  });
}

/** Milliseconds from the start of the visit until the set is listed, its first pictures are seen, and one is open. */
async function reopened(page: Page): Promise<number> {
  const handle = await page.waitForFunction(
    ([frames, picture, count]) => {
      const strip = document.querySelector(frames)?.closest("li");
      const isSeen = document.querySelector(`${frames} img[src]`) !== null;
      const isOpen = /jpg$/.test(document.querySelector(picture)?.getAttribute("aria-label") ?? "");
      return strip?.getAttribute("aria-setsize") === count && isSeen && isOpen && performance.now();
    },
    [NAMED.frames, NAMED.picture, String(COUNT)] as const,
    { timeout: 120_000, polling: "raf" },
  );
  return (await handle.jsonValue()) as number;
}

/** Scrolls the strip by a window's width and more, each frame: times between frames, and of the main thread's work in one. */
async function scroll(page: Page, session: CDPSession): Promise<{ frames: number[]; work: number }> {
  const work = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000;
  };
  const before = await work();
  const frames = await page.evaluate(
    ([count, name]) =>
      new Promise<number[]>((resolve) => {
        const strip = document.querySelector(`nav[aria-label="${name}"]`) as HTMLElement;
        strip.scrollLeft = 0;
        const times: number[] = [];
        let last = performance.now();
        const step = (): void => {
          const now = performance.now();
          times.push(now - last);
          last = now;
          strip.scrollLeft += 700;
          if (times.length < count) requestAnimationFrame(step);
          else resolve(times.slice(1));
        };
        requestAnimationFrame(step);
      }),
    [FRAMES, "Pictures"] as const,
  );
  return { frames, work: ((await work()) - before) / FRAMES };
}

/** Milliseconds from a pointer's move to the mask that is drawn for it. */
async function hover(page: Page): Promise<number[]> {
  await page.evaluate(() => {
    const seen = { moved: 0, times: [] as number[] };
    addEventListener("pointermove", () => (seen.moved = performance.now()), true);
    const fill = CanvasRenderingContext2D.prototype.fill as (...given: unknown[]) => void;
    CanvasRenderingContext2D.prototype.fill = function (this: CanvasRenderingContext2D, ...given: unknown[]) {
      if (given[0] instanceof Path2D && seen.moved > 0) {
        seen.times.push(performance.now() - seen.moved);
        seen.moved = 0;
      }
      fill.apply(this, given);
    } as typeof CanvasRenderingContext2D.prototype.fill;
    Object.assign(window, { seen });
  });
  const { x, y, width, height } = await canvasBox(page);
  for (let i = 0; i < HOVERS; i++) {
    await page.mouse.move(x + width * (0.2 + 0.6 * ((i * 0.618) % 1)), y + height * (0.3 + 0.4 * ((i * 0.414) % 1)));
    await page.waitForTimeout(250);
  }
  const { times } = await page.evaluate(() => (window as unknown as { seen: { times: number[] } }).seen);
  // the first is drawn for the mask that was there before
  return times.slice(1);
}

/** Megabytes that the page and its workers take. */
async function memory(page: Page): Promise<number> {
  const bytes = await page.evaluate(async () => {
    const { measureUserAgentSpecificMemory } = performance as unknown as {
      measureUserAgentSpecificMemory(): Promise<{ bytes: number }>;
    };
    return (await measureUserAgentSpecificMemory.call(performance)).bytes;
  });
  return bytes / 1e6;
}

/** A row for each figure. */
export async function page(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "sam2-page-"));
  const server = await serveDemo();
  const context = await chromium.launchPersistentContext(folder, {
    ...launchOptions(),
    viewport: { width: 1280, height: 800 },
  });
  try {
    const visit = async (): Promise<{ page: Page; session: CDPSession }> => {
      const opened = await context.newPage();
      // what the compiler of scripts calls in functions that have functions
      await opened.addInitScript("globalThis.__name = (named) => named");
      await opened.addInitScript(pickMadeFolder);
      const session = await context.newCDPSession(opened);
      await session.send("Performance.enable");
      await opened.goto(server.url);
      return { page: opened, session };
    };
    const first = await visit();
    await isReady(first.page);
    await first.page.evaluate(
      (count) => (window as unknown as { makeSet(count: number): Promise<void> }).makeSet(count),
      COUNT,
    );
    const start = performance.now();
    await menu(first.page, "Open a folder");
    await first.page.waitForFunction(
      ([kept, count]) => document.querySelector(kept)?.textContent?.includes(`of ${count} pictures`),
      ["p.kept", COUNT] as const,
      { timeout: 3_600_000, polling: 1000 },
    );
    await first.page.locator(NAMED.busy).waitFor({ state: "detached" });
    const added = performance.now() - start;
    await first.page.close();

    const again: number[] = [];
    let last = await visit();
    for (let i = 0; i < 3; i++) {
      again.push(await reopened(last.page));
      if (i === 2) break;
      await last.page.close();
      last = await visit();
    }
    await isReady(last.page);
    await says(last.page, /ready in/);
    const scrolled = await scroll(last.page, last.session);
    const taken = await memory(last.page);
    const hovered = await hover(last.page);
    const row = (work: string, ours_ms: number, note: string): Row => ({
      bench: "page",
      work,
      device: "Chromium",
      threads: 1,
      ours_ms,
      note,
    });
    const [median, slow] = [0.5, 0.95].map((share) => quantile(scrolled.frames, share)) as [number, number];
    return [
      row(`add ${COUNT} pictures of a folder`, added, `${(added / COUNT).toFixed(1)} ms a picture`),
      row("open them on the next visit", quantile(again, 0.5), "until one is shown, and the strip; aim 2000 ms"),
      row(
        "a frame while scrolling the strip",
        median,
        `95 % within ${slow.toFixed(1)} ms; main thread ${scrolled.work.toFixed(1)} ms a frame; aim 16.7 ms`,
      ),
      row(
        "preview under the pointer",
        quantile(hovered, 0.5),
        `95 % within ${quantile(hovered, 0.95).toFixed(0)} ms, of ${hovered.length}; sam2-mini; aim 100 ms`,
      ),
      {
        ...row("memory after that", 0, `${taken.toFixed(0)} MB, with the model and its workers; aim 500 MB`),
        ours_ms: undefined,
      },
    ];
  } finally {
    await context.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
