/** `sam2 embed`: the embeddings of the pictures of a folder, one file a picture. */
import { openAsBlob } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, Option } from "commander";
import { Sam2Error } from "sam2-contract";
import { type EmbeddingDtype, readEmbeddingInfo } from "sam2-core";
import type { DeviceChoice } from "../runtime/device.ts";
import { removeForsaken, writeWhole } from "../storage/whole-file.ts";
import { embedPicture, isEmbedded } from "../work/embed.ts";
import { deviceOption, modelOption, queueOption, workersOption } from "./arguments.ts";
import { runBatch } from "./batch.ts";
import { picturesIn } from "./pictures.ts";
import { Stopwatch, tellSummary } from "./summary.ts";

interface Flags {
  readonly queue?: string;
  readonly model: string;
  readonly device: DeviceChoice;
  readonly dtype: EmbeddingDtype;
  readonly workers?: number;
  readonly out: string;
  readonly json: boolean;
}

/** Makes the folders of the files. @throws OutputError */
async function makeFolders(files: readonly string[]): Promise<void> {
  for (const folder of new Set(files.map(dirname))) {
    await mkdir(folder, { recursive: true }).catch((cause: Error) => {
      throw new Sam2Error("OutputError", `${folder}: expected a folder for embeddings: ${cause.message}`, { cause });
    });
  }
}

async function embed(folder: string, flags: Flags): Promise<void> {
  const watch = new Stopwatch();
  const { model, device, dtype, out } = flags;
  const pictures = await picturesIn(folder);
  const fileOf = (picture: string): string => join(out, `${picture}.safetensors`);
  await makeFolders(pictures.map(fileOf));
  await removeForsaken(out);
  let [known, bytes] = [0, 0];
  const failed = await runBatch({
    pictures,
    folder,
    segmenter: { model, device },
    workers: flags.workers,
    async work(segmenter, path, picture) {
      const content = await readPicture(path);
      const file = fileOf(picture);
      if (await isEmbedded(segmenter, content, file, dtype)) known++;
      else {
        const embedded = await embedPicture(segmenter, content, { dtype });
        await writeWhole(file, embedded.bytes);
        bytes += embedded.bytes.length;
      }
    },
    flags: { queue: flags.queue, results: out },
    workOf: () => ({ kind: "embed", dtype }),
    keep: async (picture, done) => {
      const size = await sizeOf(fileOf(picture), done.sha256);
      if (done.known) known++;
      else bytes += size;
    },
  });
  tellSummary({ pictures: pictures.length, known, ...watch.stop(), failed }, { bytes }, flags);
}

async function readPicture(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: Error) => {
    throw new Sam2Error("InvalidImageError", `expected a picture, got a file that cannot be read: ${cause.message}`, {
      cause,
    });
  });
}

/** Size of an embedding that a worker made or knew. @throws DownloadError where it is not here, or is of another picture */
async function sizeOf(file: string, sha256: string): Promise<number> {
  try {
    const { size } = await stat(file);
    const info = await readEmbeddingInfo(await openAsBlob(file));
    if (info.sha256 === sha256) return size;
    throw new Error(`expected that of the picture with the SHA-256 ${sha256}, got that of ${info.sha256}`);
  } catch (cause) {
    throw new Sam2Error("DownloadError", `${file}: the result could not be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The command. */
export function embedCommand(): Command {
  return new Command("embed")
    .description(
      "Makes the embeddings of the pictures of a folder: PICTURE.safetensors in --out for each. With them, prompts are answered at once, in browsers too, without the encoder. What is there already is not made again: run the same command once more after a kill, or when there are more pictures",
    )
    .argument("<folder>", "folder of pictures; those in its subfolders too")
    .requiredOption("--out <folder>", "folder for the embeddings")
    .addOption(
      new Option("--dtype <dtype>", "two bytes a value, or one").choices(["fp16", "int8"] as const).default("fp16"),
    )
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(workersOption())
    .addOption(queueOption())
    .option("--json", "the summary as JSON", false)
    .action(embed);
}
