/** How many requests are inside at a time; the others are told when to come again. */

/** Lets so many requests in. */
export class Gate {
  readonly #room: number;
  readonly #abreast: number;
  #inside = 0;
  /** Of a request, in seconds; later ones count more. */
  #mean = 1;

  /**
   * @param room requests that may be inside, those that wait for a segmenter included
   * @param abreast requests that are worked on at a time
   */
  constructor(room: number, abreast: number) {
    this.#room = room;
    this.#abreast = abreast;
  }

  /** Requests that are inside. */
  get inside(): number {
    return this.#inside;
  }

  /** Seconds after which there should be room again. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil(this.#mean / this.#abreast));
  }

  /** Lets a request in; null where there is no room. What is returned is called once, when the request leaves. */
  enter(): (() => void) | null {
    if (this.#inside >= this.#room) return null;
    this.#inside++;
    const start = performance.now();
    return () => {
      this.#inside--;
      // of the time inside, only its share at the segmenter says how fast room is made
      const seconds = (performance.now() - start) / 1000 / Math.max(1, this.#inside / this.#abreast);
      this.#mean += 0.1 * (seconds - this.#mean);
    };
  }
}
