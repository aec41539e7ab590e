/** The segmenter that a program holds. */
import { pathToFileURL } from "node:url";
import {
  checkOptions,
  OPENING,
  openSegmenter,
  SegmenterOf,
  type SegmenterOptionsOf,
  type SegmenterPlatform,
  type SegmentRequestOf,
  SegmentResult,
} from "sam2-core";
import { type ImageSource, type TransferableImage, toTransferable } from "./image/source.ts";
import { checkCount } from "./runtime/cores.ts";
import type { DeviceInfo } from "./runtime/sessions.ts";
import { startWorker, threadsEnded } from "./threads.ts";

/** Options of `createSegmenter`. */
export interface SegmenterOptions extends SegmenterOptionsOf<DeviceInfo> {}

/** A request: a prompt, and the image it is about. */
export interface SegmentRequest extends SegmentRequestOf<ImageSource> {}

/** Segments images; made by `createSegmenter`. */
export class Segmenter extends SegmenterOf<ImageSource, DeviceInfo, SegmentResult> {
  /**
   * Ends the worker thread and frees all its memory; calls in flight reject with a DisposedError. Resolves when the thread has
   * ended, for which a picture that is being encoded is waited for: the process may then exit.
   */
  override async dispose(): Promise<void> {
    await super.dispose();
    await threadsEnded();
  }
}

const platform: SegmenterPlatform<ImageSource, TransferableImage, SegmentResult> = {
  start: startWorker,
  get base() {
    return pathToFileURL(`${process.cwd()}/`).href;
  },
  courier: {
    prepare: async (source) => toTransferable(source),
    copy: async (image) => image,
    moved: (image) => image,
    discard: () => undefined,
    isFile: (source) => !(typeof source === "object" && "data" in source),
  },
  result: (parts) => new SegmentResult(parts),
};

/**
 * Opens a model in a worker thread of its own. The thread keeps the process alive until `dispose()`.
 *
 * @example
 * ```ts
 * const segmenter = await createSegmenter({ model: "sam2.1-tiny", onProgress: console.log });
 * ```
 *
 * @throws UnknownOptionError, InvalidPromptError, UnknownModelError, InvalidModelError, MissingPackageError, DownloadError, IntegrityError, DeviceError
 */
export async function createSegmenter(options: SegmenterOptions = {}): Promise<Segmenter> {
  checkOptions("createSegmenter", options, OPENING);
  if (options.threads !== undefined) checkCount("threads", options.threads);
  return new Segmenter(await openSegmenter(platform, options));
}
