/**
 * What the exporter writes and the runtime reads: model.json and its checks, the names and shapes of
 * the tensors, the canary (a check that a device computes correctly), and the errors of all packages.
 *
 * Nothing here depends on a browser, on Node or on another package.
 *
 * @module
 */
export { type CanaryAnswer, type CanarySample, canaryQuestion, sampleCanary } from "./canary.ts";
export { ERROR_NAMES, isSam2Error, Sam2Error, type Sam2ErrorName } from "./errors.ts";
export { type GuideSection, seeGuide } from "./guide.ts";
export {
  ATTENTION_FORMS,
  type AttentionForm,
  CONTRACT_VERSION,
  DTYPES,
  type Dtype,
  type DynamicMultimask,
  EXPORTER_VERSION,
  FILE_NAMES,
  IMAGE_MEAN,
  IMAGE_STD,
  type ModelFile,
  type ModelManifest,
  readManifest,
} from "./manifest.ts";
export { shown } from "./shown.ts";
export { DECODER_INPUTS, DECODER_OUTPUTS, ENCODER_INPUTS, ENCODER_OUTPUTS, type TensorShape } from "./tensors.ts";
