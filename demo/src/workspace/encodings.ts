/** Pictures that the model in use has encoded: the open one, and its neighbors, which are encoded ahead. */
import type { SegmenterImage } from "sam2-web";
import type { Model } from "./sight.ts";
import type { StoredEmbedding } from "./stored-embeddings.ts";

interface Encoding {
  readonly image: Promise<SegmenterImage>;
  readonly unwanted: AbortController;
  /** Whether it comes from a file, or not at all. */
  readonly isStoredOnly: boolean;
}

/** Finds the embedding of a picture that was made elsewhere; null when there is none. */
type FindStored = (picture: Blob) => StoredEmbedding | null;

/** The encodings of one model. They are found by the picture's file. */
export class Encodings {
  readonly #model: Model;
  readonly #encodings = new Map<Blob, Encoding>();
  readonly #stored: FindStored;
  /** Pictures that needed no encoder. */
  readonly #taken = new WeakSet<Blob>();

  constructor(model: Model, stored: FindStored) {
    this.#model = model;
    this.#stored = stored;
  }

  /**
   * The encoding of a picture; made when it is not there. A failed one is forgotten, and made again when asked for.
   *
   * @param isStoredOnly whether it fails where it cannot be taken from a file, instead of being made
   */
  of(picture: Blob, isStoredOnly = false): Promise<SegmenterImage> {
    const known = this.#encodings.get(picture);
    if (known?.isStoredOnly && !isStoredOnly) return known.image.catch(() => this.of(picture));
    if (known) return known.image;
    const unwanted = new AbortController();
    const image = this.#set(picture, unwanted.signal, isStoredOnly);
    const made = { image, unwanted, isStoredOnly };
    this.#encodings.set(picture, made);
    image.catch(() => {
      if (this.#encodings.get(picture) === made) this.#encodings.delete(picture);
    });
    return image;
  }

  /** Sets the picture with its embedding; one that is refused is named, and the picture is encoded as usual. */
  async #set(picture: Blob, signal: AbortSignal, isStoredOnly: boolean): Promise<SegmenterImage> {
    const stored = this.#stored(picture);
    if (stored) {
      try {
        const image = await this.#model.setImage(picture, { signal, embedding: stored.source });
        this.#taken.add(picture);
        stored.used();
        return image;
      } catch (error) {
        if (signal.aborted) throw error;
        stored.refused(error);
        if (isStoredOnly) throw error;
      }
    }
    return this.#model.setImage(picture, { signal });
  }

  /** Whether a picture's embedding was there already. */
  isStored(picture: Blob): boolean {
    return this.#taken.has(picture) || this.#stored(picture) !== null;
  }

  /** Releases all encodings but those of these pictures, and cancels those that are being made. */
  keepOnly(pictures: readonly Blob[]): void {
    for (const [picture, { image, unwanted }] of this.#encodings) {
      if (pictures.includes(picture)) continue;
      this.#encodings.delete(picture);
      unwanted.abort();
      image.then(
        (made) => made.release(),
        () => undefined,
      );
    }
  }
}
