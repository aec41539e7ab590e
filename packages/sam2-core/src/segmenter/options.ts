/** Options of the segmenter's calls. */
import type { Detail } from "../detail/second-look.ts";
import type { EmbeddingDtype } from "../embedding/codec.ts";
import type { EmbeddingSource } from "../embedding/source.ts";
import type { EverythingOptions } from "../everything/options.ts";
import type { DtypeChoice } from "../model/forms.ts";
import type { ModelSource } from "../model/source.ts";
import type { DeviceInfoOf } from "../runtime/sessions.ts";
import type { DeviceChoiceOf } from "../worker/open.ts";
import type { EverythingProgress, ImageProgress, ModelProgress } from "./progress.ts";

/** Options of `createSegmenter`. */
export interface SegmenterOptionsOf<D extends DeviceInfoOf = DeviceInfoOf> {
  /**
   * A name from the catalog, the address of a model.json, an export or a checkpoint; by default `sam2-mini`, the npm
   * package of that name.
   */
  readonly model?: ModelSource | undefined;
  /** `auto` (default) takes a GPU whose results are correct, and the CPU otherwise: in browsers, WASM. */
  readonly device?: DeviceChoiceOf<D> | undefined;
  /**
   * The precision to run a checkpoint in. `auto` (default) is float32; on the CPU int8 for those models that gain by it
   * (SAM 2, not EdgeTAM): once for each model a trial finds out whether its results are right and it is faster here; and
   * fp16-compute on GPUs that can (`shader-f16`) and whose results in it are right.
   * `fp32`, `fp16` (half the space on the disk; the same arithmetic), `fp16-compute` (products in float16 on a GPU, elsewhere
   * as `fp16`) and `int8` (CPUs only) ask for one of them. An export
   * is in one precision, and is opened in that. Where the model or the device cannot do what is asked for,
   * `DeviceInfoOf.dtype` says what was taken and `reason` why.
   */
  readonly dtype?: DtypeChoice | undefined;
  /**
   * Encodes images with a quick draft first, which answers prompts until the full encoding is ready. `true` uses
   * the same model at half its image size, which needs a checkpoint; or give another model. The draft runs in a
   * second worker, with its own memory. It is not used where the encoder was measured to take less than two
   * seconds. Off by default.
   */
  readonly draft?: boolean | ModelSource | undefined;
  /** Whether `auto` may take a GPU that is emulated on the CPU; `false` by default, since the CPU itself is faster. */
  readonly softwareGpu?: boolean | undefined;
  /** Threads on the CPU; by default as many as cores, and in browsers up to four. */
  readonly threads?: number | undefined;
  /**
   * Whether the encoder is downloaded and opened only when a picture comes without its embedding; `false` by default.
   * Until then the decoder runs on the CPU, where nothing has to be checked, whatever `device` is; `device` is chosen and
   * checked with the encoder. Of a checkpoint both parts are downloaded as one.
   */
  readonly lazyEncoder?: boolean | undefined;
  /**
   * Whether to accept a checkpoint whose files have changed at their address since they were first downloaded.
   * `false` by default: then opening it throws an IntegrityError. Only a download shows the change: what is kept opens
   * as it is, until `deleteCached(id)` deletes it.
   */
  readonly acceptChanges?: boolean | undefined;
  /**
   * The most bytes that all embeddings together may take; 256 MB by default. Beyond it, the images that were not used
   * for longest are encoded again when they are next used; until they are released they take 3 bytes a pixel of the
   * model's size.
   */
  readonly embeddingBudget?: number | undefined;
  /**
   * The most pixels that an image may have; 100 million by default. Checked before the image is decoded; decoding
   * takes four bytes a pixel, and briefly eight.
   */
  readonly maxPixels?: number | undefined;
  /** Called for every step of opening the model. */
  readonly onProgress?: ((progress: ModelProgress) => void) | undefined;
  /** Cancels opening the model, and ends the worker. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a single call. */
export interface CallOptions {
  /** Rejects the call at once with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `setImage`. */
export interface SetImageOptions extends CallOptions {
  /** Called when a step of the encoding begins. */
  readonly onProgress?: ((progress: ImageProgress) => void) | undefined;
  /**
   * The picture's embedding, as `saveEmbedding` or `sam2 embed` made it: its file, or that file's address (in Node a
   * path, too). The picture is then not encoded, and prompts for it are answered at once. It must be of this picture and
   * by this model: where it is not, nothing is set, and the call rejects.
   */
  readonly embedding?: EmbeddingSource | undefined;
}

/** Options of `saveEmbedding`. */
export interface SaveEmbeddingOptions extends CallOptions {
  /**
   * `fp16`, the default, takes two bytes a value; `int8` one, with a scale for each channel. Masks hardly differ: see
   * the guide on embeddings.
   */
  readonly dtype?: EmbeddingDtype | undefined;
}

/** Options of `segment`. */
export interface SegmentOptions extends CallOptions {
  /**
   * For prompts that follow a pointer: this request replaces earlier `supersede` requests that are not answered
   * yet; those reject with an AbortError. At most one of them is in the worker at a time.
   */
  readonly supersede?: boolean | undefined;
  /**
   * A second look at small things: the surroundings of the best mask are encoded at the model's full size, and the
   * mask is drawn again at the picture's own resolution. It costs one more encoding; further prompts at the same
   * place use the same one. `auto` does it where the object is small enough for it to pay, `always` for every object;
   * `off` is the default. A second mask that seems worse is not taken: see `SegmentResult.closeUps`. Draft encodings
   * are not looked at close up. Like crops, it needs the picture that was given to `setImage`.
   */
  readonly detail?: Detail | undefined;
  /** Called when a step of the encoding begins, if the picture must be encoded first. */
  readonly onProgress?: ((progress: ImageProgress) => void) | undefined;
}

/** Options of `segmentEverything`: the algorithm's own, and those of a call. */
export interface SegmentEverythingOptions extends EverythingOptions, CallOptions {
  /**
   * A second look at small masks, one by one, after all points are decoded: `SegmentOptions.detail`. Each costs an encoding,
   * unless one that was made before shows it. The `crop_box` of a mask that was drawn again is what was looked at; one that would
   * miss a threshold stays as it was. `off` by default.
   */
  readonly detail?: Detail | undefined;
  /** Called after each batch of points, and after each mask that was looked at twice, with the masks kept so far. */
  readonly onProgress?: ((progress: EverythingProgress) => void) | undefined;
}
