/** Encoders in Node, beside the browser, and beside PyTorch where a Python with transformers is named. */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launchBrowser } from "headless/browser";
import { serve } from "headless/server";
import { createSegmenter, type Segmenter } from "sam2-node";
import { compare, quantile, type Row } from "./measure.ts";
import { absent, MINI, peered } from "./models.ts";

const SAMPLES = fileURLToPath(new URL("../demo/public/samples/", import.meta.url));
const TIMER = fileURLToPath(new URL("../models/reference/encode_time.py", import.meta.url));
const SAM2 = fileURLToPath(new URL("../packages/sam2-node/dist/command/main.js", import.meta.url));
const THREADS = 2;
const REPEATS = 9;
/** How often a folder is gone through. */
const BATCHES = 3;

/** Encoders in PyTorch, each run when it is asked for; null where `SAM2_PYTHON` names no Python. */
function pytorch(checkpoint: string): { run(): Promise<number>; end(): void } | null {
  const python = process.env.SAM2_PYTHON;
  if (python === undefined) return null;
  const timer = spawn(python, [TIMER, checkpoint, "--threads", `${THREADS}`], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: timer.stdout })[Symbol.asyncIterator]();
  return {
    async run() {
      timer.stdin.write("\n");
      const { value, done } = await lines.next();
      if (done) throw new Error(`${TIMER} has ended`);
      return Number(value);
    },
    end: () => timer.stdin.end(),
  };
}

/** Our encoder and PyTorch's in turns, on the same weights. */
async function besidePytorch(work: string, model: string, checkpoint: string): Promise<Row> {
  const row = { bench: "node", work, device: "cpu", threads: THREADS };
  const torch = pytorch(checkpoint);
  if (!torch) return { ...row, device: "", threads: 0, note: "PyTorch is not run: SAM2_PYTHON names no Python" };
  const segmenter = await createSegmenter({ model, device: "cpu", dtype: "fp32", threads: THREADS });
  try {
    const measured = await compare({ ours: () => encodeTime(segmenter), theirs: torch.run }, REPEATS);
    return { ...row, peer: "transformers, PyTorch", aim: 0.9, ...measured };
  } finally {
    torch.end();
    await segmenter.dispose();
  }
}

/** Milliseconds that the encoder takes for a photograph. */
async function encodeTime(segmenter: Segmenter): Promise<number> {
  const image = await segmenter.setImage(`${SAMPLES}truck.jpg`);
  await image.release();
  return image.timings.encode;
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
    const beside = await compare({ ours: () => encodeTime(segmenter), theirs }, REPEATS);
    const tiny = await peered("tiny");
    return [
      { ...row, peer: "sam2-web, WASM", ...beside },
      await besidePytorch(row.work, MINI.onnx, MINI.checkpoint),
      tiny ? await besidePytorch("encoder of SAM 2.1 tiny, 1024²", tiny.onnx, tiny.checkpoint) : absent("node"),
      await batch(),
    ];
  } finally {
    await segmenter.dispose();
    await browser.close();
    await server.close();
  }
}
