/** Small copies of pictures. Those that were not used for long are forgotten. */
import { decodePicture } from "../formats/picture.ts";

/** Pixels. */
const HEIGHT = 112;

/** A copy takes some kilobytes. */
const MOST = 400;

/** Makes each copy once, one at a time: decoding many large pictures at once takes much memory. */
export class Thumbnails {
  readonly #pictureOf: (id: string) => Promise<Blob | undefined>;
  /** Addresses of the copies, the one that was used last at the end. */
  readonly #made = new Map<string, string>();
  #making: Promise<unknown> = Promise.resolve();

  constructor(pictureOf: (id: string) => Promise<Blob | undefined>) {
    this.#pictureOf = pictureOf;
  }

  /** The address of a copy that is there. */
  known(id: string): string | undefined {
    return this.#made.get(id);
  }

  /**
   * The address of a picture's copy; undefined when the picture is not here, or cannot be decoded, or `unwanted` is aborted
   * before its turn comes: pictures that are scrolled past are not decoded.
   */
  async of(id: string, unwanted: AbortSignal): Promise<string | undefined> {
    const turn = this.#making.then(() => this.#known(id) ?? (unwanted.aborted ? undefined : this.#make(id)));
    this.#making = turn.catch(() => undefined);
    return turn.catch(() => undefined);
  }

  #known(id: string): string | undefined {
    const address = this.#made.get(id);
    if (address === undefined) return undefined;
    this.#made.delete(id);
    this.#made.set(id, address);
    return address;
  }

  async #make(id: string): Promise<string | undefined> {
    const picture = await this.#pictureOf(id);
    if (!picture) return undefined;
    const small = await decodePicture(picture, { resizeHeight: HEIGHT, resizeQuality: "medium" });
    const canvas = new OffscreenCanvas(small.width, small.height);
    canvas.getContext("2d")?.drawImage(small, 0, 0);
    small.close();
    const address = URL.createObjectURL(await canvas.convertToBlob({ type: "image/webp", quality: 0.8 }));
    this.#made.set(id, address);
    const [oldest] = this.#made;
    if (oldest && this.#made.size > MOST) {
      URL.revokeObjectURL(oldest[1]);
      this.#made.delete(oldest[0]);
    }
    return address;
  }
}
