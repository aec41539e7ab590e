/** Pictures that came lately, by their content: the same picture that comes again is given back as the Blob that it was before. */
import { digest } from "sam2-core";

/** How many pictures are remembered. */
export interface RecentLimits {
  readonly count: number;
  /** Bytes of their files together. */
  readonly bytes: number;
}

/** What is known of pictures; those that were used last are remembered. */
export class RecentPictures<T> {
  readonly #limits: RecentLimits;
  /** By SHA-256, those that were used last at the end. */
  readonly #known = new Map<string, { readonly picture: Blob; readonly about: T }>();
  #bytes = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** The picture as it came first, and what was noted about it then; `note` says it of a picture that is not remembered. */
  async recall(picture: Blob, note: () => T): Promise<{ readonly picture: Blob; readonly about: T }> {
    const sha256 = await digest(new Uint8Array(await picture.arrayBuffer()));
    const known = this.#known.get(sha256) ?? { picture, about: note() };
    if (!this.#known.delete(sha256)) this.#bytes += picture.size;
    this.#known.set(sha256, known);
    for (const [oldest, { picture: forgotten }] of this.#known) {
      const fits = this.#known.size <= this.#limits.count && this.#bytes <= this.#limits.bytes;
      if (fits || oldest === sha256) break;
      this.#known.delete(oldest);
      this.#bytes -= forgotten.size;
    }
    return known;
  }
}
