/** `sam2 segment`: one picture, by points and a box, or everything in it. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import {
  type BoxXYWH,
  type Detail,
  type DtypeChoice,
  decodeRle,
  encodeRle,
  type Mask,
  maskArea,
  maskBox,
  type Rle,
  type SegmenterImage,
} from "sam2-core";
import type { DeviceChoice } from "../runtime/device.ts";
import type { DeviceInfo } from "../runtime/sessions.ts";
import { createSegmenter, type Segmenter } from "../segmenter.ts";
import { checkWritable, writeWhole } from "../storage/whole-file.ts";
import {
  detailOption,
  deviceOption,
  dtypeOption,
  type EverythingFlags,
  everythingOptions,
  modelOption,
  numbers,
  wholeNumber,
} from "./arguments.ts";
import { labelMapOf, type MaskFlags, maskOptions, prepareMasks, writeMasks } from "./masks.ts";
import { checkOutputs } from "./outputs.ts";
import { overlayPng } from "./overlay.ts";
import { ProgressLine } from "./progress.ts";

interface Point {
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
}

interface Flags extends EverythingFlags, MaskFlags {
  readonly point: Point[];
  readonly negative: Point[];
  readonly box?: number[];
  readonly model: string;
  readonly device: DeviceChoice;
  readonly dtype: DtypeChoice;
  readonly threads?: number;
  readonly embedding?: string;
  readonly multimask: boolean;
  readonly detail: Detail;
  readonly everything: boolean;
  readonly out?: string;
  readonly json?: string | true;
}

/** A mask, as the JSON has it. */
interface ReportedMask {
  readonly score: number;
  readonly area: number;
  readonly bbox: BoxXYWH;
  readonly rle: Rle;
}

/** The JSON that the command writes. */
interface Report {
  readonly model: string;
  readonly device: DeviceInfo;
  readonly image: { readonly width: number; readonly height: number };
  readonly timings_ms: { readonly load: number; readonly encode: number; readonly decode: number };
  /** The best first. */
  readonly masks: readonly ReportedMask[];
}

interface Answer {
  readonly masks: readonly ReportedMask[];
  /** The masks that the overlay shows. */
  readonly shown: readonly Mask[];
  readonly decode: number;
}

function collectPoint(positive: boolean): (text: string, before: Point[]) => Point[] {
  return (text, before) => {
    const [x = 0, y = 0] = numbers(text, 2);
    return [...before, { x, y, positive }];
  };
}

async function prompted(segmenter: Segmenter, image: SegmenterImage, flags: Flags): Promise<Answer> {
  const points = [...flags.point, ...flags.negative];
  const result = await segmenter.segment(
    {
      image,
      ...(points.length > 0
        ? {
            point_coords: points.map(({ x, y }) => [x, y]),
            point_labels: points.map(({ positive }) => (positive ? 1 : 0)),
          }
        : {}),
      box: flags.box,
      multimask_output: flags.multimask,
    },
    { detail: flags.detail },
  );
  const masks = Array.from({ length: result.scores.dims[1] as number }, (_, index): ReportedMask => {
    const mask = result.mask(index);
    const score = result.scores.data[index] as number;
    return { score, area: maskArea(mask), bbox: maskBox(mask), rle: encodeRle(mask) };
  });
  return { masks, shown: [result.mask()], decode: result.decodeTime };
}

async function everything(segmenter: Segmenter, image: SegmenterImage, flags: Flags): Promise<Answer> {
  const start = performance.now();
  let line: ProgressLine | undefined;
  const found = await segmenter.segmentEverything(image, {
    points_per_side: flags.pointsPerSide,
    pred_iou_thresh: flags.predIouThresh,
    stability_score_thresh: flags.stabilityScoreThresh,
    detail: flags.detail,
    onProgress: ({ done, total }) => {
      line ??= new ProgressLine(total, "points");
      line.show(done);
    },
  });
  line?.end();
  const decode = performance.now() - start;
  const masks = found
    .map(({ segmentation, predicted_iou, area, bbox }) => ({
      score: predicted_iou,
      area,
      bbox,
      rle: segmentation as Rle,
    }))
    .sort((a, b) => b.score - a.score);
  // draw large masks first, so that small ones stay visible
  const shown = [...masks].sort((a, b) => b.area - a.area).map(({ rle }) => decodeRle(rle));
  return { masks, shown, decode };
}

async function segment(path: string, flags: Flags): Promise<void> {
  const start = performance.now();
  await prepareMasks(flags);
  await checkFiles(path, flags);
  for (const file of [flags.out, flags.json]) if (typeof file === "string") await checkWritable(file);
  const { model: source, device, dtype, threads, embedding } = flags;
  const lazyEncoder = embedding !== undefined;
  const segmenter = await createSegmenter({ model: source, device, dtype, threads, lazyEncoder });
  try {
    const load = performance.now() - start;
    const image = await segmenter.setImage(path, { embedding });
    const { decodeImage, preprocess, encode } = image.timings;
    const answer = flags.everything
      ? await everything(segmenter, image, flags)
      : await prompted(segmenter, image, flags);
    const report: Report = {
      model: segmenter.model.id,
      device: segmenter.device,
      image: { width: image.width, height: image.height },
      timings_ms: { load, encode: decodeImage + preprocess + encode, decode: answer.decode },
      masks: answer.masks,
    };
    if (flags.out !== undefined) {
      const boxes = flags.box ? [flags.box] : [];
      await writeWhole(
        flags.out,
        await overlayPng(path, { masks: answer.shown, points: [...flags.point, ...flags.negative], boxes }),
      );
    }
    await writeMasks(nameOf(path), { ...report.image, masks: answer.masks.map(({ rle }) => rle) }, flags);
    const json = `${JSON.stringify(report, null, 2)}\n`;
    if (flags.json === true) process.stdout.write(json);
    else {
      if (flags.json !== undefined) await writeWhole(flags.json, json);
      process.stdout.write(summary(report, flags));
    }
  } finally {
    await segmenter.dispose();
  }
}

/** Checks that nothing takes the place of anything else. @throws OutputError */
async function checkFiles(picture: string, flags: Flags): Promise<void> {
  const written = { "--out": flags.out, "--json": flags.json, "--masks": labelMapOf(nameOf(picture), flags) };
  const read = { "the picture": picture, "--embedding": flags.embedding };
  const files = (paths: object): { name: string; path: string }[] =>
    Object.entries(paths).flatMap(([name, path]) =>
      typeof path === "string" && !/^https?:/.test(path) ? [{ name, path }] : [],
    );
  await checkOutputs(files(written), files(read));
}

function summary({ model, device, timings_ms, masks }: Report, flags: Flags): string {
  const { load, encode, decode } = timings_ms;
  const [best] = masks;
  const found = flags.everything ? `${masks.length} masks` : `score ${best?.score.toFixed(3)}, ${best?.area} pixels`;
  return (
    `${model} on ${device.encoder} (${device.reason}): ` +
    `load ${load.toFixed(0)} ms, encode ${encode.toFixed(0)} ms, decode ${decode.toFixed(0)} ms; ` +
    `${found} → ${flags.out ?? flags.json ?? flags.masks}\n`
  );
}

/** A part of an address without its escapes; as it is where these are no text. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A picture's own name, of its path or address. */
function nameOf(picture: string): string {
  return basename(/^https?:/.test(picture) ? decoded(new URL(picture).pathname) : picture) || "picture";
}

/** The command. */
export function segmentCommand(): Command {
  const command = new Command("segment")
    .description("Segments a picture: by points and a box, or everything in it")
    .argument("<image>", "path or address of a picture")
    .option("--point <x,y>", "a point on the object; may be repeated", collectPoint(true), [])
    .option("--negative <x,y>", "a point not on the object; may be repeated", collectPoint(false), [])
    .option("--box <x1,y1,x2,y2>", "a box around the object", (text) => numbers(text, 4))
    .option("--multimask", "three masks instead of the single best", false)
    .addOption(detailOption())
    .option("--everything", "segment everything in the picture, instead of a prompt", false);
  for (const option of everythingOptions()) command.addOption(option);
  command
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(dtypeOption())
    .option(
      "--embedding <file>",
      "path or address of the picture's embedding, as sam2 embed makes it: nothing is encoded",
    )
    .option("--threads <n>", "threads on the CPU; as many as cores by default", wholeNumber)
    .option("--out <file>", "file to write the overlay to, PNG")
    .option("--json [file]", "file to write masks (COCO RLE), scores and timings to; standard output without a file");
  for (const option of maskOptions()) command.addOption(option);
  return command.action(async (image: string, flags: Flags) => {
    const isPrompted = flags.point.length > 0 || flags.negative.length > 0 || flags.box !== undefined;
    if (!isPrompted && !flags.everything) {
      command.error("error: give at least one --point, --negative or --box, or --everything");
    }
    if (isPrompted && flags.everything) command.error("error: --everything takes no --point, --negative or --box");
    if (flags.out === undefined && flags.json === undefined && flags.masks === undefined) {
      command.error("error: give --out, --json or --masks");
    }
    if (!/^https?:/.test(image) && !existsSync(image)) command.error(`error: ${image}: no such file`);
    await segment(image, flags);
  });
}
