/**
 * WebGPU: our graphs beside those that transformers.js would load, in a browser; and on machines with a GPU, encoders of all
 * sizes on onnxruntime's native provider, with their share of the card's peak.
 *
 * Without a GPU, the browser is Firefox on Mesa's lavapipe, which has half precision: its times are those of a CPU, but
 * kernels, bytes and ratios are told.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ISOLATION } from "headless/pages";
import { serve } from "headless/server";
import * as ort from "onnxruntime-node";
import type { AttentionForm, Dtype } from "sam2-contract";
import { exportFolder } from "sam2-export/node";
import type { Browser, Tab } from "../e2e/browsers/driver.ts";
import { LAVAPIPE } from "../e2e/browsers/lavapipe.ts";
import { CHROMIUM } from "../e2e/browsers/puppeteer.ts";
import { TINY_ENCODER_FLOP } from "./graphs.ts";
import { compare, type Length, type Row, repeatsIn } from "./measure.ts";
import { absent, CACHE, MINI, peered } from "./models.ts";
import type { adapterHere, GpuComparison, GpuGraph, GpuInput } from "./page/gpu.ts";

/** The card's peak in TFLOP/s, as in its data sheet; set by SAM2_GPU_TFLOPS. */
const PEAK = Number(process.env.SAM2_GPU_TFLOPS ?? Number.NaN);

const BENCH = "gpu";

/** A tensor of float32 on the CPU, and on the GPU. */
const given = (...dims: number[]): GpuInput => ({ on: "cpu", type: "float32", dims });
const kept = (...dims: number[]): GpuInput => ({ ...given(...dims), on: "gpu" });

/** Our encoder and the traced one, for images of a size. */
function encoders(ours: string, theirs: string, size: number): [GpuGraph, GpuGraph] {
  const image = given(1, 3, size, size);
  return [
    { url: `${ours}encoder.onnx`, inputs: { image } },
    { url: `${theirs}vision_encoder.onnx`, inputs: { pixel_values: image } },
  ];
}

/** Our decoder and the traced one, for one point; the embedding is on the GPU. */
function decoders(ours: string, theirs: string, size: number): [GpuGraph, GpuGraph] {
  const grid = size / 16;
  const maps = [kept(1, 256, grid, grid), kept(1, 32, 4 * grid, 4 * grid), kept(1, 64, 2 * grid, 2 * grid)] as const;
  const [low, high, middle] = maps;
  return [
    {
      url: `${ours}decoder.onnx`,
      inputs: {
        image_embed: low,
        high_res_feats_0: high,
        high_res_feats_1: middle,
        point_coords: { ...given(1, 1, 2), fill: size / 3 },
        point_labels: { ...given(1, 1), fill: 1 },
        // the library keeps zeros there
        mask_input: { ...kept(1, 1, size / 4, size / 4), fill: 0 },
        has_mask_input: { ...given(1), fill: 0 },
      },
    },
    {
      url: `${theirs}prompt_encoder_mask_decoder.onnx`,
      inputs: {
        input_points: { ...given(1, 1, 1, 2), fill: size / 3 },
        input_labels: { on: "cpu", type: "int64", dims: [1, 1, 1], fill: 1 },
        "image_embeddings.0": high,
        "image_embeddings.1": middle,
        "image_embeddings.2": low,
      },
    },
  ];
}

/** How long a comparison may take, shaders included, in milliseconds: longer is a hang, or a computer too busy to measure. */
const LATEST = 150_000;

/** Runs a task of the page's, and waits for it: a driver's own wait for an answer ends after three minutes. */
async function inPage<A extends unknown[], R>(tab: Tab, name: "adapterHere" | "compareOnGpu", ...args: A): Promise<R> {
  await tab.evaluate(
    (task: typeof name, given: unknown[]) => {
      const run = window.benchGpu[task] as (...args: unknown[]) => Promise<unknown>;
      const answer: { value?: unknown; error?: string } = {};
      Object.assign(window, { gpuAnswer: answer });
      run(...given).then(
        (value) => Object.assign(answer, { value: value ?? null }),
        (error: Error) => Object.assign(answer, { error: String(error?.message ?? error) }),
      );
    },
    name,
    args,
  );
  for (const start = performance.now(); performance.now() - start < LATEST; ) {
    const { value, error } = await tab.evaluate(
      () => (window as unknown as { gpuAnswer: { value?: unknown; error?: string } }).gpuAnswer,
    );
    if (error !== undefined) throw new Error(error);
    if (value !== undefined) return value as R;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`no answer in ${LATEST / 1000} s`);
}

type Adapter = NonNullable<Awaited<ReturnType<typeof adapterHere>>>;

/** Opens the page where there is a GPU, else where one is emulated in half precision; a string says why nowhere. */
async function openPage(
  url: string,
): Promise<{ browser: Browser; tab: Tab; adapter: Adapter; engine: string } | string> {
  let reason = "";
  for (const engine of [CHROMIUM, LAVAPIPE]) {
    const absence = engine.absence();
    if (absence !== null) {
      reason = absence;
      continue;
    }
    const browser = await engine.launch();
    const tab = await browser.newTab();
    await tab.goto(url);
    for (const start = performance.now(); !(await tab.evaluate(() => "benchGpu" in window)); ) {
      if (performance.now() - start > LATEST) throw new Error(`${engine.name}: no page in ${LATEST / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const adapter = await inPage<[], Adapter | null>(tab, "adapterHere");
    // lavapipe is emulated, and there to be measured
    const isTaken = adapter && (!adapter.isEmulated || engine === LAVAPIPE);
    if (isTaken) return { browser, tab, adapter, engine: engine.name };
    reason = `${engine.name}: ${adapter ? `${adapter.name} is emulated` : "no WebGPU"}`;
    await browser.close();
  }
  return reason;
}

const kilobytes = (bytes: number): string => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(0)} kB`);
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** The rows of one comparison: time, kernels, bytes written, and bytes uploaded. */
function rowsOf(work: string, device: string, aim: number | undefined, found: GpuComparison): Row[] {
  const { ours, theirs, ...times } = found;
  const row = { bench: BENCH, device, threads: 0, peer: "traced, fp32" };
  const counted = (name: string, key: keyof typeof ours, shown: (value: number) => string): Row => ({
    ...row,
    work: `${work}: ${name}`,
    ratio: ours[key] / theirs[key],
    aim: 1,
    note: `${shown(ours[key])} against ${shown(theirs[key])}`,
  });
  return [
    { ...row, work, ...times, ...(aim === undefined ? {} : { aim }) },
    counted("kernels", "dispatches", String),
    counted("bytes that kernels write", "written", megabytes),
    counted("bytes uploaded", "uploaded", kilobytes),
  ];
}

async function inBrowser(length: Length): Promise<Row[]> {
  const tiny = await peered("tiny");
  const traced = join(CACHE, "mini", "transformers.js", "onnx");
  if (!tiny || !existsSync(join(traced, "prompt_encoder_mask_decoder.onnx"))) return [absent(BENCH)];
  const made = (name: string): string => join(CACHE, name, "fp16-compute");
  await exportFolder(tiny.checkpoint, made("tiny"), { id: "tiny", dtype: "fp16-compute" });
  await exportFolder(MINI.checkpoint, made("mini"), { id: "mini", dtype: "fp16-compute" });
  const server = await serve({
    page: fileURLToPath(new URL("page", import.meta.url)),
    headers: ISOLATION,
    folders: {
      "mini/": MINI.onnx,
      "mini-half/": made("mini"),
      "mini-traced/": traced,
      "tiny/": tiny.onnx,
      "tiny-half/": made("tiny"),
      "tiny-traced/": join(tiny.peer, "onnx"),
    },
  });
  try {
    const page = await openPage(server.url);
    if (typeof page === "string") return [{ bench: BENCH, work: "not run", device: "", threads: 0, note: page }];
    const { browser, tab, adapter, engine } = page;
    const isReal = engine !== LAVAPIPE.name;
    const device = `webgpu: ${engine}${isReal ? `, ${adapter.name}` : ""}`;
    const repeats = isReal ? 15 : repeatsIn(length, 3);
    const forms = [["fp32", ""], ...(adapter.hasHalf ? [["fp16-compute", "-half"]] : [])] as [string, string][];
    const rows: Row[] = [];
    try {
      for (const [dtype, suffix] of forms) {
        const works: [string, [GpuGraph, GpuGraph], number | undefined][] = [
          ["sam2-mini: encoder", encoders(`mini${suffix}/`, "mini-traced/", 640), 1],
          ["sam2-mini: decoder, one point", decoders(`mini${suffix}/`, "mini-traced/", 640), 0.7],
          ["SAM 2.1 tiny: decoder, one point", decoders(`tiny${suffix}/`, "tiny-traced/", 1024), 0.7],
        ];
        // minutes without a GPU
        if (isReal) works.push(["SAM 2.1 tiny: encoder", encoders(`tiny${suffix}/`, "tiny-traced/", 1024), 1]);
        for (const [work, [ours, theirs], aim] of works) {
          const found = await inPage<[GpuGraph, GpuGraph, number, number], GpuComparison>(
            tab,
            "compareOnGpu",
            ours,
            theirs,
            repeats,
            work.includes("decoder") ? 4 : 1,
          );
          rows.push(...rowsOf(`${work}, ${dtype}`, device, aim, found));
        }
      }
    } catch (error) {
      // what was measured until then counts
      rows.push({ bench: BENCH, work: "the rest", device, threads: 0, note: `not run: ${(error as Error).message}` });
    } finally {
      await browser.close();
    }
    return rows;
  } finally {
    await server.close();
  }
}

/** Operations of the encoders at 1024²: twice their multiply-adds. */
const ENCODER_FLOP: Readonly<Record<string, number>> = {
  tiny: TINY_ENCODER_FLOP,
  "base-plus": 620.1e9,
  large: 1815.2e9,
  edgetam: 35.1e9,
};

/** Whether there is a GPU: on Linux, an emulation answers where there is none. */
function hasGpu(): boolean {
  if (process.platform !== "linux") return true;
  const renders = existsSync("/dev/dri") && readdirSync("/dev/dri").some((name) => name.startsWith("renderD"));
  return renders || existsSync("/dev/nvidiactl") || existsSync("/dev/dxg");
}

/** One encoder on the native provider. */
async function encoderRow(name: string, dtype: Dtype, attention: AttentionForm): Promise<Row> {
  const row = { bench: BENCH, work: `encoder, ${name}, ${dtype}, ${attention}`, device: "webgpu (native)", threads: 0 };
  const folder = join(CACHE, name, `${dtype}-${attention}`);
  try {
    const { imageSize } = await exportFolder(join(CACHE, name, "checkpoint"), folder, { id: name, dtype, attention });
    const session = await ort.InferenceSession.create(join(folder, "encoder.onnx"), {
      executionProviders: ["webgpu"],
      logSeverityLevel: 4,
    });
    const image = new ort.Tensor(
      "float32",
      Float32Array.from({ length: 3 * imageSize ** 2 }, (_, i) => Math.sin(0.37 * i)),
      [1, 3, imageSize, imageSize],
    );
    const encode = await compare({ ours: () => session.run({ image }) }, 15);
    await session.release();
    const rate = (ENCODER_FLOP[name] ?? Number.NaN) / encode.ours_ms / 1e9;
    const share = Number.isNaN(PEAK) ? "" : `, ${((100 * rate) / PEAK).toFixed(1)} % of ${PEAK}`;
    return { ...row, ...encode, ...(Number.isNaN(rate) ? {} : { note: `${rate.toFixed(2)} TFLOP/s${share}` }) };
  } catch (error) {
    return { ...row, note: `not run: ${(error as Error).message.split("\n")[0]?.slice(0, 120)}` };
  }
}

/** The encoders whose checkpoints are there, in both precisions and with both forms of attention. */
async function native(): Promise<Row[]> {
  if (!hasGpu())
    return [{ bench: BENCH, work: "encoders of all sizes", device: "", threads: 0, note: "not run: no GPU" }];
  const names = ["tiny", "base-plus", "large", "edgetam"].filter((name) => existsSync(join(CACHE, name, "checkpoint")));
  const rows: Row[] = [];
  for (const name of names) {
    for (const dtype of ["fp32", "fp16-compute"] as const) {
      for (const attention of ["fused", "decomposed"] as const) rows.push(await encoderRow(name, dtype, attention));
    }
  }
  return rows;
}

/** The rows of the benchmark, or those that say why it was not run. */
export async function gpu(length: Length): Promise<Row[]> {
  return [...(await inBrowser(length)), ...(await native())];
}
