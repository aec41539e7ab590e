/**
 * Segments images in Node, as sam2-web does in the browser: a worker thread encodes each image once, then answers
 * points, boxes and masks.
 *
 * ```ts
 * import { createSegmenter } from "sam2-node";
 *
 * const segmenter = await createSegmenter();
 * const result = await segmenter.segment({ image: "truck.jpg", point_coords: [[500, 375]], point_labels: [1] });
 * const { data, width, height } = result.mask(); // 0 and 1, the best mask
 * await segmenter.dispose();
 * ```
 *
 * @module
 */

export { ERROR_NAMES, isSam2Error, Sam2Error, type Sam2ErrorName } from "sam2-contract";
export type { DeviceChoiceOf, DeviceInfoOf, SegmenterOf, SegmenterOptionsOf, SegmentRequestOf } from "sam2-core";
export {
  type BoxXYWH,
  CATALOG,
  type CachedModel,
  type CallOptions,
  type CatalogEntry,
  type CheckpointSource,
  type CloseUp,
  compressRuns,
  type Detail,
  type DownloadProgress,
  type DtypeChoice,
  decodeRle,
  type EmbeddingDtype,
  type EmbeddingInfo,
  type EmbeddingSource,
  type EncodePhase,
  type EncodeTimings,
  type EverythingMask,
  type EverythingOptions,
  type EverythingProgress,
  type ExportSource,
  encodeRle,
  expandRuns,
  type ImageHeader,
  type LabelMap,
  type Mask,
  type ModelSource,
  type ModelSpec,
  maskArea,
  maskBox,
  maskIou,
  maskParts,
  maskToPolygons,
  type NumbersLike,
  type OpenPhase,
  type OpenProgress,
  type OutputMode,
  type Pixels,
  type Polygon,
  type PolygonOptions,
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
  type SaveEmbeddingOptions,
  type SegmentEverythingOptions,
  type SegmenterImage,
  type SegmentOptions,
  type SegmentPrompt,
  SegmentResult,
  type SetImageOptions,
  stabilityScore,
  type Tensor,
  toLabelMap,
} from "sam2-core";
export type { ImageSource } from "./image/source.ts";
export type { DeviceChoice } from "./runtime/device.ts";
export type { Backend, DeviceInfo } from "./runtime/sessions.ts";
export { createSegmenter, type Segmenter, type SegmenterOptions, type SegmentRequest } from "./segmenter.ts";
