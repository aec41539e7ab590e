/** Packages that only some commands need. */
import { Sam2Error } from "sam2-contract";

/** What a queue needs. */
export const QUEUE_PACKAGES = ["bullmq", "ioredis", "prom-client"] as const;

/**
 * Imports what needs packages that may be missing.
 *
 * @throws MissingPackageError that names them all
 */
export async function needPackages<T>(who: string, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    const list = packages.join(" ");
    throw new Sam2Error("MissingPackageError", `${who} needs packages that are not installed: npm install ${list}`, {
      cause,
    });
  }
}
