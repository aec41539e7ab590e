/** The built-in model's encoder in Node, beside the browser, and beside PyTorch where a Python with transformers is named. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launchBrowser } from "headless/browser";
import { serve } from "headless/server";
import { createSegmenter } from "sam2-node";
import { compare, type Row } from "./measure.ts";
import { MINI } from "./models.ts";

const SAMPLES = fileURLToPath(new URL("../demo/public/samples/", import.meta.url));
const TIMER = fileURLToPath(new URL("../models/reference/encode_time.py", import.meta.url));
const THREADS = 2;
const REPEATS = 9;

/** The median that PyTorch takes, in milliseconds, by the Python that `SAM2_PYTHON` names; null where none is named. */
async function pytorch(): Promise<number | null> {
  const python = process.env.SAM2_PYTHON;
  if (python === undefined) return null;
  const args = [TIMER, MINI.checkpoint, "--threads", `${THREADS}`, "--repeats", `${REPEATS}`];
  const { stdout } = await promisify(execFile)(python, args);
  return (JSON.parse(stdout) as { median_ms: number }).median_ms;
}

/** One row for each peer. */
export async function node(): Promise<Row[]> {
  const server = await serve({ folders: { "samples/": SAMPLES } });
  const browser = await launchBrowser();
  const segmenter = await createSegmenter({ device: "cpu", threads: THREADS });
  const ours = async (): Promise<number> => {
    const image = await segmenter.setImage(`${SAMPLES}truck.jpg`);
    await image.release();
    return image.timings.encode;
  };
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => "sam2" in window);
    const opened = await page.evaluateHandle(
      (threads) => window.sam2.createSegmenter({ model: "sam2-mini", device: "wasm", threads }),
      THREADS,
    );
    const theirs = (): Promise<number> =>
      opened.evaluate(async (other) => {
        const image = await other.setImage("samples/truck.jpg");
        await image.release();
        return image.timings.encode;
      });
    const row = { bench: "node", work: "encoder of sam2-mini, 640²", device: "cpu", threads: THREADS };
    const beside = await compare({ ours, theirs }, REPEATS);
    const theirs_ms = await pytorch();
    const alone = await compare({ ours }, REPEATS);
    const torch = { ...row, peer: "transformers, PyTorch", aim: 0.9 };
    return [
      { ...row, peer: "sam2-web, WASM", ...beside },
      theirs_ms === null
        ? { ...row, device: "", threads: 0, note: "PyTorch is not run: SAM2_PYTHON names no Python" }
        : { ...torch, ...alone, theirs_ms, ratio: alone.ours_ms / theirs_ms },
    ];
  } finally {
    await segmenter.dispose();
    await browser.close();
    await server.close();
  }
}
