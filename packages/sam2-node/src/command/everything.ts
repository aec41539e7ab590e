/** `sam2 everything`: all that is in the pictures of a folder, as one COCO file. */
import { join, resolve } from "node:path";
import { Command } from "commander";
import type { DtypeChoice } from "sam2-core";
import type { DeviceChoice } from "../runtime/device.ts";
import { removeAside, writeWhole } from "../storage/whole-file.ts";
import { type FoundThings, findEverything } from "../work/everything.ts";
import {
  type DetailFlags,
  detailAsked,
  detailOption,
  deviceOption,
  dtypeOption,
  type EverythingFlags,
  everythingOptions,
  modelOption,
  workersOption,
} from "./arguments.ts";
import { runBatch } from "./batch.ts";
import { cocoText } from "./coco.ts";
import { Journal } from "./journal.ts";
import { type MaskFlags, maskOptions, masksAsked, prepareMasks, writeMasks } from "./masks.ts";
import { checkMasksFolder, checkOutput } from "./outputs.ts";
import { type QueueFlags, queueOptions } from "./over-queue.ts";
import { picturesIn, stampsOf } from "./pictures.ts";
import { Stopwatch, tellSummary } from "./summary.ts";

interface Flags extends EverythingFlags, DetailFlags, QueueFlags, MaskFlags {
  readonly model: string;
  readonly device: DeviceChoice;
  readonly dtype: DtypeChoice;
  readonly workers?: number;
  readonly out: string;
  readonly json: boolean;
}

/** Writes what was found, in the order of the pictures; tells how many masks there are. */
async function writeCoco(
  path: string,
  pictures: readonly string[],
  journal: Journal<FoundThings>,
  model: string,
): Promise<number> {
  let count = 0;
  const images = async function* (): AsyncGenerator<object> {
    for (const [place, file_name] of pictures.entries()) {
      const { width, height } = await journal.read(file_name);
      yield { id: place + 1, file_name, width, height };
    }
  };
  const annotations = async function* (): AsyncGenerator<object> {
    for (const [place, file_name] of pictures.entries()) {
      const { masks } = await journal.read(file_name);
      for (const mask of masks) yield { id: ++count, image_id: place + 1, category_id: 1, iscrowd: 0, ...mask };
    }
  };
  const info = { description: `Everything that ${model} finds` };
  const categories = [{ id: 1, name: "object" }];
  await writeWhole(path, cocoText({ info, images: images(), annotations: annotations(), categories }));
  return count;
}

async function everything(folder: string, flags: Flags): Promise<void> {
  const watch = new Stopwatch();
  await prepareMasks(flags);
  const { model, device, dtype, out } = flags;
  const options = {
    points_per_side: flags.pointsPerSide,
    pred_iou_thresh: flags.predIouThresh,
    stability_score_thresh: flags.stabilityScoreThresh,
    ...detailAsked(flags),
  };
  const pictures = await picturesIn(folder);
  await checkOutput(out, folder, pictures);
  if (flags.masks !== undefined) await checkMasksFolder(flags.masks, folder);
  const journal = await Journal.open<FoundThings>(
    `${out}.journal`,
    JSON.stringify({ folder: resolve(folder), model, dtype, ...options, ...masksAsked(flags) }),
    await stampsOf(pictures, (picture) => join(folder, picture)),
  );
  try {
    await removeAside(out);
    const waiting = pictures.filter((picture) => !journal.has(picture));
    const keep = async (picture: string, { masks, ...found }: FoundThings): Promise<void> => {
      await writeMasks(picture, { ...found, masks: masks.map(({ segmentation }) => segmentation) }, flags);
      await journal.add(picture, { ...found, masks });
    };
    const failed = await runBatch<FoundThings>({
      pictures: waiting,
      folder,
      segmenter: { model, device, dtype },
      workers: flags.workers,
      onModel: (used) => journal.useModel(used),
      work: async (segmenter, path, picture) => keep(picture, await findEverything(segmenter, path, options)),
      flags,
      workOf: () => ({ kind: "everything", options }),
      keep: async (picture, done, read) => {
        journal.useModel(done.model);
        await keep(picture, await read());
      },
    });
    const done = pictures.filter((picture) => journal.has(picture));
    const masks = await writeCoco(out, done, journal, model);
    await journal.end(failed);
    const known = pictures.length - waiting.length;
    tellSummary({ pictures: pictures.length, known, ...watch.stop(), failed }, { masks }, flags);
  } finally {
    await journal.close();
  }
}

/** The command. */
export function everythingCommand(): Command {
  const command = new Command("everything")
    .description(
      "Segments everything in the pictures of a folder, into one COCO file. What was done before a kill is not done again: run the same command once more",
    )
    .argument("<folder>", "folder of pictures; those in its subfolders too");
  for (const option of [...everythingOptions(), ...queueOptions(), ...maskOptions()]) command.addOption(option);
  return command
    .addOption(detailOption())
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(dtypeOption())
    .addOption(workersOption())
    .requiredOption("--out <file>", "COCO file to write")
    .option("--json", "the summary as JSON", false)
    .action(everything);
}
