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
export { ERROR_NAMES, isSam2Error, Sam2Error, type Sam2ErrorName } from "sam2-contract";
export {
  type BoxXYWH,
  type CloseUp,
  compressRuns,
  type Detail,
  decodeRle,
  type EncodePhase,
  type EncodeTimings,
  type EverythingMask,
  type EverythingOptions,
  type EverythingProgress,
  encodeRle,
  expandRuns,
  type ImageHeader,
  type Mask,
  type ModelSpec,
  maskArea,
  maskBox,
  maskIou,
  maskToPolygons,
  type NumbersLike,
  type OutputMode,
  type Polygon,
  type PolygonOptions,
  polygonsToPath,
  type Region,
  type Ring,
  type Rle,
  readImageHeader,
  resizeLogits,
  resizeMask,
  rleArea,
  type SegmentPrompt,
  stabilityScore,
  type Tensor,
} from "sam2-core";
export type { ImageSource } from "./image/source.ts";
export {
  type CanvasFormat,
  type Color,
  cutOut,
  type DrawablePicture,
  drawMask,
  drawOverlay,
  exportCanvas,
  type LabelMap,
  maskColor,
  type Overlay,
  toDataUrl,
  toLabelMap,
} from "./mask/overlay.ts";
export { CATALOG, type CatalogEntry } from "./model/catalog.ts";
export type { CheckpointSource, ExportSource, ModelSource } from "./model/source.ts";
export type { SegmenterImage } from "./page/images.ts";
export {
  type LivepeerJson,
  type LivepeerSource,
  livepeerLength,
  toLivepeerJSON,
  writeLivepeerJSON,
} from "./page/livepeer.ts";
export type {
  CallOptions,
  SegmentEverythingOptions,
  SegmenterOptions,
  SegmentOptions,
  SetImageOptions,
} from "./page/options.ts";
export { type Quality, SegmentResult } from "./page/result.ts";
export { createSegmenter, type Segmenter, type SegmentRequest } from "./page/segmenter.ts";
export type { OpenProgress } from "./predictor/open.ts";
export type { DeviceChoice } from "./runtime/device.ts";
export type { Backend, DeviceInfo } from "./runtime/sessions.ts";
export type { CachedModel } from "./storage/cache.ts";
export type { DownloadProgress } from "./storage/download.ts";
