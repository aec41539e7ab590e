/** How the cores of a machine are shared. */
import { availableParallelism } from "node:os";
import { checkCount } from "../runtime/cores.ts";

/** How many segmenters run beside each other, and the threads of each. */
export interface Shares {
  readonly workers: number;
  readonly threads: number;
}

/** Shares of a server, where one picture must not wait long: half as many segmenters as cores, if nobody says otherwise. @throws InvalidPromptError */
export function shares(workers: number = Math.ceil(availableParallelism() / 2)): Shares {
  checkCount("--workers", workers);
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
