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
export { type Detail, type DetailedPrediction, readDetail, SecondLooks } from "./detail/second-look.ts";
export { segmentImage } from "./everything/crops.ts";
export { type CrossingProgress, type MaskList, MaskReceiver, MaskSender } from "./everything/crossing.ts";
export type { EverythingMask, EverythingProgress } from "./everything/everything.ts";
export { type EverythingOptions, everythingSettings, type OutputMode } from "./everything/options.ts";
export { nonMaximumSuppression } from "./everything/suppression.ts";
export { IMAGE_FORMATS, type ImageHeader, readImageHeader } from "./image/header.ts";
export type { Picture } from "./image/picture.ts";
export { type Axis, normalize, type Pixels, stretch, triangleAxis } from "./image/stretch.ts";
export {
  type BoxXYWH,
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
export { toRegionLimits } from "./mask/regions.ts";
export { compressRuns, decodeRle, encodeRle, expandRuns, type Rle, rleArea } from "./mask/rle.ts";
export { type LoadedModel, type ModelBytes, type ModelForm, type ModelForms, singleForm } from "./model/forms.ts";
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
export { askCanary, type CanaryFault, compareCanary } from "./runtime/canary.ts";
export { detectLayout } from "./runtime/layouts/detect.ts";
export type { GraphInput, Layout } from "./runtime/layouts/layout.ts";
export type { Decoded, DeviceTensor, Embedding, Sessions } from "./runtime/sessions.ts";
