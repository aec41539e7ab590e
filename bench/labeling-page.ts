/** The labeling page with a large set: opening it again, scrolling its strip, its memory; and the preview under the pointer. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchOptions } from "headless/browser";
import { type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";
import { canvasBox, isReady, menu, NAMED, says, serveDemo } from "../e2e/demo-page.ts";
import { quantile, type Row } from "./measure.ts";
import { notedAim } from "./missed.ts";

/** Pictures of the set; `SAM2_PICTURES` for fewer. */
const COUNT = Number(process.env.SAM2_PICTURES ?? 10_000);
const FRAMES = 240;
/** Milliseconds after which a frame was left out. */
const DROPPED = 25;
const HOVERS = 40;
/** Milliseconds after which no mask is waited for any more; a preview that does not come counts as this long. */
const HOPELESS = 3000;

/** Has the page's dialog for folders give one of the browser's own, which is what a picked folder looks like to the page. */
function pickMadeFolder(): void {
  const showDirectoryPicker = async (): Promise<FileSystemDirectoryHandle> =>
    (await navigator.storage.getDirectory()).getDirectoryHandle("set", { create: true });
  Object.assign(window, { showDirectoryPicker });
}

/** A script of a worker, where files are written at once; many are, since each waits for the browser several times. */
const WRITER = `onmessage = async ({ data: { kinds, count } }) => {
  const into = await (await navigator.storage.getDirectory()).getDirectoryHandle("set", { create: true });
  const write = async (i) => {
    const file = await into.getFileHandle(String(i).padStart(6, "0") + ".jpg", { create: true });
    const access = await file.createSyncAccessHandle();
    const size = access.write(kinds[i % kinds.length]);
    // two that look alike have bytes of their own
    access.write(new TextEncoder().encode(String(i)), { at: size });
    access.close();
  };
  for (let i = 0; i < count; i += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - i) }, (_, j) => write(i + j)));
  }
  postMessage("done");
};`;

/** Writes the set's pictures. */
async function makeSet(context: BrowserContext, url: string): Promise<void> {
  const opened = await context.newPage();
  await opened.route("**/bench-writer.js", (route) =>
    route.fulfill({
      contentType: "text/javascript",
      headers: { "cross-origin-embedder-policy": "require-corp" },
      body: WRITER,
    }),
  );
  await opened.goto(`${url}measure.html`);
  await opened.evaluate(async (count) => {
    const bitmap = await createImageBitmap(await (await fetch("samples/truck.jpg")).blob());
    const canvas = new OffscreenCanvas(320, 213);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    const kinds: Uint8Array[] = [];
    for (let i = 0; i < 97; i++) {
      context.drawImage(bitmap, -i, -(i % 61), 640, 427);
      context.fillStyle = `hsl(${(i * 360) / 97} 80% 50%)`;
      context.fillRect(i * 3, i * 2, 20, 12);
      const encoded = await canvas.convertToBlob({ type: "image/jpeg" });
      kinds.push(new Uint8Array(await encoded.arrayBuffer()));
    }
    const writer = new Worker("bench-writer.js");
    await new Promise((resolve, reject) => {
      writer.onmessage = resolve;
      writer.onerror = (event) => reject(new Error(event.message));
      writer.postMessage({ kinds, count });
    });
    writer.terminate();
  }, COUNT);
  await opened.close();
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

/** Scrolls the strip by half a window's width, each frame: times between frames, and the main thread's processor time for one. */
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

/**
 * Milliseconds from a pointer's move to the first time that a mask is drawn that was not drawn before: a path is made for each
 * mask, and a mask that is drawn again, as for the place before, has the path it had.
 */
async function hover(page: Page): Promise<number[]> {
  await page.evaluate(() => {
    const known = new WeakSet<Path2D>();
    const seen = { moved: 0, took: null as number | null };
    addEventListener(
      "pointermove",
      ({ timeStamp }) => {
        seen.moved = timeStamp;
        seen.took = null;
      },
      true,
    );
    const fill = CanvasRenderingContext2D.prototype.fill as (...given: unknown[]) => void;
    CanvasRenderingContext2D.prototype.fill = function (this: CanvasRenderingContext2D, ...given: unknown[]) {
      fill.apply(this, given);
      const [path] = given;
      if (!(path instanceof Path2D) || known.has(path)) return;
      known.add(path);
      seen.took ??= performance.now() - seen.moved;
    } as typeof CanvasRenderingContext2D.prototype.fill;
    Object.assign(window, { seen });
  });
  const took = (): number | null => (window as unknown as { seen: { took: number | null } }).seen.took;
  const { x, y, width, height } = await canvasBox(page);
  const times: number[] = [];
  for (let i = 0; i < HOVERS; i++) {
    await page.mouse.move(x + width * (0.2 + 0.6 * ((i * 0.618) % 1)), y + height * (0.3 + 0.4 * ((i * 0.414) % 1)));
    const answered = page.waitForFunction(took, null, { timeout: HOPELESS, polling: 20 });
    const handle = await answered.catch(() => null);
    times.push(handle ? ((await handle.jsonValue()) as number) : HOPELESS);
    // the answer of the place before is no answer of the next
    await page.waitForTimeout(150);
  }
  return times;
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
      // the time of a processor: what else the machine does is not counted
      await session.send("Performance.enable", { timeDomain: "threadTicks" });
      await opened.goto(server.url);
      return { page: opened, session };
    };
    await makeSet(context, server.url);
    const first = await visit();
    await isReady(first.page);
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
    const opened = quantile(again, 0.5);
    const hovering = quantile(hovered, 0.5);
    const [median, slow] = [0.5, 0.95].map((share) => quantile(scrolled.frames, share)) as [number, number];
    return [
      row(`add ${COUNT} pictures of a folder`, added, `${(added / COUNT).toFixed(1)} ms a picture`),
      row("open them on the next visit", opened, `until one is shown, and the strip; ${notedAim(opened, 2000, "ms")}`),
      row(
        "a frame while scrolling the strip",
        median,
        `${scrolled.frames.filter((time) => time > DROPPED).length} of ${scrolled.frames.length} came late; 95 % within ${slow.toFixed(1)} ms; main thread ${scrolled.work.toFixed(1)} ms a frame; ${notedAim(Number(median.toFixed(1)), 16.7, "ms")}`,
      ),
      row(
        "preview under the pointer",
        hovering,
        `95 % within ${quantile(hovered, 0.95).toFixed(0)} ms, of ${hovered.length}; sam2-mini; ${notedAim(hovering, 100, "ms")}`,
      ),
      {
        ...row(
          "memory after that",
          0,
          `${taken.toFixed(0)} MB, with the model and its workers; ${notedAim(taken, 500, "MB")}`,
        ),
        ours_ms: undefined,
      },
    ];
  } finally {
    await context.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
