/** How much of a machine may be asked for. */
import { availableParallelism } from "node:os";
import { Sam2Error, shown } from "sam2-contract";

/** The most threads, or models beside each other: more than cores make nothing faster, and very many stop the machine. */
const MOST: number = Math.max(64, 4 * availableParallelism());

/**
 * Checks a number of threads, or of models beside each other.
 *
 * @param name the option's
 * @throws InvalidPromptError
 */
export function checkCount(name: string, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= MOST) return;
  throw new Sam2Error("InvalidPromptError", `${name}: expected a whole number from 1 to ${MOST}, got ${shown(count)}`);
}
