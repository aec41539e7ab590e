/** The benchmarks that run in a headless Chromium, as rows. */
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchBrowser } from "headless/browser";
import { ISOLATION } from "headless/pages";
import { serve } from "headless/server";
import type { Browser, Page } from "playwright-core";
import type { Dtype } from "sam2-contract";
import { type Length, quantile, type Row, repeatsIn } from "./measure.ts";
import { absent, MINI, PHOTOS, peered } from "./models.ts";

/** Default threads of the WASM provider: as many as there are cores, up to four. */
const THREADS = Math.min(4, availableParallelism());

/** Runs a task in the benchmarks' page, in a new browser with an empty cache. */
async function inPage<T>(task: (page: Page, browser: Browser) => Promise<T>): Promise<T> {
  const [tiny, edgetam] = [await peered("tiny"), await peered("edgetam")];
  const server = await serve({
    page: fileURLToPath(new URL("page", import.meta.url)),
    headers: ISOLATION, // no Content-Security-Policy: the compared libraries may need more than ours allows
    folders: {
      "photo/": PHOTOS,
      "mini/": MINI.onnx,
      "mini-checkpoint/": MINI.checkpoint,
      ...(tiny ? { "ours/": tiny.onnx, "checkpoint/": tiny.checkpoint, "peer/tiny/": tiny.peer } : {}),
      ...(edgetam ? { "edgetam/": edgetam.onnx, "peer/edgetam/": edgetam.peer } : {}),
    },
  });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(server.url);
    await page.waitForFunction(() => "bench" in window);
    return await task(page, browser);
  } finally {
    await browser.close();
    await server.close();
  }
}

const PEER = "transformers.js 4.3.1";

/** Encoder, decoder, and click to mask at 12 MP against transformers.js, on the same weights. */
export async function models(length: Length): Promise<Row[]> {
  if (!(await peered("tiny"))) return [absent("encode"), absent("decode")];
  const rows: Row[] = [];
  for (const threads of [1, 2]) {
    const args = [threads, repeatsIn(length, 3)] as const;
    const found = await inPage((page) =>
      page.evaluate(([count, repeats]) => window.bench.models(count, repeats), args),
    );
    const row = { device: "wasm", threads, peer: PEER };
    rows.push(
      { ...row, bench: "encode", work: "SAM 2.1 tiny, 1024²", aim: 0.8, ...found.encode },
      { ...row, bench: "decode", work: "one point to low-res logits", aim: 0.7, ...found.decode },
      { ...row, bench: "decode", work: "one point to a binary mask of 12 MP", aim: 0.25, ...found.click12 },
    );
  }
  return rows;
}

/** EdgeTAM beside the peer's, on the same weights, and beside SAM 2.1 tiny. */
export async function edgetam(length: Length): Promise<Row[]> {
  if (!(await peered("tiny")) || !(await peered("edgetam"))) return [absent("edgetam")];
  const rows: Row[] = [];
  for (const threads of [1, 2]) {
    const args = [threads, repeatsIn(length, 6)] as const;
    const found = await inPage((page) =>
      page.evaluate(([count, repeats]) => window.bench.edgetam(count, repeats), args),
    );
    const row = { bench: "edgetam", device: "wasm", threads };
    const [peer, tiny] = [PEER, "our SAM 2.1 tiny"];
    rows.push(
      { ...row, work: "EdgeTAM, 1024²: encode", peer, aim: 1, ...found.encode.peer },
      { ...row, work: "EdgeTAM beside SAM 2.1 tiny: encode", peer: tiny, ...found.encode.tiny },
      { ...row, work: "EdgeTAM, 1024²: one point to low-res logits", peer, aim: 1, ...found.decode.peer },
      { ...row, work: "EdgeTAM beside SAM 2.1 tiny: one point to low-res logits", peer: tiny, ...found.decode.tiny },
    );
  }
  return rows;
}

/** The encoder in int8, on the same weights as fp32 and as the peer. */
export async function int8(length: Length): Promise<Row[]> {
  if (!(await peered("tiny"))) return [absent("int8")];
  const rows: Row[] = [];
  for (const threads of [1, 2]) {
    const args = [threads, repeatsIn(length, 3)] as const;
    const found = await inPage((page) => page.evaluate(([count, repeats]) => window.bench.int8(count, repeats), args));
    const row = { bench: "int8", work: "SAM 2.1 tiny, 1024²: encode in int8", device: "wasm", threads };
    rows.push({ ...row, peer: "ours in fp32", ...found.fp32 }, { ...row, peer: PEER, aim: 0.65, ...found.peer });
  }
  return rows;
}

/** Opening a checkpoint again: its converted form is kept. */
export async function kept(length: Length): Promise<Row[]> {
  const models = [
    ["sam2-mini", "mini-checkpoint/", "mini/model.json", "fp16"],
    ...((await peered("tiny")) ? [["SAM 2.1 tiny", "checkpoint/", "ours/model.json", "fp32"]] : []),
  ] as [string, string, string, Dtype][];
  const rows: Row[] = [];
  for (const [name, checkpoint, onnx, dtype] of models) {
    const args = [checkpoint, onnx, dtype, repeatsIn(length, 9)] as const;
    const found = await inPage((page) => page.evaluate((given) => window.bench.kept(...given), args));
    const work = `${name}: open a checkpoint that was converted before`;
    rows.push({ bench: "kept", work, device: "wasm", threads: THREADS, peer: "ready ONNX files", aim: 1.2, ...found });
  }
  return rows;
}

/** From a click to the painted mask, part by part. */
export async function click(length: Length): Promise<Row[]> {
  const rows: Row[] = [];
  for (const megapixels of [1, 4, 12]) {
    const args = [megapixels, repeatsIn(length, 15)] as const;
    const parts = await inPage((page) => page.evaluate((given) => window.bench.click(...given), args));
    for (const [part, found] of Object.entries(parts)) {
      rows.push({
        bench: "click",
        work: `${megapixels} MP, sam2-mini: ${part}`,
        device: "wasm",
        threads: THREADS,
        ...found,
      });
    }
  }
  return rows;
}

/** From nothing to the first mask: cold, from the cache, and from a checkpoint that is converted. */
export async function load(): Promise<Row[]> {
  const bytes = async (folder: string, ...files: string[]): Promise<string> => {
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
    return `${(sizes.reduce((sum, size) => sum + size, 0) / 1e6).toFixed(1)} MB`;
  };
  const onnx = await bytes(MINI.onnx, "encoder.onnx", "decoder.onnx");
  const safetensors = await bytes(MINI.checkpoint, "model.safetensors");
  const sources = [
    ["sam2-mini, ONNX", "mini/model.json", onnx],
    ["sam2-mini, safetensors converted in the browser", { checkpoint: "mini-checkpoint/" }, safetensors],
  ] as const;
  const rows: Row[] = [];
  for (const [work, model, size] of sources) {
    await inPage(async (page) => {
      for (const state of ["cold", "from the cache"]) {
        const { first, ready, longest } = await page.evaluate((source) => window.bench.firstMask(source), model);
        const row = { bench: "load", device: "wasm", threads: THREADS };
        rows.push({
          ...row,
          work: `${work}, ${state}: to the first mask of a 2 MP photograph`,
          ours_ms: first,
          note: `${size}; open after ${ready.toFixed(0)} ms`,
        });
        rows.push({ ...row, work: `${work}, ${state}: the page's longest task`, ours_ms: longest, aim: 50 });
      }
    });
  }
  return rows;
}

/** A picture's first mask with a draft, against without. */
export async function draft(length: Length): Promise<Row[]> {
  if (!(await peered("tiny"))) return [absent("draft")];
  const found = await inPage((page) => page.evaluate((repeats) => window.bench.draft(repeats), repeatsIn(length, 3)));
  const work = "SAM 2.1 tiny: picture to first mask, with a draft";
  return [{ bench: "draft", work, device: "wasm", threads: THREADS, peer: "without", aim: 0.3, ...found }];
}

/** Everything mode with its usual grid. */
export async function everything(): Promise<Row[]> {
  const { seconds, masks, batches } = await inPage((page) => page.evaluate(() => window.bench.everything(32)));
  const steps = batches.map((time, i) => time - (batches[i - 1] ?? 0));
  const work = "32×32 points, sam2-mini, 2 MP";
  const note = `${masks} masks; ${((3 * 1024) / seconds).toFixed(0)} candidates a second`;
  const row = { bench: "everything", device: "wasm", threads: THREADS };
  return [
    { ...row, work, ours_ms: 1000 * seconds, note },
    {
      ...row,
      work: "one batch of 16 points",
      ours_ms: quantile(steps, 0.5),
      note: "an abort waits for it",
    },
  ];
}

/** Resident memory of the renderer, which holds page and worker, over twenty images. */
export async function memory(length: Length): Promise<Row[]> {
  const images = length === "full" ? 20 : 10;
  return inPage(async (page, browser) => {
    const session = await browser.newBrowserCDPSession();
    const resident = async (): Promise<number> => {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      const pages = processInfo
        .filter(({ type }) => type === "renderer")
        .map(({ id }) => Number(readFileSync(`/proc/${id}/statm`, "utf8").split(" ")[1]) * 4096);
      return pages.reduce((sum, size) => sum + size, 0) / 1e6;
    };
    const before = await resident();
    let peak = 0;
    const timer = setInterval(() => {
      resident().then(
        (now) => {
          peak = Math.max(peak, now);
        },
        // a browser that has ended fails the work, which says more
        () => undefined,
      );
    }, 100);
    try {
      await page.evaluate((count) => window.bench.work(count), images);
    } finally {
      clearInterval(timer);
    }
    const during = await resident();
    await page.evaluate(() => window.disposeOfIt());
    await page.requestGC();
    await page.waitForTimeout(3000);
    const after = await resident();
    const mb = (value: number): string => `${value.toFixed(0)} MB`;
    const row = { bench: "memory", device: "wasm", threads: THREADS };
    const work = `page and worker, sam2-mini, ${images} images of 2 MP`;
    return [
      { ...row, work: `${work}: peak`, note: `${mb(peak - before)} over the empty page's ${mb(before)}` },
      { ...row, work: `${work}: at the end`, note: `${mb(during - before)} over it` },
      { ...row, work: `${work}: after dispose`, note: `${mb(after - before)} over it` },
    ];
  });
}

/** Parts that need no model. */
export async function kernels(length: Length): Promise<Row[]> {
  const found = await inPage((page) => page.evaluate((repeats) => window.bench.kernels(repeats), repeatsIn(length, 7)));
  return Object.entries(found).map(([work, { elements, ...row }]) => ({
    bench: "kernels",
    work,
    device: "js",
    threads: 1,
    ...row,
    ...(work.startsWith("preprocessing: stretch") ? { aim: 1 } : {}),
    note: `${(elements / row.ours_ms / 1000).toPrecision(3)} M elements a second`,
  }));
}
