/**
 * Segments images inside the browser: a worker encodes each image once, then answers points, boxes
 * and masks. Nothing leaves the device.
 *
 * ```ts
 * import { segment } from "sam2-web";
 *
 * const result = await segment(file, { point: [500, 375] }); // a Blob, an <img>, a canvas, …
 * const { data, width, height } = result.mask(); // 0 and 1, the best mask
 * ```
 *
 * @module
 */

export { ERROR_NAMES, isSam2Error, Sam2Error, type Sam2ErrorName } from "sam2-contract";
export type {
  CachedModel,
  CallOptions,
  CheckpointSource,
  DeviceChoiceOf,
  DeviceInfoOf,
  DownloadProgress,
  DtypeChoice,
  EmbeddingDtype,
  EmbeddingInfo,
  EmbeddingSource,
  ExportSource,
  ModelSource,
  OpenPhase,
  OpenProgress,
  SaveEmbeddingOptions,
  SegmentEverythingOptions,
  SegmenterImage,
  SegmenterOf,
  SegmenterOptionsOf,
  SegmentOptions,
  SegmentRequestOf,
  SetImageOptions,
} from "sam2-core";
export {
  type BoxXYWH,
  CATALOG,
  type CatalogEntry,
  type CloseUp,
  type Color,
  compressRuns,
  type Detail,
  decodeRle,
  type EncodeTimings,
  type EverythingMask,
  type EverythingOptions,
  type EverythingProgress,
  encodeRle,
  expandRuns,
  type ImageHeader,
  type ImageProgress,
  type LabelMap,
  type LivepeerJson,
  type LivepeerSource,
  livepeerLength,
  type Mask,
  type MaskChoice,
  type ModelProgress,
  type ModelSpec,
  maskArea,
  maskBox,
  maskColor,
  maskIou,
  maskParts,
  maskToPolygons,
  type NumbersLike,
  type OutputMode,
  type Polygon,
  type PolygonOptions,
  type Progress,
  polygonsToPath,
  type Quality,
  type Region,
  type Ring,
  type Rle,
  readEmbeddingInfo,
  readImageHeader,
  resizeLogits,
  resizeMask,
  rleArea,
  type SegmentPrompt,
  stabilityScore,
  type Tensor,
  toLabelMap,
  toLivepeerJSON,
  writeLivepeerJSON,
} from "sam2-core";
export type { ImageSource } from "./image/source.ts";
export {
  type CanvasFormat,
  cutOut,
  type DrawablePicture,
  drawMask,
  drawOverlay,
  exportCanvas,
  maskPixels,
  type Overlay,
  toDataUrl,
} from "./mask/overlay.ts";
export {
  createSegmenter,
  type Segmenter,
  type SegmenterOptions,
  type SegmentRequest,
} from "./page/create-segmenter.ts";
export { type CutoutOptions, type MaskDrawing, SegmentResult } from "./page/result.ts";
export { type SharedSegmenterOptions, type SharedSegmentOptions, segment, sharedSegmenter } from "./page/shared.ts";
export type { DeviceChoice } from "./runtime/device.ts";
export type { Backend, DeviceInfo } from "./runtime/sessions.ts";
