/** Many pictures on one machine: several segmenters, each with its share of the cores and one picture at a time. */
import { readdir, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { isSam2Error, Sam2Error } from "sam2-contract";
import { createSegmenter, type Segmenter, type SegmenterOptions } from "../segmenter.ts";
import { ProgressLine } from "./progress.ts";
import type { Failure } from "./summary.ts";

const PICTURES = /[.](?:jpe?g|png|webp|gif|avif)$/i;

/**
 * The pictures in a folder and its subfolders, by their paths in it, in alphabetical order.
 *
 * @throws InvalidImageError where there is no folder, or none in it
 */
export async function picturesIn(folder: string): Promise<string[]> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new Sam2Error("InvalidImageError", `${folder}: expected a folder of pictures`);
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = files
    .filter((file) => file.isFile() && PICTURES.test(file.name))
    .map((file) => relative(folder, join(file.parentPath, file.name)));
  if (found.length === 0) throw new Sam2Error("InvalidImageError", `${folder}: expected pictures in it, found none`);
  return found.sort();
}

/** How many segmenters run beside each other, and the threads of each. */
export interface Shares {
  readonly workers: number;
  readonly threads: number;
}

/** Shares of a server, where one picture must not wait long: half as many segmenters as cores, if nobody says otherwise. */
export function shares(workers: number = Math.ceil(availableParallelism() / 2)): Shares {
  return { workers, threads: Math.max(1, Math.round(availableParallelism() / workers)) };
}

/** As many segmenters as run beside each other in a batch if nobody asks for more: each holds a model. */
const MOST_WORKERS = 16;

/**
 * Shares of a batch. Beside its matrix products a picture has much that one thread does: pictures beside each other keep
 * the cores busier than threads do.
 */
export function batchShares(workers: number = Math.min(availableParallelism(), MOST_WORKERS)): Shares {
  return shares(workers);
}

/** What a batch is. */
export interface Batch {
  /** Those that are not done yet. */
  readonly pictures: readonly string[];
  readonly options: SegmenterOptions;
  readonly workers: number;
  /** Works on one picture, and keeps what comes of it. */
  work(segmenter: Segmenter, picture: string): Promise<void>;
}

/**
 * Works on pictures. One that fails is noted with its error, and the batch goes on.
 *
 * @returns the pictures that failed, in the order given
 */
export async function runBatch({ pictures, options, workers, work }: Batch): Promise<Failure[]> {
  const failures = new Map<string, string>();
  const waiting = pictures[Symbol.iterator]();
  const line = new ProgressLine(pictures.length, "pictures");
  let done = 0;
  const run = async (segmenter: Segmenter): Promise<void> => {
    for (const picture of waiting) {
      await tried(segmenter, picture, work).catch((error: Error) => {
        failures.set(picture, `${error.name}: ${error.message}`);
      });
      line.show(++done);
    }
  };
  const segmenters: Segmenter[] = [];
  try {
    // one after the other: the first may have to download the model
    for (let i = 0; i < Math.min(workers, pictures.length); i++) segmenters.push(await createSegmenter(options));
    await Promise.all(segmenters.map(run));
  } finally {
    line.end();
    await Promise.all(segmenters.map((segmenter) => segmenter.dispose()));
  }
  return pictures.flatMap((picture) => {
    const error = failures.get(picture);
    return error === undefined ? [] : [{ picture, error }];
  });
}

/** Works on a picture; if the worker thread ended meanwhile, once more in another one. */
async function tried(segmenter: Segmenter, picture: string, work: Batch["work"]): Promise<void> {
  try {
    await work(segmenter, picture);
  } catch (error) {
    if (!isSam2Error(error, "DeviceError")) throw error;
    await segmenter.restart();
    await work(segmenter, picture);
  }
}
