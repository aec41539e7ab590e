/** The segmenter that a page holds. */
import * as Comlink from "comlink";
import {
  checkOptions,
  type ModelSource,
  OPENING,
  openSegmenter,
  type PictureCourier,
  SegmenterOf,
  type SegmenterOptionsOf,
  type SegmenterPlatform,
  type SegmentRequestOf,
} from "sam2-core";
import { type ImageSource, type TransferableImage, toTransferable } from "../image/source.ts";
import type { DeviceInfo } from "../runtime/sessions.ts";
import { BUILT_IN, builtInModel } from "./built-in.ts";
import { SegmentResult } from "./result.ts";
import { startWorker } from "./start-worker.ts";
import { checkBrowser } from "./support.ts";

/** Options of `createSegmenter`. */
export interface SegmenterOptions extends SegmenterOptionsOf<DeviceInfo> {}

/** A request: a prompt, and the image it is about. */
export interface SegmentRequest extends SegmentRequestOf<ImageSource> {}

/** Segments images; made by `createSegmenter`. */
export class Segmenter extends SegmenterOf<ImageSource, DeviceInfo, SegmentResult> {}

const courier: PictureCourier<ImageSource, TransferableImage> = {
  prepare: toTransferable,
  copy: async (image) => (image instanceof ImageBitmap ? createImageBitmap(image) : image),
  moved: (image) => (image instanceof ImageBitmap ? Comlink.transfer(image, [image]) : image),
  discard: (image) => {
    if (image instanceof ImageBitmap) image.close();
  },
  isFile: (source) => source instanceof Blob || source instanceof URL || typeof source === "string",
  shown: (source) => {
    if (typeof HTMLImageElement === "undefined" || !(source instanceof HTMLImageElement)) return undefined;
    // `currentSrc` changes a while after `src`: it is asked only where the browser chooses among several
    const isChoice = source.srcset !== "" || source.parentElement?.localName === "picture";
    return isChoice ? source.currentSrc : source.src;
  },
};

/** A model as a worker takes it: with the addresses of its files, which only the page knows of the built-in one. */
async function located(model: ModelSource): Promise<ModelSource> {
  return model === BUILT_IN ? builtInModel() : model;
}

/**
 * Opens a model in a worker of its own.
 *
 * @example
 * ```ts
 * const segmenter = await createSegmenter({ model: "sam2.1-tiny", onProgress: console.log });
 * ```
 *
 * @throws UnsupportedBrowserError, UnknownOptionError, InvalidPromptError, MissingPackageError, WorkerStartError, RuntimeStartError,
 *   UnknownModelError, InvalidModelError, DownloadError, IntegrityError, DeviceError
 */
export async function createSegmenter(options: SegmenterOptions = {}): Promise<Segmenter> {
  checkBrowser();
  checkOptions("createSegmenter", options, OPENING);
  const platform: SegmenterPlatform<ImageSource, TransferableImage, SegmentResult> = {
    start: startWorker,
    base: globalThis.document?.baseURI ?? globalThis.location?.href,
    courier,
    result: (parts, picture) => new SegmentResult(parts, picture),
  };
  const { draft = false } = options;
  const model = await located(options.model ?? BUILT_IN);
  const foundDraft = typeof draft === "boolean" ? draft : await located(draft);
  return new Segmenter(await openSegmenter(platform, { ...options, model, draft: foundDraft }));
}
