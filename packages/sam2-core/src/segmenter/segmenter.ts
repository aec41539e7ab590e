/** The segmenter that a caller holds: sends images and prompts to the workers, and turns answers into results. */
import * as Comlink from "comlink";
import { Sam2Error, shown } from "sam2-contract";
import { readDetail } from "../detail/second-look.ts";
import { EMBEDDING_DTYPES } from "../embedding/codec.ts";
import { type CrossingProgress, type MaskList, MaskReceiver } from "../everything/crossing.ts";
import type { EverythingMask } from "../everything/everything.ts";
import { resizeLogits } from "../mask/mask.ts";
import type { ModelSpec } from "../model/spec.ts";
import type { NumbersLike, SegmentPrompt, Tensor } from "../prompt/prompt.ts";
import type { DeviceInfoOf } from "../runtime/sessions.ts";
import type { CachedModel } from "../storage/cache.ts";
import { abortable } from "./connection.ts";
import { Images, type Picked, type PictureCourier, type SegmenterImage } from "./images.ts";
import { Latest } from "./latest.ts";
import { CALL, checkOptions, EVERYTHING, IMAGE, REQUEST, SAVING, SEGMENTING } from "./option-names.ts";
import type {
  CallOptions,
  SaveEmbeddingOptions,
  SegmentEverythingOptions,
  SegmenterOptionsOf,
  SegmentOptions,
  SetImageOptions,
} from "./options.ts";
import { everythingProgress } from "./progress.ts";
import type { ResultParts, SegmentResult } from "./result.ts";
import { sending } from "./sendable.ts";
import { type WorkerStart, Workers, whenReady } from "./workers.ts";

/** What a platform brings to a segmenter. */
export interface SegmenterPlatform<Source extends Picked, Sent, R extends SegmentResult> extends WorkerStart {
  readonly courier: PictureCourier<Source, Sent>;
  /** Makes the answer to a prompt about a picture. */
  result(parts: ResultParts, picture: Source): R;
}

/** A request: a prompt, and the image it is about. */
export interface SegmentRequestOf<Source> extends SegmentPrompt {
  /** From `setImage`; or any picture, which is encoded when it is first used. */
  readonly image: SegmenterImage | Source;
}

/** Resizes a `mask_input` that came from the draft to the full model's size, or the other way round. */
function fitted(mask: NumbersLike | Tensor | undefined, side: number): NumbersLike | Tensor | undefined {
  if (typeof mask !== "object" || !("dims" in mask)) return mask;
  const given = mask.dims.at(-1) ?? 0;
  if (given === side || mask.data.length !== given ** 2) return mask;
  return { data: resizeLogits(mask.data, given, side, side), dims: [1, 1, side, side] };
}

/** Opened workers, and what else a segmenter is made from. @internal */
export interface SegmenterParts<Source extends Picked, D extends DeviceInfoOf, R extends SegmentResult> {
  readonly workers: Workers<unknown, D>;
  readonly platform: SegmenterPlatform<Source, unknown, R>;
}

/** Segments images. `Source` is what a platform takes for a picture, `D` its devices, `R` its results. */
export class SegmenterOf<Source extends Picked, D extends DeviceInfoOf, R extends SegmentResult> {
  readonly #workers: Workers<unknown, D>;
  readonly #images: Images<Source, unknown, D>;
  readonly #result: SegmenterPlatform<Source, unknown, R>["result"];
  #hover = new Latest();

  /** @internal */
  constructor({ workers, platform }: SegmenterParts<Source, D, R>) {
    this.#workers = workers;
    this.#images = new Images(workers, platform.courier);
    this.#result = (parts, picture) => platform.result(parts, picture);
  }

  /** What runs where, and why. */
  get device(): D {
    return this.#workers.opened.device;
  }

  /** Like `device`, but asks the worker: after a lost GPU it may be another device than at first. */
  async currentDevice(): Promise<D> {
    const { main } = await this.#workers.ready();
    return main.call((remote) => remote.device());
  }

  /** The model's id, sizes and constants. */
  get model(): ModelSpec {
    return this.#workers.opened.spec;
  }

  /** What identifies the model in embeddings: see `EmbeddingInfo.model`. */
  get fingerprint(): string {
    return this.#workers.opened.fingerprint;
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
   * With `embedding` the picture is not encoded: see `SetImageOptions.embedding`.
   *
   * @throws UnknownOptionError, InvalidImageError, DisposedError; with `embedding` also DownloadError, InvalidSafetensorsError,
   *   InvalidEmbeddingError, IntegrityError
   */
  async setImage(source: Source, options: SetImageOptions = {}): Promise<SegmenterImage> {
    checkOptions("setImage", options, IMAGE);
    return this.#images.set(source, options);
  }

  /**
   * An image's embedding as a safetensors file, to be kept and given to `setImage` later, here or on another machine.
   * It holds what the encoder made of the picture, and names the picture and the model; the picture is not in it.
   *
   * ```ts
   * const bytes = await segmenter.saveEmbedding(image, { dtype: "int8" });
   * const again = await segmenter.setImage(file, { embedding: bytes });
   * ```
   *
   * A picture that was given as an address or a path is read once more, for its hash.
   *
   * @returns the file's bytes
   * @throws UnknownOptionError; InvalidPromptError for an unknown `dtype`; TensorValueError for values that `fp16` cannot hold;
   *   InvalidImageError, ImageReleasedError, DisposedError
   */
  async saveEmbedding(
    source: SegmenterImage | Source,
    options: SaveEmbeddingOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkOptions("saveEmbedding", options, SAVING);
    const { signal, dtype = "fp16" } = options;
    signal?.throwIfAborted();
    if (!EMBEDDING_DTYPES.includes(dtype)) {
      throw new Sam2Error(
        "InvalidPromptError",
        `dtype: expected ${EMBEDDING_DTYPES.join(" or ")}, got ${shown(dtype)}`,
      );
    }
    return this.#images.with(source, { signal }, async (image, wanted) => {
      await abortable(image.refined, wanted);
      return whenReady(this.#workers, wanted, async ({ main }) => {
        const picture = await this.#images.fileOf(image, wanted);
        return main.call((remote) => remote.saveEmbedding(image.id, picture, dtype), wanted);
      });
    });
  }

  /**
   * Segments what a prompt asks for. Parameters mean what they mean in Livepeer's `segment-anything-2`.
   *
   * ```ts
   * const result = await segmenter.segment({ image, box: [75, 275, 1725, 850] });
   * ```
   *
   * @throws UnknownOptionError, InvalidPromptError, UnsupportedPromptError, InvalidImageError, ImageReleasedError,
   *   DisposedError
   */
  async segment(request: SegmentRequestOf<Source>, options: SegmentOptions = {}): Promise<R> {
    checkOptions("segment's prompt", request, REQUEST);
    const { image: source, ...prompt } = request;
    checkOptions("segment", options, SEGMENTING);
    const detail = readDetail(options.detail ?? "off");
    // before it takes the place of an earlier request
    options.signal?.throwIfAborted();
    const hover = options.supersede ? this.#hover : null;
    const signal = hover ? hover.begin(options.signal) : options.signal;
    return this.#images.with(source, { signal, onProgress: options.onProgress }, async (image, wanted) => {
      const predict = async (): Promise<R> => {
        const { main, draft } = await this.#workers.ready();
        const { id, width, height, quality } = image;
        const connection = (quality === "draft" && draft) || main;
        const mask_input = draft ? fitted(prompt.mask_input, connection.opened.spec.maskSize) : prompt.mask_input;
        const looks = quality === "draft" ? "off" : detail;
        const pictureOf = looks === "off" ? null : Comlink.proxy(() => this.#images.pictureOf(image, wanted));
        const sent = { ...prompt, mask_input };
        const prediction = await sending(sent, () =>
          connection.call((remote) => remote.predict(id, sent, looks, pictureOf)),
        );
        const returnLogits = prompt.return_logits ?? false;
        return this.#result({ prediction, width, height, returnLogits, quality }, this.#images.sourceOf(image));
      };
      return hover ? hover.run(wanted, predict) : predict();
    });
  }

  /**
   * Everything mode: decodes a grid of points and drops bad masks and duplicates, as Meta's
   * `SAM2AutomaticMaskGenerator` does. An abort takes effect after the batch that is being decoded.
   *
   * Crops (`crop_n_layers`) and what is looked at twice (`detail`) are cut from the picture that was given to `setImage`,
   * which must not have been closed or changed since.
   *
   * ```ts
   * const masks = await segmenter.segmentEverything(image, { points_per_side: 16, pred_iou_thresh: 0.7 });
   * ```
   *
   * @throws UnknownOptionError, InvalidPromptError, InvalidImageError, ImageReleasedError, DisposedError
   */
  async segmentEverything(
    source: SegmenterImage | Source,
    options: SegmentEverythingOptions = {},
  ): Promise<EverythingMask[]> {
    checkOptions("segmentEverything", options, EVERYTHING);
    const { signal, onProgress, detail: when = "off", ...settings } = options;
    const detail = readDetail(when);
    signal?.throwIfAborted();
    return this.#images.with(source, { signal }, async (image, wanted) => {
      await abortable(image.refined, wanted);
      return whenReady(this.#workers, wanted, async ({ main }) => {
        const isCut = detail !== "off" || (settings.crop_n_layers ?? 0) > 0;
        const picture = isCut ? await this.#images.pictureOf(image, wanted) : null;
        const receiver = new MaskReceiver();
        const listener = Comlink.proxy(async ({ done, total, masks }: CrossingProgress) => {
          const left = receiver.receive(masks);
          if (wanted.aborted) return false;
          onProgress?.(everythingProgress({ done, total, masks: left }));
          return true;
        });
        const call = (): Promise<MaskList> =>
          main.call((remote) => remote.segmentEverything(image.id, picture, settings, detail, listener), wanted);
        return receiver.receive(await sending(settings, call));
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
  async restart(options: CallOptions = {}): Promise<void> {
    checkOptions("restart", options, CALL);
    const { signal } = options;
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

  /** Whether it was disposed of: it answers no more calls. */
  get isDisposed(): boolean {
    return this.#workers.isDisposed;
  }

  /** Ends the workers and frees all their memory; calls in flight reject with a DisposedError. */
  async dispose(): Promise<void> {
    this.#workers.dispose();
  }
}

/** Opens a model in a worker of its own, for the constructor of a segmenter. */
export async function openSegmenter<Source extends Picked, Sent, D extends DeviceInfoOf, R extends SegmentResult>(
  platform: SegmenterPlatform<Source, Sent, R>,
  options: SegmenterOptionsOf<D>,
): Promise<SegmenterParts<Source, D, R>> {
  const workers = await Workers.open<Sent, D>(platform, options);
  return { workers, platform } as unknown as SegmenterParts<Source, D, R>;
}
