/** States for undo and redo. */

/**
 * A list of states, of which one is the current one.
 *
 * @example
 * ```ts
 * const history = new History({ points: 0 });
 * history.push({ points: 1 });
 * history.undo();
 * history.current; // { points: 0 }
 * ```
 */
export class History<T> {
  #states: T[];
  #at = 0;

  constructor(first: T) {
    this.#states = [first];
  }

  get current(): T {
    return this.#states[this.#at] as T;
  }

  get canUndo(): boolean {
    return this.#at > 0;
  }

  get canRedo(): boolean {
    return this.#at < this.#states.length - 1;
  }

  /** The state that `undo` goes to; undefined where there is none. */
  get previous(): T | undefined {
    return this.#states[this.#at - 1];
  }

  /** The state that `redo` goes to; undefined where there is none. */
  get next(): T | undefined {
    return this.#states[this.#at + 1];
  }

  /** Adds a state after the current one; undone states are dropped. */
  push(state: T): void {
    this.#states = [...this.#states.slice(0, this.#at + 1), state];
    this.#at++;
  }

  /** Goes back by one state; false where there is none. */
  undo(): boolean {
    const can = this.canUndo;
    if (can) this.#at--;
    return can;
  }

  /** Goes forward by one state; false where there is none. */
  redo(): boolean {
    const can = this.canRedo;
    if (can) this.#at++;
    return can;
  }
}
