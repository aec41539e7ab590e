/** `sam2 boxes`: the masks of the boxes in a COCO file. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { Sam2Error, shown } from "sam2-contract";
import { type BoxXYWH, digest } from "sam2-core";
import type { DeviceChoice } from "../runtime/device.ts";
import { removeAside, writeWhole } from "../storage/whole-file.ts";
import { type BoxMasks, segmentBoxes } from "../work/boxes.ts";
import { type DetailFlags, detailAsked, detailOption, deviceOption, modelOption, workersOption } from "./arguments.ts";
import { runBatch } from "./batch.ts";
import { cocoText } from "./coco.ts";
import { Journal } from "./journal.ts";
import { checkNames, type MaskFlags, maskOptions, masksAsked, prepareMasks, writeMasks } from "./masks.ts";
import { checkMasksFolder, checkOutput, checkOutputs } from "./outputs.ts";
import { type QueueFlags, queueOptions } from "./over-queue.ts";
import { stampsOf } from "./pictures.ts";
import { Stopwatch, tellSummary } from "./summary.ts";

interface Flags extends DetailFlags, QueueFlags, MaskFlags {
  readonly images: string;
  readonly model: string;
  readonly device: DeviceChoice;
  readonly workers?: number;
  readonly out: string;
  readonly json: boolean;
}

interface CocoImage {
  readonly id: number | string;
  readonly file_name: string;
  readonly width?: number;
  readonly height?: number;
}

interface CocoBox {
  readonly image_id: number | string;
  readonly bbox: BoxXYWH;
}

/** A COCO file of boxes. Its other fields stay as they are. */
interface CocoBoxes {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoBox[];
}

/** A text in JSON, or a number. */
const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:[.]\d+)?(?:[eE][-+]?\d+)?/g;

/** The first whole number in JSON that would be read as another one; undefined where there is none. */
function inexactNumber(json: string): string | undefined {
  // few files have any number as long as that
  if (!/\d{16}/.test(json)) return undefined;
  for (const [found] of json.matchAll(TEXT_OR_NUMBER)) {
    if (/^-?\d+$/.test(found) && !Number.isSafeInteger(Number(found))) return found;
  }
  return undefined;
}

/** Reads a COCO file of boxes, and its hash. @throws InvalidPromptError */
async function readBoxes(path: string): Promise<{ readonly coco: CocoBoxes; readonly hash: string }> {
  const wrong = (expected: string, got: string, cause?: unknown): Sam2Error =>
    new Sam2Error("InvalidPromptError", `${path}: expected ${expected}, got ${got}`, { cause });
  const bytes = await readFile(path).catch((cause: Error) => {
    throw wrong("a COCO file", cause.message, cause);
  });
  let coco: Partial<CocoBoxes> | null;
  const text = bytes.toString();
  try {
    coco = JSON.parse(text);
  } catch (cause) {
    throw wrong("a COCO file", "what is no JSON", cause);
  }
  if (!Array.isArray(coco?.images) || !Array.isArray(coco.annotations)) {
    throw wrong("lists named images and annotations", shown(coco));
  }
  const inexact = inexactNumber(text);
  if (inexact !== undefined) {
    throw wrong(
      "whole numbers that stay as they are",
      `${inexact}, which would become ${Number(inexact)}: write it as a text`,
    );
  }
  const ids = new Set<string>();
  for (const image of coco.images) {
    if (typeof image?.file_name !== "string") throw wrong("images with a file_name", shown(image?.file_name ?? image));
    if (ids.has(String(image.id))) throw wrong("images with an id of their own", `${shown(image.id)} twice`);
    ids.add(String(image.id));
  }
  for (const annotation of coco.annotations) {
    if (!ids.has(String(annotation?.image_id))) {
      throw wrong("annotations of its images", `one with the image_id ${shown(annotation?.image_id ?? null)}`);
    }
    const { bbox } = annotation;
    if (!Array.isArray(bbox) || bbox.length !== 4 || !bbox.every(Number.isFinite)) {
      throw wrong("annotations with a bbox [x,y,width,height]", shown(bbox ?? null));
    }
  }
  return { coco: coco as CocoBoxes, hash: await digest(bytes) };
}

/** A list for each image, in the order of the images. */
function grouped({ images, annotations }: CocoBoxes): Map<CocoImage, CocoBox[]> {
  const byId = new Map(images.map((image) => [String(image.id), [] as CocoBox[]]));
  for (const annotation of annotations) byId.get(String(annotation.image_id))?.push(annotation);
  return new Map(images.map((image) => [image, byId.get(String(image.id)) as CocoBox[]]));
}

/** @throws InvalidPromptError if boxes would be looked for in a picture of another size */
function checkSize(image: CocoImage, { width, height }: BoxMasks): void {
  const [expectedWidth, expectedHeight] = [image.width ?? width, image.height ?? height];
  if (expectedWidth === width && expectedHeight === height) return;
  const expected = `${expectedWidth}×${expectedHeight}`;
  throw new Sam2Error(
    "InvalidPromptError",
    `expected a picture of ${expected} pixels, as its boxes are, got ${width}×${height}`,
  );
}

async function boxes(path: string, flags: Flags): Promise<void> {
  const watch = new Stopwatch();
  await prepareMasks(flags);
  const { model, device, out } = flags;
  const detail = detailAsked(flags);
  const { coco, hash } = await readBoxes(path);
  await checkOutputs([{ name: "--out", path: out }], [{ name: "the boxes", path }]);
  await checkOutput(
    out,
    flags.images,
    coco.images.map(({ file_name }) => file_name),
  );
  if (flags.masks !== undefined) await checkMasksFolder(flags.masks, flags.images);
  const byImage = grouped(coco);
  const byName = new Map([...byImage.keys()].map((image) => [String(image.id), image]));
  const asked = [...byName].filter(([, image]) => (byImage.get(image) as CocoBox[]).length > 0);
  if (flags.masks !== undefined) checkNames(asked.map(([, { file_name }]) => file_name));
  const journal = await Journal.open<BoxMasks>(
    `${out}.journal`,
    JSON.stringify({ folder: resolve(flags.images), model, boxes: hash, ...detail, ...masksAsked(flags) }),
    await stampsOf(
      asked.map(([id]) => id),
      (id) => join(flags.images, (byName.get(id) as CocoImage).file_name),
    ),
  );
  try {
    await removeAside(out);
    const waiting = asked.filter(([id]) => !journal.has(id));
    const imageOf = (id: string): CocoImage => byName.get(id) as CocoImage;
    const boxesOf = (id: string): BoxXYWH[] => (byImage.get(imageOf(id)) as CocoBox[]).map(({ bbox }) => bbox);
    const keep = async (id: string, found: BoxMasks): Promise<void> => {
      checkSize(imageOf(id), found);
      const masks = found.masks.map((mask) => mask?.segmentation ?? null);
      await writeMasks(imageOf(id).file_name, { ...found, masks }, flags);
      await journal.add(id, found);
    };
    const failed = await runBatch<BoxMasks>({
      pictures: waiting.map(([id]) => id),
      pathOf: (id) => imageOf(id).file_name,
      folder: flags.images,
      segmenter: { model, device },
      workers: flags.workers,
      onModel: (used) => journal.useModel(used),
      work: async (segmenter, picture, id) => keep(id, await segmentBoxes(segmenter, picture, boxesOf(id), detail)),
      flags,
      workOf: (id) => ({ kind: "boxes", boxes: boxesOf(id), ...detail }),
      keep: async (id, done, read) => {
        journal.useModel(done.model);
        await keep(id, await read());
      },
    });
    let [masks, left] = [0, 0];
    const annotations = async function* (): AsyncGenerator<object> {
      for (const [image, ofImage] of byImage) {
        const id = String(image.id);
        const found = journal.has(id) ? (await journal.read(id)).masks : [];
        for (const [place, annotation] of ofImage.entries()) {
          const mask = found[place];
          if (mask) masks++;
          else left++;
          yield mask ? { iscrowd: 0, ...annotation, ...mask } : annotation;
        }
      }
    };
    /** The pictures' sizes are known now, which those who read the masks need. */
    const images = async function* (): AsyncGenerator<object> {
      for (const image of byImage.keys()) {
        const id = String(image.id);
        const isSized = typeof image.width === "number" && typeof image.height === "number";
        if (isSized || !journal.has(id)) yield image;
        else {
          const { width, height } = await journal.read(id);
          yield { ...image, width, height };
        }
      }
    };
    await writeWhole(out, cocoText({ ...coco, images: images(), annotations: annotations() }));
    await journal.end(failed);
    const named = failed.map(({ picture, error }) => ({
      picture: (byName.get(picture) as CocoImage).file_name,
      error,
    }));
    const known = asked.length - waiting.length;
    const counts = { masks, boxes_without_mask: left };
    tellSummary({ pictures: asked.length, known, ...watch.stop(), failed: named }, counts, flags);
  } finally {
    await journal.close();
  }
}

/** The command. */
export function boxesCommand(): Command {
  const command = new Command("boxes")
    .description(
      "Segments what is in the boxes of a COCO file: the same file, with masks. What was done before a kill is not done again: run the same command once more",
    )
    .argument("<coco>", "COCO file with a bbox for each annotation")
    .requiredOption("--images <folder>", "folder of the pictures, by their file_name")
    .requiredOption("--out <file>", "COCO file to write")
    .addOption(detailOption())
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(workersOption());
  for (const option of [...queueOptions(), ...maskOptions()]) command.addOption(option);
  return command.option("--json", "the summary as JSON", false).action(boxes);
}
