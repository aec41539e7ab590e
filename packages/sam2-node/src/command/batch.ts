/** Many pictures: on this machine, or over many. */
import { type BatchHere, runHere } from "./here.ts";
import { type BatchOverQueue, runOverQueue } from "./over-queue.ts";
import type { Failure } from "./summary.ts";

/** A batch, wherever it is worked on; workers give results of type `T`. */
export interface Batch<T> extends BatchHere, BatchOverQueue<T> {}

/**
 * Works on pictures: here, unless a queue is named. One that fails is noted with its error, and the batch goes on.
 *
 * @returns the pictures that failed, in the order given
 */
export async function runBatch<T>(batch: Batch<T>): Promise<Failure[]> {
  return batch.flags.queue === undefined ? runHere(batch) : runOverQueue(batch, batch.flags.queue);
}
