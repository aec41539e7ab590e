/** The segmenter that a page holds. */
import * as Comlink from "comlink";
import {
  openSegmenter,
  type PictureCourier,
  SegmenterOf,
  type SegmenterOptionsOf,
  type SegmenterPlatform,
  type SegmentRequestOf,
  SegmentResult,
} from "sam2-core";
import { type ImageSource, type TransferableImage, toTransferable } from "../image/source.ts";
import type { DeviceInfo } from "../runtime/sessions.ts";
import { startWorker } from "./start-worker.ts";

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
};

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
export async function createSegmenter(options: SegmenterOptions = {}): Promise<Segmenter> {
  const platform: SegmenterPlatform<ImageSource, TransferableImage, SegmentResult> = {
    start: startWorker,
    base: globalThis.document?.baseURI ?? globalThis.location?.href,
    courier,
    result: (parts) => new SegmentResult(parts),
  };
  return new Segmenter(await openSegmenter(platform, options));
}
