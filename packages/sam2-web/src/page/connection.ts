/** A worker with a model open in it. Calls can be aborted, and none is left waiting when the worker ends. */
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

/** A connection from the page to one worker. */
export class Connection {
  readonly #worker: Worker;
  readonly #remote: Comlink.Remote<WorkerApi>;
  /** Functions that reject the calls not answered yet. */
  readonly #waiting = new Set<(reason: unknown) => void>();
  /** Aborted to stop watching the worker. */
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
   * Notices when the browser ends the worker, for example for lack of memory. There is no event for that, but the
   * worker holds a lock as long as it lives, and here that lock is waited for. Pages without https have no locks,
   * and are not told.
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

  /** The opened model, and its device. */
  get opened(): Opened {
    return this.#opened as Opened;
  }

  /**
   * Calls the worker. Rejects as soon as the signal is aborted, with its reason, even if the worker goes on; and
   * when the connection is closed, with the reason given to `close`.
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
