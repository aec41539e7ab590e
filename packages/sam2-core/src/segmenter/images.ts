/** The images of a segmenter: each is encoded once (by the draft first, if there is one) and found again by its source. */
import { isSam2Error, Sam2Error } from "sam2-contract";
import { sentEmbedding } from "../embedding/source.ts";
import { noPicture } from "../image/refusal.ts";
import { type EncodedImage, type EncodePhase, type EncodeTimings, MOST_ENCODINGS } from "../predictor/predictor.ts";
import type { DeviceInfoOf } from "../runtime/sessions.ts";
import { abortable, type Connection, listening } from "./connection.ts";
import type { SetImageOptions } from "./options.ts";
import { imageProgress } from "./progress.ts";
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
  /** Frees the memory of the image. Calls in flight for it reject with an AbortError, later ones with an ImageReleasedError. */
  release(): Promise<void>;
}

/** A picture that was passed to `segment` directly: its encoding, and how many calls wait for it. */
interface Seen {
  readonly image: Promise<SegmenterImage>;
  /** What the picture showed when it was encoded; see `PictureCourier.shown`. */
  readonly shown: string | undefined;
  readonly unwanted: AbortController;
  waiting: number;
  done: boolean;
}

/** What the segmenter knows of an image that it gave out. */
interface Life<Source> {
  /** The picture that it was made from. */
  readonly source: Source;
  /** Aborted when it is released, or lost by a restart. */
  readonly ended: AbortSignal;
}

/** How an image is encoded. */
interface EncodeOptions extends Omit<SetImageOptions, "embedding"> {
  readonly embedding: string | Blob | undefined;
  readonly isDisposable: boolean;
  /** Aborted when the caller releases the image. */
  readonly released: AbortController;
}

/** How pictures get from the caller to a worker. `Sent` is what travels. */
export interface PictureCourier<Source, Sent> {
  /** Prepares a picture, if possible without decoding it. @throws InvalidImageError */
  prepare(source: Source): Promise<Sent>;
  /** A copy of what was prepared, to send it twice. */
  copy(image: Sent): Promise<Sent>;
  /** Marks what was prepared to be moved instead of copied; it cannot be used here after that. */
  moved(image: Sent): Sent;
  /** Frees what was prepared and is not sent. */
  discard(image: Sent): void;
  /** Whether a picture is a file, or an address of one; others are pixels. */
  isFile(source: Source): boolean;
  /** What a picture shows that may come to show another, such as an `<img>`. */
  shown?(source: Source): string | undefined;
}

/** Frees an image in a worker; a worker that has ended is ignored. */
function drop<Sent, D extends DeviceInfoOf>(connection: Connection<Sent, D>, id: string): Promise<void> {
  return connection.call((remote) => remote.releaseImage(id)).catch(() => undefined);
}

function isImage(source: unknown): source is SegmenterImage {
  return typeof source === "object" && source !== null && "release" in source;
}

/** What a platform may take for a picture: an address, or an object by which the picture is found again. */
export type Picked = string | object;

/** Encodes images, and remembers them by their sources. */
export class Images<Source extends Picked, Sent, D extends DeviceInfoOf> {
  readonly #workers: Workers<Sent, D>;
  readonly #courier: PictureCourier<Source, Sent>;
  #seen = new WeakMap<object, Seen>();
  readonly #lives = new WeakMap<SegmenterImage, Life<Source>>();
  /** Aborted by a restart: the images that were set before it are gone. */
  #restarted = new AbortController();
  #nextId = 0;

  constructor(workers: Workers<Sent, D>, courier: PictureCourier<Source, Sent>) {
    this.#workers = workers;
    this.#courier = courier;
  }

  /** Prepares a picture for a worker. */
  async #prepared(source: Source, signal: AbortSignal | undefined): Promise<Sent> {
    const made = this.#courier.prepare(source);
    // if the caller gives up meanwhile, nobody frees it later
    if (signal) made.then((image) => signal.aborted && this.#courier.discard(image)).catch(() => undefined);
    return abortable(made, signal);
  }

  /** Forgets all images, since after a restart the workers hold none; calls for them reject with `reason`. */
  forget(reason: Error): void {
    this.#seen = new WeakMap();
    this.#restarted.abort(reason);
    this.#restarted = new AbortController();
  }

  /** Encodes an image; see `Segmenter.setImage`. */
  set(source: Source, options: SetImageOptions): Promise<SegmenterImage> {
    return this.#set(source, options, false);
  }

  /** @param isDisposable whether the worker may drop the image for others: it can be set again from its source */
  async #set(source: Source, options: SetImageOptions, isDisposable: boolean): Promise<SegmenterImage> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const embedding = options.embedding === undefined ? undefined : sentEmbedding(options.embedding);
    return whenReady(this.#workers, signal, async (pair) => {
      const restarted = this.#restarted.signal;
      const image = await this.#prepared(source, signal);
      const id = String(this.#nextId++);
      try {
        const released = new AbortController();
        const ended = AbortSignal.any([released.signal, restarted]);
        const handle = await this.#encode(id, image, pair, { signal, onProgress, embedding, isDisposable, released });
        this.#lives.set(handle, { source, ended });
        return handle;
      } catch (error) {
        // a worker may be encoding it: that ends, and nothing is kept
        for (const connection of [pair.main, pair.draft]) if (connection) void drop(connection, id);
        throw error;
      }
    });
  }

  async #encode(
    id: string,
    image: Sent,
    pair: WorkerPair<Sent, D>,
    { signal, onProgress, embedding, isDisposable, released }: EncodeOptions,
  ): Promise<SegmenterImage> {
    const { main } = pair;
    // with its embedding an image is there at once, without a draft
    const draft = this.#workers.isQuick || embedding !== undefined ? null : pair.draft;
    const encodeIn = (connection: Connection<Sent, D>, as: Quality, given: Sent): Promise<EncodedImage> => {
      const listener = (phase: EncodePhase): void => onProgress?.(imageProgress(phase, as));
      return listening(listener, (told) =>
        connection.call((remote) => remote.setImage(id, this.#courier.moved(given), isDisposable, told)),
      );
    };
    const encodeFully = async (): Promise<EncodedImage> => {
      if (embedding !== undefined)
        return main.call((remote) => remote.setEmbedded(id, this.#courier.moved(image), embedding, isDisposable));
      const full = await encodeIn(main, "full", image);
      this.#workers.measured(full.timings.encode);
      return full;
    };
    let quality: Quality = "full";
    let refined = Promise.resolve();
    let encoded: EncodedImage;
    if (draft) {
      quality = "draft";
      // the full encoding starts only after the draft, so that the draft has the device to itself
      try {
        const copy = await this.#courier.copy(image);
        encoded = await abortable(encodeIn(draft, "draft", copy), signal);
      } catch (error) {
        this.#courier.discard(image);
        throw error;
      }
      refined = abortable(encodeFully(), released.signal).then(async (full) => {
        encoded = full;
        quality = "full";
        await drop(draft, id);
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
        if (released.signal.aborted) return;
        released.abort(new DOMException("the image was released", "AbortError"));
        await Promise.all([drop(main, id), ...(quality === "draft" && draft ? [drop(draft, id)] : [])]);
      },
    };
  }

  /**
   * Runs a task with an image. A picture is encoded the first time it is used, and again if it was dropped from
   * memory since.
   *
   * @param task its signal is aborted when the caller's is, and when the image is released or lost by a restart
   * @throws ImageReleasedError if that happened before; InvalidImageError if the image is of another segmenter
   */
  async with<T>(
    source: SegmenterImage | Source,
    options: SetImageOptions,
    task: (image: SegmenterImage, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { signal } = options;
    if (source === null || (typeof source !== "object" && typeof source !== "string")) {
      throw noPicture(source);
    }
    if (isImage(source)) return this.#whileKept(source, signal, task);
    for (let encodings = 1; ; encodings++) {
      const image = await this.#encoded(source, options);
      try {
        return await this.#whileKept(image, signal, task);
      } catch (error) {
        // the worker dropped it for other images
        if (!isSam2Error(error, "ImageReleasedError") || encodings === MOST_ENCODINGS) throw error;
        if (typeof source === "object") await this.#forgetSeen(source, image);
      } finally {
        if (typeof source === "string") void image.release();
      }
    }
  }

  async #whileKept<T>(
    image: SegmenterImage,
    signal: AbortSignal | undefined,
    task: (image: SegmenterImage, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const life = this.#lives.get(image);
    if (!life) throw new Sam2Error("InvalidImageError", "the image is of another segmenter; call this one's setImage");
    const { ended } = life;
    if (ended.aborted) {
      throw new Sam2Error("ImageReleasedError", `${(ended.reason as Error).message}; call setImage again`);
    }
    const either = signal ? AbortSignal.any([signal, ended]) : ended;
    return abortable(task(image, either), either);
  }

  async #encoded(source: Source, options: SetImageOptions): Promise<SegmenterImage> {
    const { signal } = options;
    if (typeof source === "string") return this.#set(source, options, true);
    signal?.throwIfAborted();
    const known = this.#seen.get(source);
    const isKnown = known !== undefined && known.shown === this.#courier.shown?.(source);
    const seen = isKnown ? known : this.#see(source as Source & object, options.onProgress);
    seen.waiting++;
    try {
      return await abortable(seen.image, signal);
    } finally {
      seen.waiting--;
      // when every waiting call was aborted, cancel the encoding
      if (signal?.aborted && seen.waiting === 0 && !seen.done) {
        if (this.#seen.get(source) === seen) this.#seen.delete(source);
        seen.unwanted.abort(signal.reason);
      }
    }
  }

  #see(source: Source & object, onProgress: SetImageOptions["onProgress"]): Seen {
    const unwanted = new AbortController();
    const seen: Seen = {
      image: this.#set(source, { signal: unwanted.signal, onProgress }, true),
      shown: this.#courier.shown?.(source),
      unwanted,
      waiting: 0,
      done: false,
    };
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

  /** Forgets an encoding that the worker dropped, unless another call has already had the picture encoded again. */
  async #forgetSeen(source: object, image: SegmenterImage): Promise<void> {
    const seen = this.#seen.get(source);
    if (seen?.done && (await seen.image) === image && this.#seen.get(source) === seen) this.#seen.delete(source);
  }

  /** The picture that an image was made from. */
  sourceOf(image: SegmenterImage): Source {
    return (this.#lives.get(image) as Life<Source>).source;
  }

  /** The picture of an image, ready to send to a worker; null if it came as pixels. */
  async fileOf(image: SegmenterImage, signal: AbortSignal | undefined): Promise<Sent | null> {
    return this.#courier.isFile(this.sourceOf(image)) ? this.pictureOf(image, signal) : null;
  }

  /** The picture of an image, ready to send to a worker. */
  async pictureOf(image: SegmenterImage, signal: AbortSignal | undefined): Promise<Sent> {
    return this.#courier.moved(await this.#prepared(this.sourceOf(image), signal));
  }
}
