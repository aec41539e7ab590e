/** The segmenter that a page holds: sends images and prompts to the workers, and turns answers into results. */
import * as Comlink from "comlink";
import {
  type CrossingProgress,
  type EverythingMask,
  MaskReceiver,
  type ModelSpec,
  type NumbersLike,
  readDetail,
  resizeLogits,
  type SegmentPrompt,
  type Tensor,
} from "sam2-core";
import type { ImageSource } from "../image/source.ts";
import type { DeviceInfo } from "../runtime/sessions.ts";
import type { CachedModel } from "../storage/cache.ts";
import { abortable } from "./connection.ts";
import { Images, type SegmenterImage } from "./images.ts";
import { Latest } from "./latest.ts";
import type {
  CallOptions,
  SegmentEverythingOptions,
  SegmenterOptions,
  SegmentOptions,
  SetImageOptions,
} from "./options.ts";
import { SegmentResult } from "./result.ts";
import { Workers, whenReady } from "./workers.ts";

/** A request: a prompt, and the image it is about. */
export interface SegmentRequest extends SegmentPrompt {
  /** From `setImage`; or any picture, which is encoded when it is first used. */
  readonly image: SegmenterImage | ImageSource;
}

/** Resizes a `mask_input` that came from the draft to the full model's size, or the other way round. */
function fitted(mask: NumbersLike | Tensor | undefined, side: number): NumbersLike | Tensor | undefined {
  if (typeof mask !== "object" || !("dims" in mask)) return mask;
  const given = mask.dims.at(-1) ?? 0;
  if (given === side || mask.data.length !== given ** 2) return mask;
  return { data: resizeLogits(mask.data, given, side, side), dims: [1, 1, side, side] };
}

/** Segments images; made by `createSegmenter`. */
export class Segmenter {
  readonly #workers: Workers;
  readonly #images: Images;
  #hover = new Latest();

  private constructor(workers: Workers) {
    this.#workers = workers;
    this.#images = new Images(workers);
  }

  /** Opens a model; see `createSegmenter`. @internal */
  static async create(options: SegmenterOptions): Promise<Segmenter> {
    return new Segmenter(await Workers.open(options));
  }

  /** What runs where, and why. */
  get device(): DeviceInfo {
    return this.#workers.opened.device;
  }

  /** Like `device`, but asks the worker: after a lost GPU it may be another device than at first. */
  async currentDevice(): Promise<DeviceInfo> {
    const { main } = await this.#workers.ready();
    return main.call((remote) => remote.device());
  }

  /** The model's id, sizes and constants. */
  get model(): ModelSpec {
    return this.#workers.opened.spec;
  }

  /** Whether the model can take a mask as a prompt. */
  get takesMaskInput(): boolean {
    return this.#workers.opened.takesMaskInput;
  }

  /**
   * Encodes an image; prompts for it are then fast. With a draft, it resolves when the draft's encoding is ready;
   * the full encoding follows. A call that is aborted while it waits is not run; one that is aborted during its
   * encoding keeps nothing.
   *
   * ```ts
   * const image = await segmenter.setImage(file, { signal });
   * ```
   *
   * @throws InvalidImageError, DisposedError
   */
  async setImage(source: ImageSource, options: SetImageOptions = {}): Promise<SegmenterImage> {
    return this.#images.set(source, options);
  }

  /**
   * Segments what a prompt asks for. Parameters mean what they mean in Livepeer's `segment-anything-2`.
   *
   * ```ts
   * const result = await segmenter.segment({ image, box: [75, 275, 1725, 850] });
   * ```
   *
   * @throws InvalidPromptError, UnsupportedPromptError, InvalidImageError, ImageReleasedError, DisposedError
   */
  async segment(request: SegmentRequest, options: SegmentOptions = {}): Promise<SegmentResult> {
    const { image: source, ...prompt } = request;
    const detail = readDetail(options.detail ?? "off");
    const hover = options.supersede ? this.#hover : null;
    const signal = hover ? hover.begin(options.signal) : options.signal;
    signal?.throwIfAborted();
    return this.#images.with(source, signal, async (image, wanted) => {
      const predict = async (): Promise<SegmentResult> => {
        const { main, draft } = await this.#workers.ready();
        const { id, width, height, quality } = image;
        const connection = (quality === "draft" && draft) || main;
        const mask_input = draft ? fitted(prompt.mask_input, connection.opened.spec.maskSize) : prompt.mask_input;
        const looks = quality === "draft" ? "off" : detail;
        const pictureOf = looks === "off" ? null : Comlink.proxy(() => this.#images.pictureOf(image, wanted));
        const prediction = await connection.call((remote) =>
          remote.predict(id, { ...prompt, mask_input }, looks, pictureOf),
        );
        return new SegmentResult({ prediction, width, height, returnLogits: prompt.return_logits ?? false, quality });
      };
      return hover ? hover.run(wanted, predict) : predict();
    });
  }

  /**
   * Everything mode: decodes a grid of points and drops bad masks and duplicates, as Meta's
   * `SAM2AutomaticMaskGenerator` does. An abort takes effect after the batch that is being decoded.
   *
   * Crops (`crop_n_layers`) are cut from the picture that was given to `setImage`, which must not have
   * been closed or changed since.
   *
   * ```ts
   * const masks = await segmenter.segmentEverything(image, { points_per_side: 16, pred_iou_thresh: 0.7 });
   * ```
   *
   * @throws InvalidPromptError, InvalidImageError, ImageReleasedError, DisposedError
   */
  async segmentEverything(
    source: SegmenterImage | ImageSource,
    { signal, onProgress, ...options }: SegmentEverythingOptions = {},
  ): Promise<EverythingMask[]> {
    signal?.throwIfAborted();
    return this.#images.with(source, signal, async (image, wanted) => {
      await abortable(image.refined, wanted);
      return whenReady(this.#workers, wanted, async ({ main }) => {
        const picture = (options.crop_n_layers ?? 0) > 0 ? await this.#images.pictureOf(image, wanted) : null;
        const receiver = new MaskReceiver();
        const listener = Comlink.proxy(async ({ done, total, masks }: CrossingProgress) => {
          const left = receiver.receive(masks);
          if (wanted.aborted) return false;
          onProgress?.({ done, total, masks: left });
          return true;
        });
        const call = main.call((remote) => remote.segmentEverything(image.id, picture, options, listener), wanted);
        return receiver.receive(await call);
      });
    });
  }

  /**
   * Stops whatever the workers are doing, even in the middle of an encoding, by ending them and opening the model
   * again, from the cache. Calls in flight reject with an AbortError; calls made meanwhile wait. Images must be set
   * again: prompts for earlier ones throw an ImageReleasedError.
   *
   * Aborting `signal` stops the waiting, not the restart. A call during a restart joins it.
   *
   * @throws what `createSegmenter` throws; another restart may then be tried
   */
  async restart({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const reason = new DOMException("the segmenter was restarted", "AbortError");
    this.#images.forget(reason);
    this.#hover = new Latest();
    await abortable(this.#workers.restart(reason), signal);
  }

  /** The models with files kept on this device. */
  async listCached(): Promise<CachedModel[]> {
    const { main } = await this.#workers.ready();
    return main.call((remote) => remote.listCached());
  }

  /** Deletes the kept files of a model by its id, or of all models. */
  async deleteCached(id?: string): Promise<void> {
    const { main } = await this.#workers.ready();
    return main.call((remote) => remote.deleteCached(id));
  }

  /** Ends the workers and frees all their memory; calls in flight reject with a DisposedError. */
  async dispose(): Promise<void> {
    this.#workers.dispose();
  }
}

/**
 * Opens a model in a worker of its own.
 *
 * @example
 * ```ts
 * const segmenter = await createSegmenter({ model: "sam2.1-tiny", onProgress: console.log });
 * ```
 *
 * @throws UnknownModelError, InvalidModelError, DownloadError, IntegrityError, DeviceError
 */
export function createSegmenter(options: SegmenterOptions = {}): Promise<Segmenter> {
  return Segmenter.create(options);
}
