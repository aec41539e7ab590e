/** A value that others are told of when it changes. */

/** Holds plain immutable data; listeners run after each change. */
export class Observable<T extends object> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(first: T) {
    this.#value = first;
  }

  /** The value now; the same object until it changes. Bound, so that it can be passed on. */
  readonly get = (): T => this.#value;

  /** Calls `listener` after each change, until the returned function is called. Bound likewise. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Changes some fields; nobody is told when they are as they were. */
  update(part: Partial<T>): void {
    const isNew = (Object.keys(part) as (keyof T)[]).some((key) => !Object.is(part[key], this.#value[key]));
    if (!isNew) return;
    this.#value = { ...this.#value, ...part };
    for (const listener of this.#listeners) listener();
  }
}
