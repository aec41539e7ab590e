/** Typed events without the DOM. */

/** Options of `Emitter.on`. */
export interface ListenOptions {
  /** Stops listening when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Something that can be listened to; `Events` gives each event's name and what comes with it.
 *
 * @example
 * ```ts
 * const stop = view.on("click", ({ x, y, positive }) => console.info(x, y, positive));
 * stop();
 * ```
 */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(detail: never) => void>>();

  /** Calls `listener` at each event of this name. Returns a function that stops it. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (detail: Events[Name]) => void,
    { signal }: ListenOptions = {},
  ): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    const stop = (): void => {
      listeners.delete(listener);
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    return stop;
  }

  /** Calls the listeners, in the order in which they came. @internal */
  emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) (listener as (detail: Events[Name]) => void)(detail);
  }

  /** Forgets all listeners. @internal */
  forgetListeners(): void {
    this.#listeners.clear();
  }
}
