/** The built-in model's encoder in Node, beside the browser, and beside PyTorch where a Python with transformers is named. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launchBrowser } from "headless/browser";
import { serve } from "headless/server";
import { createSegmenter } from "sam2-node";
import { compare, quantile, type Row } from "./measure.ts";
import { MINI } from "./models.ts";

const SAMPLES = fileURLToPath(new URL("../demo/public/samples/", import.meta.url));
const TIMER = fileURLToPath(new URL("../models/reference/encode_time.py", import.meta.url));
const SAM2 = fileURLToPath(new URL("../packages/sam2-node/dist/command/main.js", import.meta.url));
const THREADS = 2;
const REPEATS = 9;
/** How often a folder is gone through. */
const BATCHES = 3;

/** The median that PyTorch takes, in milliseconds, by the Python that `SAM2_PYTHON` names; null where none is named. */
async function pytorch(): Promise<number | null> {
  const python = process.env.SAM2_PYTHON;
  if (python === undefined) return null;
  const args = [TIMER, MINI.checkpoint, "--threads", `${THREADS}`, "--repeats", `${REPEATS}`];
  const { stdout } = await promisify(execFile)(python, args);
  return (JSON.parse(stdout) as { median_ms: number }).median_ms;
}

/** `sam2 embed` on a folder: the time that a picture takes, and the share of the machine's cores that is in use meanwhile. */
async function batch(): Promise<Row> {
  const out = await mkdtemp(join(tmpdir(), "sam2-bench-"));
  try {
    const shares: number[] = [];
    const embed = async (): Promise<number> => {
      // each into a folder of its own: what is there is not made again
      const args = ["embed", SAMPLES, "--out", join(out, String(shares.length)), "--device", "cpu", "--json"];
      const { stdout } = await promisify(execFile)(process.execPath, [SAM2, ...args]);
      const { pictures, seconds, cores_busy } = JSON.parse(stdout) as Record<
        "pictures" | "seconds" | "cores_busy",
        number
      >;
      shares.push(cores_busy);
      return (1000 * seconds) / pictures;
    };
    const measured = await compare({ ours: embed }, BATCHES);
    const busy = `${(100 * quantile(shares, 0.5)).toFixed(0)} % of ${availableParallelism()} cores in use, the model's opening included`;
    return {
      bench: "node",
      work: "sam2 embed, a picture of a folder, sam2-mini",
      device: "cpu",
      threads: availableParallelism(),
      ...measured,
      note: busy,
    };
  } finally {
    await rm(out, { recursive: true });
  }
}

/** One row for each peer, and one of a batch. */
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
      await batch(),
    ];
  } finally {
    await segmenter.dispose();
    await browser.close();
    await server.close();
  }
}
