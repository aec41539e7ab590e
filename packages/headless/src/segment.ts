/** The segment command: the library itself, in a headless browser. */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { DTYPES, isSam2Error } from "sam2-contract";
import { checkWritable, number, numbers, writeWhole } from "sam2-node/internals";
import type { SegmentJob } from "../page/main.ts";
import { launchBrowser } from "./browser.ts";
import { serve } from "./server.ts";

type Point = SegmentJob["points"][number];
type Box = NonNullable<SegmentJob["box"]>;

interface CliOptions {
  point: Point[];
  negative: Point[];
  box?: Box;
  model: string;
  device: SegmentJob["device"];
  dtype: SegmentJob["dtype"];
  multimask: boolean;
  detail: SegmentJob["detail"];
  everything: boolean;
  pointsPerSide?: number;
  predIouThresh?: number;
  stabilityScoreThresh?: number;
  out: string;
  json?: string;
}

function collectPoint(positive: boolean): (text: string, before: Point[]) => Point[] {
  return (text, before) => {
    const [x = 0, y = 0] = numbers(text, 2);
    return [...before, { x, y, positive }];
  };
}

const program = new Command("segment")
  .description("Segments a picture with sam2-web in a headless browser")
  .argument("<image>")
  .option("--point <x,y>", "a point on the object; may be repeated", collectPoint(true), [])
  .option("--negative <x,y>", "a point not on the object; may be repeated", collectPoint(false), [])
  .option("--box <x1,y1,x2,y2>", "a box around the object", (text) => numbers(text, 4) as Box)
  .option("--model <id>", "a model of the catalog, the address of a model.json, or an exported folder", "sam2-mini")
  .addOption(new Option("--device <device>", "where to run").choices(["auto", "webgpu", "wasm"]).default("auto"))
  .addOption(
    new Option("--dtype <dtype>", "precision to run a checkpoint in").choices(["auto", ...DTYPES]).default("auto"),
  )
  .option("--multimask", "three masks instead of the single best", false)
  .addOption(
    new Option("--detail <when>", "a second look at small things").choices(["off", "auto", "always"]).default("off"),
  )
  .option("--everything", "segment everything in the picture, instead of a prompt", false)
  .option("--points-per-side <n>", "everything: points along a side of the grid; default 32", number)
  .option("--pred-iou-thresh <t>", "everything: lowest predicted IoU; default 0.8", number)
  .option("--stability-score-thresh <t>", "everything: lowest stability score; default 0.95", number)
  .requiredOption("--out <file>", "file to write the overlay to, PNG")
  .option("--json <file>", "file to write masks (COCO RLE), scores and timings to");

/** Segments a picture, and writes what was asked for. */
async function segment(image: string, options: CliOptions): Promise<void> {
  for (const path of [options.out, options.json]) if (path !== undefined) await checkWritable(path);
  const isFolder = existsSync(join(options.model, "model.json"));
  const server = await serve({
    folders: {
      "input/": dirname(resolve(image)),
      ...(isFolder ? { "models/local/": resolve(options.model) } : {}),
    },
  });
  // `auto` never uses emulated WebGPU, so it is only enabled for --device webgpu
  const browser = await launchBrowser({ softwareWebGpu: options.device === "webgpu" });
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => "segmentJob" in window);
    const job: SegmentJob = {
      image: `input/${encodeURIComponent(basename(image))}`,
      model: isFolder ? "models/local/model.json" : options.model,
      device: options.device,
      dtype: options.dtype,
      points: [...options.point, ...options.negative],
      box: options.box ?? null,
      multimask: options.multimask,
      detail: options.detail,
      everything: options.everything
        ? {
            points_per_side: options.pointsPerSide,
            pred_iou_thresh: options.predIouThresh,
            stability_score_thresh: options.stabilityScoreThresh,
          }
        : null,
    };
    // an error that leaves the page as such brings the page's stack along
    const answer = await page.evaluate(
      (request) => window.segmentJob(request).catch(({ name, message }: Error) => `${name}: ${message}`),
      job,
    );
    if (typeof answer === "string") throw new Error(answer);
    const { report, overlay } = answer;
    await writeWhole(options.out, Buffer.from(overlay.slice(overlay.indexOf(",") + 1), "base64"));
    if (options.json !== undefined) await writeWhole(options.json, `${JSON.stringify(report, null, 2)}\n`);
    const { load, encode, decode } = report.timings_ms;
    const [best] = report.masks;
    const found = options.everything
      ? `${report.masks.length} masks`
      : `score ${best?.score.toFixed(3)}, ${best?.area} pixels`;
    process.stdout.write(
      `${report.model} on ${report.device.encoder} (${report.device.reason}): ` +
        `load ${load.toFixed(0)} ms, encode ${encode.toFixed(0)} ms, decode ${decode.toFixed(0)} ms; ` +
        `${found} → ${options.out}\n`,
    );
  } finally {
    await browser.close();
    await server.close();
  }
}

program.action(async (image: string, options: CliOptions) => {
  const prompted = options.point.length > 0 || options.negative.length > 0 || options.box !== undefined;
  if (!prompted && !options.everything) {
    program.error("error: give at least one --point, --negative or --box, or --everything");
  }
  if (prompted && options.everything) program.error("error: --everything takes no --point, --negative or --box");
  if (!existsSync(image)) program.error(`error: ${image}: no such file`);
  try {
    await segment(image, options);
  } catch (error) {
    const { name, message } = error as Error;
    process.stderr.write(isSam2Error(error) ? `${name}: ${message}\n` : `${message}\n`);
    process.exitCode = 1;
  }
});

await program.parseAsync();
