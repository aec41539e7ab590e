/** A film of the job, with the pointer seen: `npm run film [-- FILE]`; it prints what the job took. */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { launchBrowser } from "headless/browser";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { DEMO, serveDemo } from "../e2e/demo-page.ts";
import { doJob, prepareJob } from "./job.ts";

const SIZE = { width: 1200, height: 760 };
/** Pixels of the film. */
const WIDTH = 860;
/** Pictures a second, at most: those that are alike are one. */
const RATE = 8;
/** Seconds that it takes at most: on a busy machine it is shown faster than it was done, and that is printed. */
const LONGEST = 20;
/** Milliseconds from one thing to the next. */
const REACH = 400;

/** A picture of the film, and when it was seen, in seconds. */
interface Frame {
  readonly data: string;
  readonly at: number;
}

/** Shows where the pointer is: a headless browser has none. */
function showPointer(): void {
  addEventListener("DOMContentLoaded", () => {
    const pointer = document.createElement("div");
    Object.assign(pointer.style, {
      position: "fixed",
      zIndex: "100",
      left: "0",
      top: "0",
      width: "22px",
      height: "30px",
      pointerEvents: "none",
      background: "#111",
      filter: "drop-shadow(0 0 1.5px #fff) drop-shadow(0 0 1px #fff)",
      clipPath: "polygon(0 0, 0 75%, 27% 60%, 45% 100%, 62% 92%, 45% 55%, 80% 52%)",
      translate: "-40px -40px",
    });
    document.documentElement.append(pointer);
    const follow = ({ clientX, clientY }: PointerEvent): void => {
      pointer.style.translate = `${clientX}px ${clientY}px`;
    };
    addEventListener("pointermove", follow, true);
    addEventListener(
      "pointerdown",
      (event) => {
        follow(event);
        const ring = document.createElement("div");
        Object.assign(ring.style, {
          position: "fixed",
          zIndex: "99",
          left: `${event.clientX - 20}px`,
          top: `${event.clientY - 20}px`,
          width: "40px",
          height: "40px",
          borderRadius: "50%",
          border: "3px solid #fff",
          boxShadow: "0 0 0 2px #2f5bea",
          pointerEvents: "none",
        });
        document.documentElement.append(ring);
        ring.animate([{ scale: 0.3 }, { scale: 1, opacity: 0 }], { duration: 500 }).finished.then(() => ring.remove());
      },
      true,
    );
  });
}

/** Takes pictures of a page whenever it changes, until the returned function is called. */
async function record(page: Page): Promise<() => Promise<Frame[]>> {
  const session = await page.context().newCDPSession(page);
  const frames: Frame[] = [];
  session.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
    frames.push({ data, at: metadata.timestamp ?? 0 });
    void session.send("Page.screencastFrameAck", { sessionId }).catch(() => undefined);
  });
  await session.send("Page.startScreencast", { format: "jpeg", quality: 92, everyNthFrame: 1 });
  return async () => {
    await session.send("Page.stopScreencast");
    return frames;
  };
}

/** Writes the pictures as one that moves. */
async function write(file: string, frames: readonly Frame[], length: number, pace: number): Promise<number> {
  const [first] = frames;
  if (!first) throw new Error("expected pictures of the page");
  const chosen: { frame: Frame; ticks: number }[] = [];
  for (let tick = 0; tick < length * RATE; tick++) {
    const frame = frames.findLast(({ at }) => at <= first.at + tick / RATE) ?? first;
    const last = chosen.at(-1);
    if (last?.frame === frame) last.ticks++;
    else chosen.push({ frame, ticks: 1 });
  }
  const pictures = await Promise.all(
    chosen.map(({ frame }) => sharp(Buffer.from(frame.data, "base64")).resize({ width: WIDTH }).png().toBuffer()),
  );
  const delay = chosen.map(({ ticks }) => Math.round((ticks * 1000) / RATE / pace));
  const film = await sharp(pictures, { join: { animated: true } })
    .webp({ quality: 50, effort: 4, delay, loop: 0 })
    .toBuffer();
  await writeFile(file, film);
  return film.length;
}

const file = resolve(process.argv[2] ?? join(DEMO, "..", ".cache", "film.webp"));
const server = await serveDemo();
const browser = await launchBrowser();
const context = await browser.newContext({ viewport: SIZE, colorScheme: "light" });
const page = await context.newPage();
// what the compiler of scripts calls in functions that have functions
await page.addInitScript("globalThis.__name = (named) => named");
await page.addInitScript(showPointer);
await page.goto(server.url);
await prepareJob(page);
await page.mouse.move(SIZE.width / 2, SIZE.height / 2);
const stop = await record(page);
const start = performance.now();
const counted = await doJob(page, REACH);
await page.keyboard.press("Control+e");
await page.getByRole("dialog", { name: "Export labels" }).waitFor();
await page.waitForTimeout(1500);
const length = (performance.now() - start) / 1000;
const pace = Math.max(1, length / LONGEST);
const bytes = await write(file, await stop(), length, pace);
await page.keyboard.press("Escape");

// without a person's pauses: what the page itself takes
await context.close();
const quick = await (await browser.newContext({ viewport: SIZE })).newPage();
await quick.goto(server.url);
await prepareJob(quick);
const bare = await doJob(quick, 0);
await browser.close();
await server.close();
const words = ({ presses, keys, seconds, waited }: typeof counted): string =>
  `${presses} presses of the mouse, ${keys} keys, ${seconds.toFixed(1)} s, of which ${waited.toFixed(1)} s waiting for the page`;
process.stdout.write(
  `${file}: ${(bytes / 1e6).toFixed(2)} MB, ${length.toFixed(1)} s, shown ${pace.toFixed(1)} times as fast\n`,
);
process.stdout.write(`as filmed: ${words(counted)}\nwithout pauses: ${words(bare)}\n`);
process.exit();
