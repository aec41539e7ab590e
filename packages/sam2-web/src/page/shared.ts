/** Segmenting without a segmenter of one's own: one call, over a segmenter that all such calls share. */
import { isSam2Error } from "sam2-contract";
import {
  abortable,
  CALL,
  type CallOptions,
  checkOptions,
  type OptionNames,
  type Progress,
  SEGMENTING,
  type SegmenterImage,
  type SegmentOptions,
  type SegmentPrompt,
} from "sam2-core";
import type { ImageSource } from "../image/source.ts";
import { createSegmenter, type Segmenter } from "./create-segmenter.ts";
import type { SegmentResult } from "./result.ts";

/** Options of `sharedSegmenter`. */
export interface SharedSegmenterOptions extends CallOptions {
  /** A name from the catalog, or the address of a model.json; `sam2-mini` by default. */
  readonly model?: string | undefined;
  /** Called for every step of opening the model, whichever call has begun it. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of `segment`; `onProgress` is called for the steps of opening the model too. */
export interface SharedSegmentOptions extends Omit<SegmentOptions, "onProgress">, SharedSegmenterOptions {}

const OPENING: OptionNames<SharedSegmenterOptions> = { ...CALL, model: true, onProgress: true };
const ASKING: OptionNames<SharedSegmentOptions> = { ...SEGMENTING, ...OPENING };

/** A segmenter that is shared, and who is told how far its opening is. */
interface Shared {
  readonly segmenter: Promise<Segmenter>;
  readonly listeners: Set<(progress: Progress) => void>;
}

/** By model. */
const shared = new Map<string, Shared>();

function open(model: string): Shared {
  const listeners: Shared["listeners"] = new Set();
  const onProgress = (progress: Progress): void => {
    for (const listen of listeners) listen(progress);
  };
  const opened: Shared = { segmenter: createSegmenter({ model, onProgress }), listeners };
  shared.set(model, opened);
  opened.segmenter.catch(() => forget(model, opened));
  return opened;
}

/** The next call opens another, unless one has already. */
function forget(model: string, known: Shared): void {
  if (shared.get(model) === known) shared.delete(model);
}

/**
 * The segmenter that `segment` uses: one for each model, opened by the first call. Call it early to have the model
 * open when it is needed. After `dispose()`, the next call opens another.
 *
 * @throws what `createSegmenter` throws; the next call tries again
 *
 * @example
 * ```ts
 * const segmenter = await sharedSegmenter();
 * console.info(segmenter.device.reason, segmenter.device.hint);
 * ```
 */
export async function sharedSegmenter(options: SharedSegmenterOptions = {}): Promise<Segmenter> {
  checkOptions("sharedSegmenter", options, OPENING);
  const { model = "sam2-mini", signal, onProgress } = options;
  signal?.throwIfAborted();
  const known = shared.get(model) ?? open(model);
  // a function of this call's own: two calls may pass the same one
  const listen = (progress: Progress): void => onProgress?.(progress);
  known.listeners.add(listen);
  const segmenter = await abortable(known.segmenter, signal).finally(() => known.listeners.delete(listen));
  if (!segmenter.isDisposed) return segmenter;
  forget(model, known);
  return sharedSegmenter(options);
}

/**
 * Segments a picture with one call. The model is opened by the first call, and a picture is encoded by the first call
 * with it: later prompts are answered in milliseconds. A picture given as an address is fetched and encoded each time.
 *
 * @param image a Blob, an `<img>`, a canvas, …; an `<img>` whose `src` has changed is encoded anew, but of a canvas that
 *   was drawn on since this cannot be known: give `await createImageBitmap(canvas)`
 * @throws what `createSegmenter` and `Segmenter.segment` throw
 *
 * @example
 * ```ts
 * const result = await segment(file, { point: [500, 375] }); // or { box: [x1, y1, x2, y2] }
 * const png = await result.cutout();
 * ```
 */
export async function segment(
  image: ImageSource | SegmenterImage,
  prompt: SegmentPrompt,
  options: SharedSegmentOptions = {},
): Promise<SegmentResult> {
  checkOptions("segment", options, ASKING);
  const { model, ...asking } = options;
  const { signal, onProgress } = options;
  const segmenter = await sharedSegmenter({ model, signal, onProgress });
  try {
    return await segmenter.segment({ ...prompt, image }, asking);
  } catch (error) {
    // its worker has ended, or its device has failed: the next call opens another
    if (isSam2Error(error, "DeviceError")) await segmenter.dispose();
    throw error;
  }
}
