/** Values that a caller gives, on their way to the worker: a copy of each is sent, and not every value can be copied. */
import { Sam2Error } from "sam2-contract";

/**
 * Makes a call that sends values to the worker.
 *
 * @param values by the names that the caller knows them by
 * @throws InvalidPromptError that names the value which cannot be sent, where the call fails for that
 */
export async function sending<T>(values: object, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const name = (cause as Error | null)?.name === "DataCloneError" && Object.entries(values).find(isStuck)?.[0];
    if (!name) throw cause;
    const message = `${name}: expected plain values, got what cannot be sent to the worker: ${(cause as Error).message}`;
    throw new Sam2Error("InvalidPromptError", message, { cause });
  }
}

function isStuck([, value]: [string, unknown]): boolean {
  try {
    structuredClone(value);
    return false;
  } catch {
    return true;
  }
}
