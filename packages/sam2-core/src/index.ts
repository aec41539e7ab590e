/**
 * What sam2-web and sam2-node share: prompts, masks, the predictor and everything mode, and what these need to know
 * of a model. What differs is how a platform runs a graph (`Sessions`) and how pictures come in (`Picture`).
 *
 * Applications import sam2-web or sam2-node. Those publish again what applications need of this package; its other
 * names may change in any version.
 *
 * @module
 */
export { type CloseUp, closeUpMask, pasteCloseUp } from "./detail/carry.ts";
export type { Region } from "./detail/region.ts";
export { DETAILS, type Detail, type DetailedPrediction, readDetail, SecondLooks } from "./detail/second-look.ts";
export {
  EMBEDDING_DTYPES,
  type EmbeddingDtype,
  type EmbeddingInfo,
  type EmbeddingTensors,
  readEmbedding,
  readEmbeddingInfo,
  type StoredEmbedding,
  writeEmbedding,
} from "./embedding/codec.ts";
export type { EmbeddingSource } from "./embedding/source.ts";
export { segmentImage } from "./everything/crops.ts";
export { type CrossingProgress, type MaskList, MaskReceiver, MaskSender } from "./everything/crossing.ts";
export type { EverythingMask } from "./everything/everything.ts";
export { type EverythingOptions, everythingSettings, type OutputMode } from "./everything/options.ts";
export { nonMaximumSuppression } from "./everything/suppression.ts";
export { fetchPicture } from "./image/fetched.ts";
export { IMAGE_FORMATS, type ImageHeader, readImageHeader } from "./image/header.ts";
export { checkSize, MAX_PIXELS } from "./image/limits.ts";
export type { Picture } from "./image/picture.ts";
export { noPicture } from "./image/refusal.ts";
export { type Axis, normalize, type Pixels, stretch, triangleAxis } from "./image/stretch.ts";
export { type LabelMap, toLabelMap } from "./mask/label-map.ts";
export {
  type BoxXYWH,
  checkSameSize,
  clampLogits,
  type Mask,
  maskArea,
  maskBox,
  maskIou,
  resizeLogits,
  resizeMask,
  stabilityScore,
} from "./mask/mask.ts";
export { maskToPolygons, type Polygon, type PolygonOptions, polygonsToPath, type Ring } from "./mask/polygon.ts";
export { maskParts, toRegionLimits } from "./mask/regions.ts";
export { compressRuns, decodeRle, encodeRle, expandRuns, type Rle, rleArea } from "./mask/rle.ts";
export { type Color, maskColor, tintMask } from "./mask/tint.ts";
export { CATALOG, type CatalogEntry } from "./model/catalog.ts";
export {
  DECODER_ALONE,
  type DtypeChoice,
  decoderOf,
  type Int8Choice,
  type LoadedModel,
  type ModelBytes,
  type ModelForm,
  type ModelForms,
  singleForm,
} from "./model/forms.ts";
export { type LoadOptions, loadModel } from "./model/load.ts";
export type { CheckpointSource, ExportSource, ModelSource } from "./model/source.ts";
export { type ModelSpec, publishedSpec } from "./model/spec.ts";
export {
  type EncodedImage,
  type EncodePhase,
  type EncodeTimings,
  type KeepOptions,
  type Prediction,
  Predictor,
  type PredictorLimits,
} from "./predictor/predictor.ts";
export {
  type ModelPrompt,
  type NumbersLike,
  type PromptSpace,
  type SegmentPrompt,
  type Tensor,
  toModelPrompt,
} from "./prompt/prompt.ts";
export { type CanaryFault, checkCanary, REMEMBERED, rightAnswer } from "./runtime/canary.ts";
export { checkCount } from "./runtime/count.ts";
export { cpuForm, isForCpus } from "./runtime/cpu-form.ts";
export { type Graph, type GraphPair, GraphSessions, type GraphTensor, reasonOf } from "./runtime/graph-sessions.ts";
export type { GraphInput } from "./runtime/layouts/layout.ts";
export type { Decoded, DeviceInfoOf, DeviceTensor, Embedding, Sessions } from "./runtime/sessions.ts";
export { abortable, type StartedWorker } from "./segmenter/connection.ts";
export type { PictureCourier, SegmenterImage } from "./segmenter/images.ts";
export {
  type LivepeerJson,
  type LivepeerSource,
  livepeerLength,
  toLivepeerJSON,
  writeLivepeerJSON,
} from "./segmenter/livepeer.ts";
export { CALL, checkOptions, OPENING, type OptionNames, SEGMENTING } from "./segmenter/option-names.ts";
export type {
  CallOptions,
  SaveEmbeddingOptions,
  SegmentEverythingOptions,
  SegmenterOptionsOf,
  SegmentOptions,
  SetImageOptions,
} from "./segmenter/options.ts";
export type { EverythingProgress, ImageProgress, ModelProgress, Progress } from "./segmenter/progress.ts";
export { type MaskChoice, type Quality, type ResultParts, SegmentResult } from "./segmenter/result.ts";
export {
  openSegmenter,
  SegmenterOf,
  type SegmenterParts,
  type SegmenterPlatform,
  type SegmentRequestOf,
} from "./segmenter/segmenter.ts";
export { type CachedModel, ModelCache } from "./storage/cache.ts";
export { digest } from "./storage/digest.ts";
export type { DownloadProgress } from "./storage/download.ts";
export { fetchFault } from "./storage/fault.ts";
export type { Store, StoredFile } from "./storage/store.ts";
export { ModelWorker } from "./worker/model-worker.ts";
export type {
  DeviceChoiceOf,
  DeviceOptions,
  DeviceSessions,
  Opened,
  OpenedSessions,
  OpenPhase,
  OpenProgress,
  WorkerPlatform,
} from "./worker/open.ts";
