/** How far a call is. All calls tell it in one shape. */
import type { EverythingProgress as Batch, EverythingMask } from "../everything/everything.ts";
import type { EncodePhase } from "../predictor/predictor.ts";
import type { OpenPhase, OpenProgress } from "../worker/open.ts";
import type { Quality } from "./result.ts";

/**
 * How far a call is, for a progress bar: `done / total`. What a listener throws rejects its call; what it returns is dropped.
 *
 * ```ts
 * const image = await segmenter.setImage(file, {
 *   onProgress: ({ phase, done, total }) => {
 *     bar.title = phase;
 *     bar.value = total === null ? 0 : done / total;
 *   },
 * });
 * ```
 */
export interface Progress {
  /**
   * The step: opening a model is `download`, `compile` and, on a GPU, `check`; an image is `decode`, `preprocess` and
   * `encode`; everything mode is `everything`.
   */
  readonly phase: "download" | OpenPhase | EncodePhase | "everything";
  /** What is done of it: bytes of a download, points of everything mode; 0 for steps that cannot tell. */
  readonly done: number;
  /** What `done` will be in the end; null where that is not known. */
  readonly total: number | null;
}

/** Progress of opening a model. */
export interface ModelProgress extends Progress {
  /** The step. */
  readonly phase: "download" | OpenPhase;
  /** Address of the file that is downloaded. */
  readonly url?: string;
}

/** Progress of encoding an image. */
export interface ImageProgress extends Progress {
  /** The step. */
  readonly phase: EncodePhase;
  /** Which encoding it is; see `SegmenterOptionsOf.draft`. */
  readonly quality: Quality;
}

/** Progress of everything mode. */
export interface EverythingProgress extends Progress {
  /** The only step. */
  readonly phase: "everything";
  /** Points of the grid, of all crops. */
  readonly total: number;
  /** The masks kept so far. */
  readonly masks: readonly EverythingMask[];
}

export function modelProgress(progress: OpenProgress): ModelProgress {
  if (progress.phase !== "download") return { phase: progress.phase, done: 0, total: null };
  const { url, loaded, total } = progress;
  return { phase: "download", done: loaded, total, url };
}

export function imageProgress(phase: EncodePhase, quality: Quality): ImageProgress {
  return { phase, done: 0, total: null, quality };
}

export function everythingProgress({ done, total, masks }: Batch): EverythingProgress {
  return { phase: "everything", done, total, masks };
}
