/** The page's side: owns the worker, turns its answers into results, and gives up on what is aborted. */
import * as Comlink from "comlink";
import type { CachedFile } from "./cache.ts";
import { Sam2Error } from "./errors.ts";
import { type ImageSource, toTransferable } from "./image.ts";
import type { ModelSource } from "./load.ts";
import { type Mask, resizeLogits, resizeMask } from "./mask.ts";
import type { ModelSpec } from "./model.ts";
import type { EncodeTimings, Prediction } from "./predictor.ts";
import type { SegmentPrompt, Tensor } from "./prompt.ts";
import type { DeviceChoice, DeviceInfo } from "./session.ts";
import type { Opened, OpenProgress, WorkerApi } from "./worker.ts";

/** Options of `createSegmenter`. */
export interface SegmenterOptions {
  /** A name from the catalogue, the address of a model.json, or files; `sam2-mini` by default. */
  readonly model?: ModelSource | undefined;
  /** `auto` (default) takes a GPU that computes rightly, and WASM otherwise. */
  readonly device?: DeviceChoice | undefined;
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
  /** Milliseconds that encoding took. */
  readonly timings: EncodeTimings;
  /** Frees the memory of the image. */
  release(): Promise<void>;
}

/** A request: a prompt, and the image it is about. */
export interface SegmentRequest extends SegmentPrompt {
  /** From `setImage`; or any picture, which is encoded on first sight. */
  readonly image: SegmenterImage | ImageSource;
}

/**
 * The answer to a prompt: K masks for each of B objects, best first.
 *
 * Only the low-resolution logits travel from the worker; masks of full size are made when they are
 * read, each one once.
 */
export class SegmentResult {
  /** Predicted IoU [B,K]. */
  readonly scores: Tensor;
  /** Low-resolution logits [B,K,S/4,S/4], clamped to ±32; one of them is a `mask_input`. */
  readonly logits: Tensor;
  /** Whether there is an object at all, as logits [B,1]. */
  readonly objectScores: Tensor;
  /** Pixels of the image and of full-size masks. */
  readonly width: number;
  /** Pixels of the image and of full-size masks. */
  readonly height: number;
  /** Milliseconds in the decoder. */
  readonly decodeTime: number;
  readonly #returnLogits: boolean;
  #masks: Tensor<Float32Array | Uint8Array> | undefined;

  /** @internal */
  constructor(prediction: Prediction, width: number, height: number, returnLogits: boolean) {
    this.scores = prediction.scores;
    this.logits = prediction.logits;
    this.objectScores = prediction.objectScores;
    this.decodeTime = prediction.decode;
    this.width = width;
    this.height = height;
    this.#returnLogits = returnLogits;
  }

  #plane(object: number, index: number): Float32Array {
    const [batch = 0, count = 0, side = 0] = this.logits.dims;
    if (!(object >= 0 && object < batch && index >= 0 && index < count)) {
      throw new RangeError(`mask ${index} of object ${object}: there are ${count} masks of ${batch} objects`);
    }
    const at = object * count + index;
    return this.logits.data.subarray(at * side * side, (at + 1) * side * side);
  }

  /** One mask of full size; the best of the first object by default. */
  mask(index = 0, object = 0): Mask {
    return resizeMask(this.#plane(object, index), this.logits.dims[3] as number, this.width, this.height);
  }

  /** One mask's low-resolution logits [1,1,S/4,S/4], to be given back as `mask_input`. */
  maskInput(index = 0, object = 0): Tensor {
    const side = this.logits.dims[3] as number;
    return { data: this.#plane(object, index).slice(), dims: [1, 1, side, side] };
  }

  /** All masks [B,K,H,W]: 0 and 1 in bytes, or float logits where `return_logits` was asked for. */
  get masks(): Tensor<Float32Array | Uint8Array> {
    if (this.#masks) return this.#masks;
    const [batch = 0, count = 0, side = 0] = this.logits.dims;
    const { width, height } = this;
    const size = width * height;
    const data = this.#returnLogits ? new Float32Array(batch * count * size) : new Uint8Array(batch * count * size);
    for (let at = 0; at < batch * count; at++) {
      const plane = this.#plane(Math.floor(at / count), at % count);
      const full = this.#returnLogits
        ? resizeLogits(plane, side, width, height)
        : resizeMask(plane, side, width, height).data;
      data.set(full, at * size);
    }
    this.#masks = { data, dims: [batch, count, height, width] };
    return this.#masks;
  }
}

/** Rejects with the signal's reason as soon as it is aborted, whatever `task` does. */
function abortable<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return task;
  if (signal.aborted) {
    task.catch(() => undefined);
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    task.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Segments images; made by `createSegmenter`. */
export class Segmenter {
  readonly #worker: Worker;
  readonly #remote: Comlink.Remote<WorkerApi>;
  readonly #seen = new WeakMap<object, Promise<SegmenterImage>>();
  readonly #opened: Opened;
  #nextId = 0;
  /** The request that may be superseded, and the last of its kind in the worker. */
  #newest: AbortController | undefined;
  #following: Promise<unknown> = Promise.resolve();
  #disposed = false;

  private constructor(worker: Worker, remote: Comlink.Remote<WorkerApi>, opened: Opened) {
    this.#worker = worker;
    this.#remote = remote;
    this.#opened = opened;
  }

  /** Opens a model; see `createSegmenter`. @internal */
  static async create(options: SegmenterOptions): Promise<Segmenter> {
    const { model = "sam2-mini", device = "auto", softwareGpu, threads, onProgress, signal } = options;
    const { embeddingBudget = 256e6 } = options;
    signal?.throwIfAborted();
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "sam2-web" });
    const remote = Comlink.wrap<WorkerApi>(worker);
    const broken = new Promise<never>((_, reject) => {
      worker.addEventListener("error", (event) => {
        reject(
          new Sam2Error("DeviceError", `the worker could not start: ${event.message || "its script failed to load"}`),
        );
      });
    });
    const base = globalThis.document?.baseURI ?? globalThis.location?.href;
    const source = model instanceof URL ? model.href : model;
    const request = { model: source, device, softwareGpu, threads, base, embeddingBudget };
    const listener = Comlink.proxy((progress: OpenProgress) => onProgress?.(progress));
    try {
      const opened = await abortable(Promise.race([remote.open(request, listener), broken]), signal);
      return new Segmenter(worker, remote, opened);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** What runs where, and why. */
  get device(): DeviceInfo {
    return this.#opened.device;
  }

  /** The same at this moment: after a lost GPU it may be another device than at first. */
  currentDevice(): Promise<DeviceInfo> {
    return this.#alive().device();
  }

  /** The model's id, sizes and constants. */
  get model(): ModelSpec {
    return this.#opened.spec;
  }

  /** Whether the model can take a mask as a prompt. */
  get takesMaskInput(): boolean {
    return this.#opened.takesMaskInput;
  }

  #alive(): Comlink.Remote<WorkerApi> {
    if (this.#disposed) throw new Sam2Error("DisposedError", "this segmenter was disposed of");
    return this.#remote;
  }

  /**
   * Encodes an image, once; prompts for it are fast afterwards.
   *
   * @throws InvalidImageError
   */
  async setImage(source: ImageSource, { signal }: CallOptions = {}): Promise<SegmenterImage> {
    const remote = this.#alive();
    signal?.throwIfAborted();
    const image = await abortable(toTransferable(source), signal);
    const id = String(this.#nextId++);
    const sent = image instanceof ImageBitmap ? Comlink.transfer(image, [image]) : image;
    const encoded = await abortable(remote.setImage(id, sent), signal);
    return { id, ...encoded, release: async () => (this.#disposed ? undefined : remote.releaseImage(id)) };
  }

  /**
   * Segments: the parameters and meanings of Livepeer's `segment-anything-2`.
   *
   * @throws InvalidPromptError, UnsupportedPromptError, InvalidImageError, ImageReleasedError
   */
  async segment(request: SegmentRequest, options: SegmentOptions = {}): Promise<SegmentResult> {
    const { image: source, ...prompt } = request;
    const remote = this.#alive();
    const signal = options.supersede ? this.#supersede(options.signal) : options.signal;
    signal?.throwIfAborted();
    const image = await this.#encoded(source, signal);
    if (options.supersede) await abortable(this.#following, signal);
    const answer = remote.predict(image.id, prompt);
    if (options.supersede) this.#following = answer.catch(() => undefined);
    const prediction = await abortable(answer, signal);
    return new SegmentResult(prediction, image.width, image.height, prompt.return_logits ?? false);
  }

  /** Aborts the request that is superseded; returns the signal of the new one. */
  #supersede(signal: AbortSignal | undefined): AbortSignal {
    this.#newest?.abort(new DOMException("a newer request took its place", "AbortError"));
    this.#newest = new AbortController();
    return signal ? AbortSignal.any([signal, this.#newest.signal]) : this.#newest.signal;
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

  /** The model files kept on this device. */
  listCached(): Promise<CachedFile[]> {
    return this.#alive().listCached();
  }

  /** Deletes kept model files: those of a model by its id, or all. */
  deleteCached(id?: string): Promise<void> {
    return this.#alive().deleteCached(id === undefined ? undefined : `${id}/`);
  }

  /** Ends the worker and frees all its memory; pending calls stay unanswered. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#remote[Comlink.releaseProxy]();
    this.#worker.terminate();
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
