/** Many pictures on one machine: several segmenters, each with its share of the cores. */
import { join } from "node:path";
import { isSam2Error } from "sam2-contract";
import { identify } from "../queue/job.ts";
import { createSegmenter, type Segmenter } from "../segmenter.ts";
import type { PicturesAndModel } from "./pictures.ts";
import { batchShares } from "./shares.ts";
import { type Failure, Tally } from "./summary.ts";

/** A batch on one machine. */
export interface BatchHere extends PicturesAndModel {
  /** Segmenters beside each other. */
  readonly workers?: number | undefined;
  /** Told which model was opened, as `identify` has it, before any work. It may refuse it. */
  onModel?(model: string): void;
  /** Works on the picture at a path, and keeps what comes of it. */
  work(segmenter: Segmenter, path: string, name: string): Promise<void>;
}

/** Pictures that a segmenter has at a time: while one is in the model, the next one is read and decoded. */
const AT_A_TIME = 2;

/**
 * Works on pictures. One that fails is noted with its error, and the batch goes on.
 *
 * @returns the pictures that failed, in the order given
 */
export async function runHere(batch: BatchHere): Promise<Failure[]> {
  const { pictures, folder, segmenter: options, pathOf = (name) => name, work } = batch;
  const { workers, threads } = batchShares(batch.workers);
  const tally = new Tally(pictures);
  const again: string[] = [];
  const goThrough = async (names: Iterable<string>, segmenter: Segmenter, isLast: boolean): Promise<void> => {
    for (const name of names) {
      try {
        await work(segmenter, join(folder, pathOf(name)), name);
        tally.ended(name, null);
      } catch (error) {
        const isLost = isSam2Error(error, "DeviceError");
        // the picture beside this one was lost, and the segmenter restarted
        const isInterrupted = (error as Error).name === "AbortError";
        if ((isLost || isInterrupted) && !isLast) again.push(name);
        else tally.ended(name, `${(error as Error).name}: ${(error as Error).message}`);
        if (isLost) await segmenter.restart();
      }
    }
  };
  const segmenters: Segmenter[] = [];
  try {
    // one after the other: the first may have to download the model
    for (let i = 0; i < Math.min(workers, pictures.length); i++) {
      const segmenter = await createSegmenter({ ...options, threads });
      segmenters.push(segmenter);
      if (i === 0) batch.onModel?.(identify(segmenter.fingerprint, segmenter.device.dtype));
    }
    const waiting = pictures.values();
    const abreast = segmenters.flatMap((segmenter) => Array.from({ length: AT_A_TIME }, () => segmenter));
    await Promise.all(abreast.map((segmenter) => goThrough(waiting, segmenter, false)));
    // a picture that is lost takes the one beside it along: each alone shows which it is
    const lost = again.values();
    await Promise.all(segmenters.map((segmenter) => goThrough(lost, segmenter, true)));
    return tally.failed;
  } finally {
    tally.close();
    await Promise.all(segmenters.map((segmenter) => segmenter.dispose()));
  }
}
