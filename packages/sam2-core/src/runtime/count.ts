/** How much of a machine may be asked for. */
import { Sam2Error, shown } from "sam2-contract";

/**
 * Checks a number of threads, or of models beside each other: more than cores make nothing faster, and very many stop the
 * machine.
 *
 * @param name the option's
 * @param cores of this machine
 * @throws InvalidPromptError
 */
export function checkCount(name: string, count: number, cores: number): void {
  const most = Math.max(64, 4 * cores);
  if (Number.isInteger(count) && count >= 1 && count <= most) return;
  throw new Sam2Error("InvalidPromptError", `${name}: expected a whole number from 1 to ${most}, got ${shown(count)}`);
}
