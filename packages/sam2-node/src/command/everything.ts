/** `sam2 everything`: all that is in the pictures of a folder, as one COCO file. */
import { join } from "node:path";
import { Command } from "commander";
import type { DeviceChoice } from "../runtime/device.ts";
import { type FoundThings, findEverything } from "../work/everything.ts";
import { deviceOption, type EverythingFlags, everythingOptions, modelOption, wholeNumber } from "./arguments.ts";
import { type Outcome, picturesIn, runBatch, shares } from "./batch.ts";
import { Journal } from "./journal.ts";
import { writeWhole } from "./output.ts";

interface Flags extends EverythingFlags {
  readonly model: string;
  readonly device: DeviceChoice;
  readonly workers?: number;
  readonly out: string;
  readonly json: boolean;
}

/** A COCO file of what was found, in the order of the pictures. */
function toCoco(outcomes: readonly (readonly [string, Outcome<FoundThings>])[], model: string): object {
  const images: object[] = [];
  const annotations: object[] = [];
  for (const [file_name, outcome] of outcomes) {
    if (!("value" in outcome)) continue;
    const { width, height, masks } = outcome.value;
    const image_id = images.length + 1;
    images.push({ id: image_id, file_name, width, height });
    for (const mask of masks)
      annotations.push({ id: annotations.length + 1, image_id, category_id: 1, iscrowd: 0, ...mask });
  }
  const info = { description: `Everything that ${model} finds` };
  return { info, images, annotations, categories: [{ id: 1, name: "object" }] };
}

async function everything(folder: string, flags: Flags): Promise<void> {
  const start = performance.now();
  const { model, device } = flags;
  const options = {
    points_per_side: flags.pointsPerSide,
    pred_iou_thresh: flags.predIouThresh,
    stability_score_thresh: flags.stabilityScoreThresh,
  };
  const pictures = await picturesIn(folder);
  const { workers, threads } = shares(flags.workers);
  const journal = await Journal.open<Outcome<FoundThings>>(
    `${flags.out}.journal`,
    JSON.stringify({ model, ...options }),
  );
  const known = pictures.filter((picture) => "value" in (journal.done.get(picture) ?? {})).length;
  const outcomes = await runBatch<FoundThings>({
    pictures,
    options: { model, device, threads },
    workers,
    journal,
    work: (segmenter, picture) => findEverything(segmenter, join(folder, picture), options),
  });
  const ordered = pictures.map((picture) => [picture, outcomes.get(picture) as Outcome<FoundThings>] as const);
  await writeWhole(flags.out, `${JSON.stringify(toCoco(ordered, model))}\n`);
  const failed = ordered.flatMap(([picture, outcome]) =>
    "error" in outcome ? [{ picture, error: outcome.error }] : [],
  );
  // with failures it stays, so that another run tries these again, and only these
  if (failed.length === 0) await journal.remove();
  else await journal.close();
  const masks = ordered.reduce((sum, [, outcome]) => sum + ("value" in outcome ? outcome.value.masks.length : 0), 0);
  const seconds = (performance.now() - start) / 1000;
  for (const { picture, error } of failed) process.stderr.write(`${picture}: ${error}\n`);
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ pictures: pictures.length, known, masks, seconds, failed })}\n`);
  else {
    const before = known > 0 ? `, ${known} of them done before` : "";
    process.stdout.write(
      `${pictures.length} pictures${before}, ${masks} masks, ${failed.length} failed, ${seconds.toFixed(1)} s → ${flags.out}\n`,
    );
  }
  if (failed.length > 0) process.exitCode = 3;
}

/** The command. */
export function everythingCommand(): Command {
  const command = new Command("everything")
    .description(
      "Segments everything in the pictures of a folder, into one COCO file. What was done before a kill is not done again: run the same command once more",
    )
    .argument("<folder>", "folder of pictures; those in its subfolders too");
  for (const option of everythingOptions()) command.addOption(option);
  return command
    .addOption(modelOption())
    .addOption(deviceOption())
    .option("--workers <n>", "pictures at a time; half as many as cores by default", wholeNumber)
    .requiredOption("--out <file>", "COCO file to write")
    .option("--json", "the summary as JSON", false)
    .action(everything);
}
