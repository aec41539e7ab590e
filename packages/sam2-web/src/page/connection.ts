/** A worker with a model open in it: calls that can be given up, and an end that leaves no call waiting. */
import * as Comlink from "comlink";
import { Sam2Error } from "sam2-contract";
import type { Opened, OpenProgress, OpenRequest } from "../predictor/open.ts";
import type { WorkerApi } from "../worker.ts";

/** Rejects with the signal's reason as soon as it is aborted, whatever `task` does. */
export function abortable<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return task;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    task.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** The page's end of a worker. */
export class Connection {
  readonly #worker: Worker;
  readonly #remote: Comlink.Remote<WorkerApi>;
  /** Reject the calls that are not answered yet. */
  readonly #waiting = new Set<(reason: unknown) => void>();
  /** Ends the watch over the worker. */
  readonly #watch = new AbortController();
  #ended: Error | null = null;
  #opened: Opened | undefined;

  private constructor() {
    this.#worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module", name: "sam2-web" });
    this.#remote = Comlink.wrap<WorkerApi>(this.#worker);
    this.#worker.addEventListener("error", ({ message }) => {
      this.close(new Sam2Error("DeviceError", `the worker stopped: ${message || "its script failed to load"}`));
    });
  }

  /** Starts a worker and opens a model in it. */
  static async open(
    request: OpenRequest,
    onProgress: ((progress: OpenProgress) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    signal?.throwIfAborted();
    const connection = new Connection();
    const listener = Comlink.proxy((progress: OpenProgress) => onProgress?.(progress));
    try {
      await connection.#watchOver(signal);
      connection.#opened = await connection.call((remote) => remote.open(request, listener), signal);
      return connection;
    } catch (error) {
      connection.close(error as Error);
      throw error;
    }
  }

  /**
   * Notices when the worker ends by itself, as when the browser has no memory for it: no event tells, but a
   * lock that the worker holds to its end becomes free. Pages without https have no locks, and no watch.
   */
  async #watchOver(signal: AbortSignal | undefined): Promise<void> {
    const { locks } = navigator as Partial<Navigator>;
    if (!locks) return;
    const name = `sam2-web/worker/${crypto.randomUUID()}`;
    await this.call((remote) => remote.holdLock(name), signal);
    locks
      .request(name, { signal: this.#watch.signal }, () =>
        this.close(new Sam2Error("DeviceError", "the worker ended; restart() opens the model again")),
      )
      .catch(() => undefined);
  }

  /** What was opened. */
  get opened(): Opened {
    return this.#opened as Opened;
  }

  /**
   * Calls the worker. Rejects with the signal's reason as soon as it is aborted, whatever the worker
   * does, and with the reason of `close`.
   */
  async call<T>(task: (remote: Comlink.Remote<WorkerApi>) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#ended) throw this.#ended;
    signal?.throwIfAborted();
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      task(this.#remote)
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
    return abortable(answer, signal);
  }

  /** Ends the worker, whatever it is doing, and frees all its memory; calls in flight reject with `reason`. */
  close(reason: Error): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#watch.abort();
    for (const reject of this.#waiting) reject(reason);
    this.#waiting.clear();
    this.#remote[Comlink.releaseProxy]();
    this.#worker.terminate();
  }
}
