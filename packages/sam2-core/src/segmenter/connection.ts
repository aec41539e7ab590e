/** A worker with a model open in it. Calls can be aborted, and none is left waiting when the worker ends. */
import * as Comlink from "comlink";
import type { Sam2Error } from "sam2-contract";
import type { DeviceInfoOf } from "../runtime/sessions.ts";
import type { ModelWorker } from "../worker/model-worker.ts";
import type { Opened, OpenProgress, OpenRequest } from "../worker/open.ts";

/** A worker, as a platform starts it. */
export interface StartedWorker {
  readonly endpoint: Comlink.Endpoint;
  /**
   * Notices when the worker ends by itself.
   *
   * @param remote the worker's functions
   * @param signal ends the watching
   * @returns resolves once the worker is watched
   */
  watch(remote: unknown, onEnd: (reason: Sam2Error) => void, signal: AbortSignal): Promise<void>;
  /** Ends the worker, whatever it is doing. */
  terminate(): void;
}

/** The worker's functions, as they are called from the other thread. */
export type RemoteWorker<Sent, D extends DeviceInfoOf> = {
  readonly [K in keyof ModelWorker<Sent, D>]: ModelWorker<Sent, D>[K] extends (...given: infer A) => infer R
    ? (...given: A) => Promise<Awaited<R>>
    : never;
};

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

/**
 * Makes a call that the worker tells news of. Nothing of the listener goes back to the worker, where it may be what cannot be
 * sent, and nobody waits for it: what the listener returns is dropped, and what it throws rejects the call.
 */
export function listening<News, T>(
  listener: (news: News) => void,
  call: (told: (news: News) => void) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const told = (news: News): void => {
      try {
        listener(news);
      } catch (error) {
        reject(error);
      }
    };
    call(Comlink.proxy(told)).then(resolve, reject);
  });
}

/** A connection to one worker. */
export class Connection<Sent, D extends DeviceInfoOf> {
  readonly #worker: StartedWorker;
  readonly #remote: RemoteWorker<Sent, D>;
  readonly #release: () => void;
  /** Functions that reject the calls not answered yet. */
  readonly #waiting = new Set<(reason: unknown) => void>();
  /** Aborted to stop watching the worker. */
  readonly #watch = new AbortController();
  #ended: Error | null = null;
  #opened: Opened<D> | undefined;

  private constructor(worker: StartedWorker) {
    this.#worker = worker;
    const remote = Comlink.wrap(worker.endpoint);
    this.#remote = remote as unknown as RemoteWorker<Sent, D>;
    this.#release = () => remote[Comlink.releaseProxy]();
  }

  /**
   * Opens a model in a worker.
   *
   * @param start starts the worker
   */
  static async open<Sent, D extends DeviceInfoOf>(
    start: () => StartedWorker,
    request: OpenRequest<D>,
    onProgress: (progress: OpenProgress) => void,
    signal: AbortSignal | undefined,
  ): Promise<Connection<Sent, D>> {
    signal?.throwIfAborted();
    const connection = new Connection<Sent, D>(start());
    try {
      await connection.call((remote) => connection.#watchOver(remote), signal);
      connection.#opened = await listening(onProgress, (told) =>
        connection.call((remote) => remote.open(request, told), signal),
      );
      return connection;
    } catch (error) {
      connection.close(error as Error);
      throw error;
    }
  }

  #watchOver(remote: RemoteWorker<Sent, D>): Promise<void> {
    return this.#worker.watch(remote, (reason) => this.close(reason), this.#watch.signal);
  }

  /** The opened model, and its device. */
  get opened(): Opened<D> {
    return this.#opened as Opened<D>;
  }

  /**
   * Calls the worker. Rejects as soon as the signal is aborted, with its reason, even if the worker goes on; and
   * when the connection is closed, with the reason given to `close`.
   */
  async call<T>(task: (remote: RemoteWorker<Sent, D>) => Promise<T>, signal?: AbortSignal): Promise<T> {
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
    this.#release();
    this.#worker.terminate();
  }
}
