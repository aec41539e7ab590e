/**
 * Keeps a worker thread from being ended inside a call of native code: onnxruntime and sharp then take the whole process
 * down with them.
 *
 * The thread says when it is inside such a call. Whoever wants to end it first holds it: the thread begins no further
 * call, and the one that it is in comes to its end.
 */

import { workerData } from "node:worker_threads";

/** Places in the memory that both threads share. */
const [HELD, INSIDE] = [0, 1];

/** Milliseconds between two looks at whether a call has ended. */
const LOOK = 2;

/** Joins a worker thread and whoever started it. */
export class Interlock {
  readonly #state: Int32Array<SharedArrayBuffer>;

  /** @param shared what the other thread's interlock has as `shared` */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.#state = new Int32Array(shared);
  }

  /** To be given to the worker thread. */
  get shared(): SharedArrayBuffer {
    return this.#state.buffer;
  }

  /** In the worker thread: makes a call of native code. Where the thread is held, none begins, and no answer ever comes. */
  async inside<T>(call: () => Promise<T>): Promise<T> {
    Atomics.add(this.#state, INSIDE, 1);
    if (Atomics.load(this.#state, HELD) === 1) {
      Atomics.sub(this.#state, INSIDE, 1);
      // the thread itself goes on: calls that it is inside of come to their end
      return new Promise(() => undefined);
    }
    try {
      return await call();
    } finally {
      Atomics.sub(this.#state, INSIDE, 1);
    }
  }

  /** Outside of it: holds the thread. Resolves when it is inside no call, and may be ended. */
  async hold(): Promise<void> {
    Atomics.store(this.#state, HELD, 1);
    while (Atomics.load(this.#state, INSIDE) > 0) await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

/** This thread's own. */
export const interlock: Interlock = new Interlock((workerData as { interlock?: SharedArrayBuffer } | null)?.interlock);
