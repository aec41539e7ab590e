/** How many bytes requests hold at a time, all together: a limit for each does not bound what many of them take. */
import { Sam2Error } from "sam2-contract";

/** There is no room for further bytes now. */
export class NoRoomError extends Error {
  constructor(most: number) {
    super(`requests hold ${most} bytes already, which is as much as they may: try again`);
    this.name = "NoRoomError";
  }
}

/** What one request holds. */
export interface HeldBytes {
  /** Counts bytes that are kept from now on. @throws NoRoomError, and counts nothing then */
  take(bytes: number): void;
  /** Gives all of them back. */
  release(): void;
}

/**
 * Bytes of request bodies and of downloaded pictures that may be held at a time. A server that reads bodies of its own has
 * them counted here, too.
 *
 * @example
 * ```ts
 * const budget = new ByteBudget(256e6);
 * const hosted = createHostedFetch(segmenter, { budget });
 * ```
 */
export class ByteBudget {
  readonly #most: number;
  #held = 0;

  /** @throws InvalidPromptError for what is no number over 0 */
  constructor(most: number) {
    // every comparison with NaN is false: it would limit nothing
    if (typeof most !== "number" || !(most > 0)) {
      throw new Sam2Error("InvalidPromptError", `budget: expected a number of bytes over 0, got ${String(most)}`);
    }
    this.#most = most;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /** Begins to count for a request. */
  hold(): HeldBytes {
    let own = 0;
    return {
      take: (bytes) => {
        if (this.#held + bytes > this.#most) throw new NoRoomError(this.#most);
        own += bytes;
        this.#held += bytes;
      },
      release: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }

  /** Counts for a task, until it has ended. */
  async holding<T>(task: (held: HeldBytes) => Promise<T>): Promise<T> {
    const held = this.hold();
    try {
      return await task(held);
    } finally {
      held.release();
    }
  }
}
