/** The page's side: which worker answers, and what becomes of its answers. */
import * as Comlink from "comlink";
import type { AutomaticMask, AutomaticOptions, AutomaticProgress } from "./automatic.ts";
import type { CachedFile } from "./cache.ts";
import { abortable, Connection } from "./connection.ts";
import type { DeviceChoice } from "./device.ts";
import { isSam2Error, Sam2Error } from "./errors.ts";
import { type ImageSource, toTransferable } from "./image.ts";
import type { ModelSource } from "./load.ts";
import { resizeLogits } from "./mask.ts";
import type { ModelSpec } from "./model.ts";
import type { EncodedImage, EncodePhase, EncodeTimings } from "./predictor.ts";
import type { NumbersLike, SegmentPrompt, Tensor } from "./prompt.ts";
import { type Quality, SegmentResult } from "./result.ts";
import type { DeviceInfo } from "./session.ts";
import type { OpenProgress, OpenRequest } from "./worker.ts";

/** Options of `createSegmenter`. */
export interface SegmenterOptions {
  /** A name from the catalogue, the address of a model.json, or files; `sam2-mini` by default. */
  readonly model?: ModelSource | undefined;
  /** `auto` (default) takes a GPU that computes rightly, and WASM otherwise. */
  readonly device?: DeviceChoice | undefined;
  /**
   * For devices whose encoder takes more than two seconds (as measured there): images are first
   * encoded by a quick draft, which answers prompts until the full encoding is ready. `true` takes
   * the same model at half its image size, for which it must be a checkpoint; or name another model.
   * The draft has a worker of its own, and its memory. Off by default.
   */
  readonly draft?: boolean | ModelSource | undefined;
  /** Whether `auto` may take a GPU that is emulated on the CPU; `false` by default, since WASM is faster. */
  readonly softwareGpu?: boolean | undefined;
  /** Threads of the WASM provider; up to four by default. */
  readonly threads?: number | undefined;
  /** Bytes that the embeddings of images may take together; 256 MB by default. */
  readonly embeddingBudget?: number | undefined;
  /** Told of every step of opening the model. */
  readonly onProgress?: ((progress: OpenProgress) => void) | undefined;
  /** Ends the opening, and the worker with it. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a single call. */
export interface CallOptions {
  /** Rejects the call at once with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `setImage`. */
export interface SetImageOptions extends CallOptions {
  /** Told what the encoding is busy with. */
  readonly onProgress?: ((phase: EncodePhase, quality: Quality) => void) | undefined;
}

/** Options of `segment`. */
export interface SegmentOptions extends CallOptions {
  /**
   * For prompts that follow a pointer: this request takes the place of earlier ones that say so and
   * are not answered yet; those reject with an AbortError. At most one is in the worker at a time.
   */
  readonly supersede?: boolean | undefined;
}

/** An image that is encoded and ready for prompts. */
export interface SegmenterImage {
  /** Name of the image inside the segmenter. */
  readonly id: string;
  /** Pixels, upright. */
  readonly width: number;
  /** Pixels, upright. */
  readonly height: number;
  /** Milliseconds that encoding took; of the encoding that answers now. */
  readonly timings: EncodeTimings;
  /** Which encoding answers now. */
  readonly quality: Quality;
  /** Resolves when the full encoding answers; at once where there is no draft. */
  readonly refined: Promise<void>;
  /** Frees the memory of the image. */
  release(): Promise<void>;
}

/** A request: a prompt, and the image it is about. */
export interface SegmentRequest extends SegmentPrompt {
  /** From `setImage`; or any picture, which is encoded on first sight. */
  readonly image: SegmenterImage | ImageSource;
}

/** Options of `segmentEverything` beside the algorithm's own. */
export interface EverythingOptions extends AutomaticOptions, CallOptions {
  /** Told after each batch of points, with the masks that are left so far. */
  readonly onProgress?: ((progress: AutomaticProgress) => void) | undefined;
}

/** An encoder that takes no longer than this needs no draft; in milliseconds. */
const QUICK_ENOUGH = 2000;

function disposed(): Sam2Error {
  return new Sam2Error("DisposedError", "this segmenter was disposed of");
}

/** Logits that one of the two encodings gave, at the size that the other one takes. */
function fitted(mask: NumbersLike | Tensor | undefined, side: number): NumbersLike | Tensor | undefined {
  if (typeof mask !== "object" || !("dims" in mask)) return mask;
  const given = mask.dims.at(-1) ?? 0;
  if (given === side || mask.data.length !== given ** 2) return mask;
  return { data: resizeLogits(mask.data, given, side, side), dims: [1, 1, side, side] };
}

/** Segments images; made by `createSegmenter`. */
export class Segmenter {
  readonly #options: SegmenterOptions;
  #main: Connection;
  #draft: Connection | null = null;
  #seen = new WeakMap<object, Promise<SegmenterImage>>();
  /** The pictures that images were made of. */
  readonly #sources = new WeakMap<SegmenterImage, ImageSource>();
  #nextId = 0;
  /** What the encoder takes here, once it was measured. */
  #encodeTime: number | null;
  /** The request that may be superseded, and the last of its kind in the worker. */
  #newest: AbortController | undefined;
  #following: Promise<unknown> = Promise.resolve();
  #disposed = false;

  private constructor(options: SegmenterOptions, main: Connection) {
    this.#options = options;
    this.#main = main;
    this.#encodeTime = main.opened.encodeTime;
  }

  /** Opens a model; see `createSegmenter`. @internal */
  static async create(options: SegmenterOptions): Promise<Segmenter> {
    const segmenter = new Segmenter(options, await Segmenter.#connect(options, false));
    await segmenter.#openDraft();
    return segmenter;
  }

  static #connect(options: SegmenterOptions, draft: boolean): Promise<Connection> {
    const { device = "auto", softwareGpu, threads, embeddingBudget = 256e6, onProgress, signal } = options;
    const another = typeof options.draft !== "boolean" ? options.draft : undefined;
    const model = (draft && another) || (options.model ?? "sam2-mini");
    const request: OpenRequest = {
      model: model instanceof URL ? model.href : model,
      base: globalThis.document?.baseURI ?? globalThis.location?.href,
      draft: draft && !another,
      device,
      softwareGpu,
      threads,
      embeddingBudget,
    };
    return Connection.open(request, onProgress, signal);
  }

  async #openDraft(): Promise<void> {
    if (!this.#options.draft || this.#isQuick()) return;
    try {
      this.#draft = await Segmenter.#connect(this.#options, true);
    } catch (error) {
      this.#main.close(disposed());
      throw error;
    }
  }

  #isQuick(): boolean {
    return this.#encodeTime !== null && this.#encodeTime <= QUICK_ENOUGH;
  }

  /** What runs where, and why. */
  get device(): DeviceInfo {
    return this.#main.opened.device;
  }

  /** The same at this moment: after a lost GPU it may be another device than at first. */
  async currentDevice(): Promise<DeviceInfo> {
    return this.#alive().call((remote) => remote.device());
  }

  /** The model's id, sizes and constants. */
  get model(): ModelSpec {
    return this.#main.opened.spec;
  }

  /** Whether the model can take a mask as a prompt. */
  get takesMaskInput(): boolean {
    return this.#main.opened.takesMaskInput;
  }

  #alive(): Connection {
    if (this.#disposed) throw disposed();
    return this.#main;
  }

  /**
   * Encodes an image, once; prompts for it are fast afterwards. With a draft, it resolves when the
   * draft is ready; the full encoding follows.
   *
   * @throws InvalidImageError
   */
  async setImage(source: ImageSource, { signal, onProgress }: SetImageOptions = {}): Promise<SegmenterImage> {
    const main = this.#alive();
    signal?.throwIfAborted();
    const image = await abortable(toTransferable(source), signal);
    const id = String(this.#nextId++);
    const encode = (connection: Connection, quality: Quality, given: typeof image): Promise<EncodedImage> => {
      const sent = given instanceof ImageBitmap ? Comlink.transfer(given, [given]) : given;
      const listener = Comlink.proxy((phase: EncodePhase) => onProgress?.(phase, quality));
      return connection.call(
        (remote) => remote.setImage(id, sent, listener),
        quality === "draft" || !draft ? signal : undefined,
      );
    };
    const draft = this.#isQuick() ? null : this.#draft;
    let quality: Quality = draft ? "draft" : "full";
    let released = false;
    let refined = Promise.resolve();
    let encoded: EncodedImage;
    if (draft) {
      const copy = image instanceof ImageBitmap ? await createImageBitmap(image) : image;
      encoded = await encode(draft, "draft", copy);
      refined = encode(main, "full", image).then(async (full) => {
        this.#encodeTime = full.timings.encode;
        encoded = full;
        quality = "full";
        const dropped = [draft, ...(released ? [main] : [])];
        await Promise.all(dropped.map((connection) => connection.call((remote) => remote.releaseImage(id))));
      });
      // who does not wait for it goes on with the draft
      refined.catch(() => undefined);
    } else {
      encoded = await encode(main, "full", image);
      this.#encodeTime = encoded.timings.encode;
    }
    const handle: SegmenterImage = {
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
        if (released || this.#disposed) return;
        released = true;
        const connection = quality === "draft" ? draft : main;
        await connection?.call((remote) => remote.releaseImage(id)).catch(() => undefined);
      },
    };
    this.#sources.set(handle, source);
    return handle;
  }

  /**
   * Segments: the parameters and meanings of Livepeer's `segment-anything-2`.
   *
   * @throws InvalidPromptError, UnsupportedPromptError, InvalidImageError, ImageReleasedError
   */
  async segment(request: SegmentRequest, options: SegmentOptions = {}): Promise<SegmentResult> {
    const { image: source, ...prompt } = request;
    this.#alive();
    const signal = options.supersede ? this.#supersede(options.signal) : options.signal;
    signal?.throwIfAborted();
    return this.#with(source, signal, async ({ id, width, height, quality }) => {
      if (options.supersede) await abortable(this.#following, signal);
      const connection = (quality === "draft" && this.#draft) || this.#alive();
      const mask_input = this.#draft ? fitted(prompt.mask_input, connection.opened.spec.maskSize) : prompt.mask_input;
      const answer = connection.call((remote) => remote.predict(id, { ...prompt, mask_input }));
      if (options.supersede) this.#following = answer.catch(() => undefined);
      const prediction = await abortable(answer, signal);
      return new SegmentResult({ prediction, width, height, returnLogits: prompt.return_logits ?? false, quality });
    });
  }

  /**
   * Everything mode: the masks of a grid of points, without the bad and the doubled ones. Meta's
   * `SAM2AutomaticMaskGenerator`; an abort ends it with the batch that is being decoded.
   *
   * Crops (`crop_n_layers`) are cut from the picture that was given to `setImage`, which must not have
   * been closed or changed since.
   *
   * @throws InvalidPromptError, InvalidImageError, ImageReleasedError
   */
  async segmentEverything(
    source: SegmenterImage | ImageSource,
    { signal, onProgress, ...options }: EverythingOptions = {},
  ): Promise<AutomaticMask[]> {
    this.#alive();
    signal?.throwIfAborted();
    return this.#with(source, signal, async (image) => {
      await abortable(image.refined, signal);
      const original = this.#sources.get(image);
      const cropped = (options.crop_n_layers ?? 0) > 0 && original !== undefined;
      const picture = cropped ? await abortable(toTransferable(original), signal) : null;
      const sent = picture instanceof ImageBitmap ? Comlink.transfer(picture, [picture]) : picture;
      const listener = Comlink.proxy(async (progress: AutomaticProgress) => {
        if (signal?.aborted) return false;
        onProgress?.(progress);
        return true;
      });
      return this.#alive().call((remote) => remote.segmentEverything(image.id, sent, options, listener), signal);
    });
  }

  /** Aborts the request that is superseded; returns the signal of the new one. */
  #supersede(signal: AbortSignal | undefined): AbortSignal {
    this.#newest?.abort(new DOMException("a newer request took its place", "AbortError"));
    this.#newest = new AbortController();
    return signal ? AbortSignal.any([signal, this.#newest.signal]) : this.#newest.signal;
  }

  /** Does a task with an image; a picture that was encoded on first sight, and made room for others, is encoded again. */
  async #with<T>(
    source: SegmenterImage | ImageSource,
    signal: AbortSignal | undefined,
    task: (image: SegmenterImage) => Promise<T>,
  ): Promise<T> {
    try {
      return await task(await this.#encoded(source, signal));
    } catch (error) {
      if (!isSam2Error(error, "ImageReleasedError") || !this.#seen.delete(source as object)) throw error;
      return this.#with(source, signal, task);
    }
  }

  async #encoded(source: SegmenterImage | ImageSource, signal: AbortSignal | undefined): Promise<SegmenterImage> {
    if (typeof source === "object" && "release" in source) return source;
    if (typeof source === "string") return this.setImage(source, { signal });
    let image = this.#seen.get(source);
    if (!image) {
      image = this.setImage(source);
      this.#seen.set(source, image);
      image.catch(() => this.#seen.delete(source));
    }
    return abortable(image, signal);
  }

  /**
   * Stops whatever the worker is doing, an encoding in the middle too, by ending it and opening the
   * model anew, from the cache. Calls in flight reject with an AbortError. Images must be set again:
   * those of before answer with an ImageReleasedError.
   */
  async restart(): Promise<void> {
    this.#alive();
    const stopped = new DOMException("the segmenter was restarted", "AbortError");
    this.#main.close(stopped);
    this.#draft?.close(stopped);
    this.#draft = null;
    this.#seen = new WeakMap();
    this.#following = Promise.resolve();
    this.#main = await Segmenter.#connect(this.#options, false);
    if (this.#disposed) this.#main.close(disposed());
    else await this.#openDraft();
  }

  /** The model files kept on this device. */
  async listCached(): Promise<CachedFile[]> {
    return this.#alive().call((remote) => remote.listCached());
  }

  /** Deletes kept model files: those of a model by its id, or all. */
  async deleteCached(id?: string): Promise<void> {
    return this.#alive().call((remote) => remote.deleteCached(id === undefined ? undefined : `${id}/`));
  }

  /** Ends the workers and frees all their memory; calls in flight reject with a DisposedError. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#main.close(disposed());
    this.#draft?.close(disposed());
  }
}

/**
 * Opens a model in a worker of its own.
 *
 * @throws UnknownModelError, InvalidModelError, DownloadError, IntegrityError, DeviceError
 */
export function createSegmenter(options: SegmenterOptions = {}): Promise<Segmenter> {
  return Segmenter.create(options);
}
