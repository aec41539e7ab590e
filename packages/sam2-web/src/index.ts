/**
 * Segments images inside the browser: a worker encodes each image once, then answers points, boxes
 * and masks. Nothing leaves the device.
 *
 * ```ts
 * import { createSegmenter } from "sam2-web";
 *
 * const segmenter = await createSegmenter({ model: "sam2-mini" });
 * const image = await segmenter.setImage(file);
 * const result = await segmenter.segment({ image, point_coords: [[500, 375]], point_labels: [1] });
 * const { data, width, height } = result.mask(); // 0 and 1, the best mask
 * ```
 *
 * @module
 */
export type { AutomaticMask, AutomaticOptions, AutomaticProgress, OutputMode } from "./automatic.ts";
export type { CachedFile, DownloadProgress } from "./cache.ts";
export { CATALOGUE, type CatalogueEntry } from "./catalogue.ts";
export {
  type CallOptions,
  createSegmenter,
  type EverythingOptions,
  type Segmenter,
  type SegmenterImage,
  type SegmenterOptions,
  type SegmentOptions,
  type SegmentRequest,
  type SetImageOptions,
} from "./client.ts";
export type { DeviceChoice } from "./device.ts";
export { ERROR_NAMES, isSam2Error, Sam2Error, type Sam2ErrorName } from "./errors.ts";
export type { ImageSource } from "./image.ts";
export { type LivepeerJson, toLivepeerJSON } from "./livepeer.ts";
export type { CheckpointAddress, ModelAddresses, ModelFiles, ModelSource } from "./load.ts";
export { type BoxXYWH, type Mask, maskArea, maskBox, resizeLogits, resizeMask, stabilityScore } from "./mask.ts";
export type { ModelSpec } from "./model.ts";
export {
  type CanvasFormat,
  type Colour,
  cutOut,
  type DrawablePicture,
  drawMask,
  drawOverlay,
  exportCanvas,
  type LabelMap,
  maskColour,
  type Overlay,
  toDataUrl,
  toLabelMap,
} from "./overlay.ts";
export { maskToPolygons, type Polygon, type PolygonOptions, polygonsToPath, type Ring } from "./polygon.ts";
export type { EncodePhase, EncodeTimings } from "./predictor.ts";
export type { NumbersLike, SegmentPrompt, Tensor } from "./prompt.ts";
export { type Quality, SegmentResult } from "./result.ts";
export { compressRuns, decodeRle, encodeRle, expandRuns, type Rle, rleArea } from "./rle.ts";
export type { Backend, DeviceInfo } from "./session.ts";
export type { OpenProgress } from "./worker.ts";
