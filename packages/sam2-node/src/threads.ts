/** The worker threads of this process, a model in each. */
import { Worker } from "node:worker_threads";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Sam2Error } from "sam2-contract";
import type { StartedWorker } from "sam2-core";
import { Interlock } from "./runtime/interlock.ts";

/** The interlocks of the threads that run. */
const running = new Set<Interlock>();

/** Threads that were told to end, until they have. */
const ending = new Set<Promise<unknown>>();

/** Starts a worker thread. */
export function startWorker(): StartedWorker {
  const interlock = new Interlock();
  const workerData = { interlock: interlock.shared };
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    name: "sam2-node",
    workerData,
    ...nodeOptions(),
  });
  running.add(interlock);
  worker.once("exit", () => running.delete(interlock));
  return {
    endpoint: nodeEndpoint(worker),
    async watch(_, onEnd, signal) {
      let ended = "the worker ended; restart() opens the model again";
      worker.on("error", ({ message }: Error) => {
        ended = `the worker stopped: ${message}`;
      });
      worker.on("exit", () => {
        if (!signal.aborted) onEnd(new Sam2Error("DeviceError", ended));
      });
      // no model is opened beside one that cannot be stopped: memory may not hold both
      await threadsEnded();
    },
    terminate() {
      const ended = interlock.hold().then(() => worker.terminate());
      ending.add(ended);
      void ended.finally(() => ending.delete(ended));
    },
  };
}

/**
 * Options of Node for a thread: those that the process was started with, which Node passes on itself; none where one of them
 * says what kind of script came by `--eval`, which a thread refuses.
 */
function nodeOptions(): { execArgv?: string[] } {
  return process.execArgv.some((option) => option.startsWith("--input-type")) ? { execArgv: [] } : {};
}

/** Resolves when the threads that were told to end have ended. */
export async function threadsEnded(): Promise<void> {
  await Promise.all(ending);
}

/** Holds all threads. Resolves when the process may be ended. */
export async function holdWorkers(): Promise<void> {
  await Promise.all([...running].map((interlock) => interlock.hold()));
}
