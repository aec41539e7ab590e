/** Starts the worker. The only file that knows where its script is. */
import type * as Comlink from "comlink";
import { Sam2Error } from "sam2-contract";
import type { StartedWorker } from "sam2-core";
import type { PageWorker } from "../worker.ts";

/** Starts a worker. */
export function startWorker(): StartedWorker {
  const worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module", name: "sam2-web" });
  return {
    endpoint: worker,
    async watch(remote, onEnd, signal) {
      const failed = ({ message }: ErrorEvent): void =>
        onEnd(new Sam2Error("DeviceError", `the worker stopped: ${message || "its script failed to load"}`));
      worker.addEventListener("error", failed, { signal });
      await watchLock(remote as Comlink.Remote<PageWorker>, onEnd, signal);
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * Notices when the browser ends the worker, for example for lack of memory. There is no event for that, but the
 * worker holds a lock as long as it lives, and here that lock is waited for. Pages without https have no locks,
 * and are not told.
 */
async function watchLock(
  remote: Comlink.Remote<PageWorker>,
  onEnd: (reason: Sam2Error) => void,
  signal: AbortSignal,
): Promise<void> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return;
  const name = `sam2-web/worker/${crypto.randomUUID()}`;
  await remote.holdLock(name);
  locks
    .request(name, { signal }, () =>
      onEnd(new Sam2Error("DeviceError", "the worker ended; restart() opens the model again")),
    )
    .catch(() => undefined);
}
