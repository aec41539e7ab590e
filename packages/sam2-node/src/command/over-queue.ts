/** Many pictures over many machines: workers take them from a queue. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "commander";
import { Sam2Error } from "sam2-contract";
import type { Asked } from "../queue/batch.ts";
import type { Destination, PictureDone, Work } from "../queue/job.ts";
import { queueOption } from "./arguments.ts";
import { stderrLog } from "./log.ts";
import { needPackages, QUEUE_PACKAGES } from "./packages.ts";
import type { PicturesAndModel } from "./pictures.ts";
import { type Failure, Tally } from "./summary.ts";

/** Options of a batch over many machines, as commander names them. */
export interface QueueFlags {
  readonly queue?: string | undefined;
  readonly results?: string;
  readonly puts?: string;
}

/** The options. */
export const queueOptions = (): Option[] => [
  queueOption(),
  new Option("--results <folder>", "with --queue: folder for the results, which all workers see"),
  new Option(
    "--puts <file>",
    "with --queue: JSON of where each picture's result is put and read again, by the picture's path: { put, get }",
  ).conflicts("results"),
];

/** A batch over many machines. */
export interface BatchOverQueue<T> extends PicturesAndModel {
  readonly flags: QueueFlags;
  workOf(name: string): Work;
  /** Keeps what came of a picture. */
  keep(name: string, done: PictureDone, read: () => Promise<T>): Promise<void>;
}

/**
 * Has workers work on pictures. One that fails is noted with its error, and the batch goes on.
 *
 * @returns the pictures that failed, in the order given
 * @throws QueueError, MissingPackageError, InvalidPromptError for a list of addresses that lacks a picture
 */
export async function runOverQueue<T>(batch: BatchOverQueue<T>, url: string): Promise<Failure[]> {
  const { pictures, folder, segmenter, flags, workOf, keep, pathOf = (name) => name } = batch;
  const { model } = segmenter;
  const { runOnQueue, VERSION } = await needPackages("--queue", QUEUE_PACKAGES, async () => ({
    ...(await import("../queue/batch.ts")),
    ...(await import("../queue/job.ts")),
  }));
  const placeOf = await readPlaces(flags, pictures.map(pathOf));
  const asked = function* (): Generator<Asked> {
    for (const key of pictures) {
      const picture = pathOf(key);
      const { to, get } = placeOf(picture);
      yield { key, job: { work: workOf(key), folder: resolve(folder), picture, to, model, version: VERSION }, get };
    }
  };
  const tally = new Tally(pictures);
  try {
    await runOnQueue<T>({
      url,
      model,
      pictures: asked(),
      log: stderrLog,
      keep,
      onEnd: (picture, error) => tally.ended(picture, error),
    });
    return tally.failed;
  } finally {
    tally.close();
  }
}

interface Place {
  readonly to: Destination;
  readonly get?: string | undefined;
}

/** Where the result of each picture goes. */
async function readPlaces(
  { results, puts }: QueueFlags,
  pictures: readonly string[],
): Promise<(picture: string) => Place> {
  if (results !== undefined) return () => ({ to: { folder: resolve(results) } });
  if (puts === undefined) throw new Sam2Error("InvalidPromptError", "--queue: expected --results or --puts beside it");
  const expected = `${puts}: expected JSON of { "picture.jpg": { "put": "https://…", "get": "https://…" }, … }`;
  const text = await readFile(puts, "utf8").catch((cause: Error) => {
    throw new Sam2Error("InvalidPromptError", `${expected}, got ${cause.message}`, { cause });
  });
  let places: Readonly<Record<string, { put?: unknown; get?: unknown } | undefined>>;
  try {
    places = JSON.parse(text);
  } catch (cause) {
    throw new Sam2Error("InvalidPromptError", `${expected}, got what is no JSON`, { cause });
  }
  const placeOf = (picture: string): Place => {
    const { put, get } = places[picture] ?? {};
    if (typeof put === "string" && typeof get === "string") return { to: { put }, get };
    throw new Sam2Error("InvalidPromptError", `${expected}, got none for ${picture}`);
  };
  // before anything is asked for
  for (const picture of pictures) placeOf(picture);
  return placeOf;
}
