/** How much of this machine may be asked for. */
import { availableParallelism } from "node:os";
import { checkCount as checkFor } from "sam2-core";

/**
 * Checks a number of threads, or of models beside each other.
 *
 * @param name the option's
 * @throws InvalidPromptError
 */
export function checkCount(name: string, count: number): void {
  checkFor(name, count, availableParallelism());
}
