/** Latest wins: requests that follow a pointer, of which only the newest is of interest. */
import { abortable } from "./connection.ts";

/** Lets one task run at a time, and only the newest of those that wait. */
export class Latest {
  #newest: AbortController | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /** Aborts the request before; returns the signal of the new one, which obeys the caller's too. */
  begin(signal: AbortSignal | undefined): AbortSignal {
    this.#newest?.abort(new DOMException("a newer request took its place", "AbortError"));
    this.#newest = new AbortController();
    return signal ? AbortSignal.any([signal, this.#newest.signal]) : this.#newest.signal;
  }

  /** Starts a task when the one before is answered, unless it is aborted by then. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await abortable(this.#running, signal);
    const answer = task();
    this.#running = answer.catch(() => undefined);
    return abortable(answer, signal);
  }
}
