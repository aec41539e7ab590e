/** Latest wins: for requests that follow a pointer, only the newest matters. */
import { abortable } from "./connection.ts";

/** Runs one task at a time; of the tasks that wait, only the newest is run. */
export class Latest {
  #newest: AbortController | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /** Aborts the previous request; returns the new request's signal, which also follows the caller's. */
  begin(signal: AbortSignal | undefined): AbortSignal {
    this.#newest?.abort(new DOMException("a newer request took its place", "AbortError"));
    this.#newest = new AbortController();
    return signal ? AbortSignal.any([signal, this.#newest.signal]) : this.#newest.signal;
  }

  /** Runs a task after the previous one has ended, unless it is aborted by then. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await abortable(this.#running, signal);
    const answer = task();
    this.#running = answer.catch(() => undefined);
    return abortable(answer, signal);
  }
}
