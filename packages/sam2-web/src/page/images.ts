/** The images of a segmenter: each is encoded once (by the draft first, if there is one) and found again by its source. */
import * as Comlink from "comlink";
import { isSam2Error } from "sam2-contract";
import { type ImageSource, type TransferableImage, toTransferable } from "../image/source.ts";
import type { EncodedImage, EncodePhase, EncodeTimings } from "../predictor/predictor.ts";
import { abortable, type Connection } from "./connection.ts";
import type { SetImageOptions } from "./options.ts";
import type { Quality } from "./result.ts";
import { type WorkerPair, type Workers, whenReady } from "./workers.ts";

/** An image that is encoded and ready for prompts. */
export interface SegmenterImage {
  /** Name of the image inside the segmenter. */
  readonly id: string;
  /** Pixels, upright. */
  readonly width: number;
  /** Pixels, upright. */
  readonly height: number;
  /** Milliseconds that encoding took, for the encoding named by `quality`. */
  readonly timings: EncodeTimings;
  /** Which encoding answers prompts now. */
  readonly quality: Quality;
  /** Resolves when the full encoding is ready; at once if there is no draft. */
  readonly refined: Promise<void>;
  /** Frees the memory of the image. */
  release(): Promise<void>;
}

/** A picture that was passed to `segment` directly: its encoding, and how many calls wait for it. */
interface Seen {
  readonly image: Promise<SegmenterImage>;
  readonly unwanted: AbortController;
  waiting: number;
  done: boolean;
}

/** Prepares a picture for a worker; see `toTransferable`. */
async function transferable(source: ImageSource, signal: AbortSignal | undefined): Promise<TransferableImage> {
  const made = toTransferable(source);
  // if the caller gives up meanwhile, nobody closes the copy later
  if (signal)
    made.then((image) => signal.aborted && image instanceof ImageBitmap && image.close()).catch(() => undefined);
  return abortable(made, signal);
}

/** Marks a bitmap to be moved to the worker instead of copied; the page cannot use it after that. */
function sent(image: TransferableImage): TransferableImage {
  return image instanceof ImageBitmap ? Comlink.transfer(image, [image]) : image;
}

/** Frees an image in a worker; a worker that has ended is ignored. */
function drop(connection: Connection, id: string): Promise<void> {
  return connection.call((remote) => remote.releaseImage(id)).catch(() => undefined);
}

/** Encodes images, and remembers them by their sources. */
export class Images {
  readonly #workers: Workers;
  #seen = new WeakMap<object, Seen>();
  readonly #sources = new WeakMap<SegmenterImage, ImageSource>();
  #nextId = 0;

  constructor(workers: Workers) {
    this.#workers = workers;
  }

  /** Forgets all images; after a restart the workers hold none. */
  forget(): void {
    this.#seen = new WeakMap();
  }

  /** Encodes an image; see `Segmenter.setImage`. */
  async set(source: ImageSource, { signal, onProgress }: SetImageOptions): Promise<SegmenterImage> {
    signal?.throwIfAborted();
    return whenReady(this.#workers, signal, async (pair) => {
      const image = await transferable(source, signal);
      const id = String(this.#nextId++);
      const stop = (): void => {
        for (const connection of [pair.main, pair.draft]) if (connection) void drop(connection, id);
      };
      signal?.addEventListener("abort", stop, { once: true });
      try {
        const handle = await this.#encode(id, image, pair, signal, onProgress);
        this.#sources.set(handle, source);
        return handle;
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    });
  }

  async #encode(
    id: string,
    image: TransferableImage,
    pair: WorkerPair,
    signal: AbortSignal | undefined,
    onProgress: SetImageOptions["onProgress"],
  ): Promise<SegmenterImage> {
    const { main } = pair;
    const draft = this.#workers.isQuick ? null : pair.draft;
    const encodeIn = (connection: Connection, as: Quality, given: TransferableImage): Promise<EncodedImage> => {
      const listener = Comlink.proxy((phase: EncodePhase) => onProgress?.(phase, as));
      return connection.call((remote) => remote.setImage(id, sent(given), listener));
    };
    const encodeFully = async (): Promise<EncodedImage> => {
      const full = await encodeIn(main, "full", image);
      this.#workers.measured(full.timings.encode);
      return full;
    };
    let quality: Quality = "full";
    let released = false;
    let refined = Promise.resolve();
    let encoded: EncodedImage;
    if (draft) {
      quality = "draft";
      const copy = image instanceof ImageBitmap ? await createImageBitmap(image) : image;
      // the full encoding starts only after the draft, so that the draft has the device to itself
      try {
        encoded = await abortable(encodeIn(draft, "draft", copy), signal);
      } catch (error) {
        if (image instanceof ImageBitmap) image.close();
        throw error;
      }
      refined = encodeFully().then(async (full) => {
        encoded = full;
        quality = "full";
        await Promise.all([drop(draft, id), ...(released ? [drop(main, id)] : [])]);
      });
      // if the full encoding fails and nobody awaits `refined`, the draft keeps answering, without an unhandled rejection
      refined.catch(() => undefined);
    } else {
      encoded = await abortable(encodeFully(), signal);
    }
    return {
      id,
      width: encoded.width,
      height: encoded.height,
      refined,
      get timings() {
        return encoded.timings;
      },
      get quality() {
        return quality;
      },
      release: async () => {
        if (released) return;
        released = true;
        await Promise.all([drop(main, id), ...(quality === "draft" && draft ? [drop(draft, id)] : [])]);
      },
    };
  }

  /** The picture that an image was made from. */
  sourceOf(image: SegmenterImage): ImageSource | undefined {
    return this.#sources.get(image);
  }

  /**
   * Runs a task with an image. A picture is encoded the first time it is used, and again if it was dropped from
   * memory since.
   */
  async with<T>(
    source: SegmenterImage | ImageSource,
    signal: AbortSignal | undefined,
    task: (image: SegmenterImage) => Promise<T>,
  ): Promise<T> {
    try {
      return await task(await this.#encoded(source, signal));
    } catch (error) {
      if (!isSam2Error(error, "ImageReleasedError") || !this.#seen.delete(source as object)) throw error;
      return this.with(source, signal, task);
    }
  }

  async #encoded(source: SegmenterImage | ImageSource, signal: AbortSignal | undefined): Promise<SegmenterImage> {
    if (typeof source === "object" && "release" in source) return source;
    if (typeof source === "string") return this.set(source, { signal });
    signal?.throwIfAborted();
    const seen = this.#seen.get(source) ?? this.#see(source);
    seen.waiting++;
    try {
      return await abortable(seen.image, signal);
    } finally {
      seen.waiting--;
      // when every waiting call was aborted, cancel the encoding
      if (signal?.aborted && seen.waiting === 0 && !seen.done) {
        this.#seen.delete(source);
        seen.unwanted.abort(signal.reason);
      }
    }
  }

  #see(source: object & ImageSource): Seen {
    const unwanted = new AbortController();
    const seen: Seen = { image: this.set(source, { signal: unwanted.signal }), unwanted, waiting: 0, done: false };
    this.#seen.set(source, seen);
    seen.image.then(
      () => {
        seen.done = true;
      },
      () => {
        if (this.#seen.get(source) === seen) this.#seen.delete(source);
      },
    );
    return seen;
  }

  /** The picture of an image, ready to send to a worker; null if the image is not of this segmenter. */
  async pictureOf(image: SegmenterImage, signal: AbortSignal | undefined): Promise<TransferableImage | null> {
    const source = this.sourceOf(image);
    return source === undefined ? null : sent(await transferable(source, signal));
  }
}
