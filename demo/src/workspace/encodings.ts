/** Pictures that the model in use has encoded: the open one, and its neighbors, which are encoded ahead. */
import type { SegmenterImage } from "sam2-web";
import type { Model } from "./sight.ts";

interface Encoding {
  readonly image: Promise<SegmenterImage>;
  readonly unwanted: AbortController;
}

/** The encodings of one model. They are found by the picture's file. */
export class Encodings {
  readonly #model: Model;
  readonly #encodings = new Map<Blob, Encoding>();

  constructor(model: Model) {
    this.#model = model;
  }

  /** The encoding of a picture; made when it is not there. A failed one is forgotten, and made again when asked for. */
  of(picture: Blob): Promise<SegmenterImage> {
    const known = this.#encodings.get(picture);
    if (known) return known.image;
    const unwanted = new AbortController();
    const image = this.#model.setImage(picture, { signal: unwanted.signal });
    const made = { image, unwanted };
    this.#encodings.set(picture, made);
    image.catch(() => {
      if (this.#encodings.get(picture) === made) this.#encodings.delete(picture);
    });
    return image;
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
