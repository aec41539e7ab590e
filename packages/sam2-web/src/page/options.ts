/** What the segmenter's calls take beside an image and a prompt. */
import type { EverythingProgress } from "../everything/everything.ts";
import type { EverythingOptions } from "../everything/options.ts";
import type { ModelSource } from "../model/source.ts";
import type { OpenProgress } from "../predictor/open.ts";
import type { EncodePhase } from "../predictor/predictor.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { Quality } from "./result.ts";

/** Options of `createSegmenter`. */
export interface SegmenterOptions {
  /** A name from the catalog, the address of a model.json, an export or a checkpoint; `sam2-mini` by default. */
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
  /**
   * Whether a checkpoint is taken whose files have changed at their address since they were first
   * downloaded; `false` by default, and an IntegrityError says so.
   */
  readonly acceptChanges?: boolean | undefined;
  /** Bytes that the embeddings of images may take together; 256 MB by default. */
  readonly embeddingBudget?: number | undefined;
  /**
   * Pixels that an image may have; 100 million by default. They are counted before it is decoded, which takes four bytes
   * a pixel, and twice that for a moment.
   */
  readonly maxPixels?: number | undefined;
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

/** Options of `segmentEverything`: the algorithm's own, and those of a call. */
export interface SegmentEverythingOptions extends EverythingOptions, CallOptions {
  /** Told after each batch of points, with the masks that are left so far. */
  readonly onProgress?: ((progress: EverythingProgress) => void) | undefined;
}
