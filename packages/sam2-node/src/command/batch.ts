/** Many pictures on one machine: several segmenters, each with its share of the cores and one picture at a time. */
import { readdir, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { Sam2Error } from "sam2-contract";
import { createSegmenter, type Segmenter, type SegmenterOptions } from "../segmenter.ts";
import type { Journal } from "./journal.ts";
import { ProgressLine } from "./progress.ts";

/** What came of a picture. */
export type Outcome<T> = { readonly value: T } | { readonly error: string };

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
export function shares(workers: number | undefined): { readonly workers: number; readonly threads: number } {
  const cores = availableParallelism();
  // beside its matrix products an encoder has much that one thread does: two threads each keep the cores busy
  const count = workers ?? Math.max(1, Math.ceil(cores / 2));
  return { workers: count, threads: Math.max(1, Math.round(cores / count)) };
}

/** What a batch is. */
export interface Batch<T> {
  readonly pictures: readonly string[];
  readonly options: SegmenterOptions;
  readonly workers: number;
  readonly journal: Journal<Outcome<T>>;
  /** Works on one picture. */
  work(segmenter: Segmenter, picture: string): Promise<T>;
}

/**
 * Works on all pictures that are not done yet. One that fails is noted with its error, and the batch goes on.
 *
 * @returns the outcome of every picture
 */
export async function runBatch<T>({
  pictures,
  options,
  workers,
  journal,
  work,
}: Batch<T>): Promise<Map<string, Outcome<T>>> {
  const outcomes = new Map<string, Outcome<T>>();
  for (const picture of pictures) {
    const known = journal.done.get(picture);
    // what failed may be mended by now: it is tried again
    if (known && "value" in known) outcomes.set(picture, known);
  }
  const waiting = pictures.filter((picture) => !outcomes.has(picture));
  const line = new ProgressLine(waiting.length, "pictures");
  let done = 0;
  const run = async (segmenter: Segmenter): Promise<void> => {
    for (let picture = waiting.shift(); picture !== undefined; picture = waiting.shift()) {
      const outcome = await work(segmenter, picture).then(
        (value): Outcome<T> => ({ value }),
        (error: Error): Outcome<T> => ({ error: `${error.name}: ${error.message}` }),
      );
      await journal.add(picture, outcome);
      outcomes.set(picture, outcome);
      line.show(++done);
    }
  };
  const count = Math.min(workers, waiting.length);
  const segmenters: Segmenter[] = [];
  try {
    // one after the other: the first may have to download the model
    for (let i = 0; i < count; i++) segmenters.push(await createSegmenter(options));
    await Promise.all(segmenters.map(run));
  } finally {
    line.end();
    await Promise.all(segmenters.map((segmenter) => segmenter.dispose()));
  }
  return outcomes;
}
