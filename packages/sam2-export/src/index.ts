/**
 * Any SAM 2 checkpoint to ONNX, in TypeScript.
 *
 * ```ts
 * import { byteSource, exportToMemory } from "sam2-export";
 *
 * const config = await (await fetch("/sam2.1-hiera-tiny/config.json")).json();
 * const weights = await (await fetch("/sam2.1-hiera-tiny/model.safetensors")).blob();
 * const { manifest, files } = await exportToMemory(
 *   { config, weights: [byteSource(weights)] },
 *   { id: "sam2.1-tiny" },
 * );
 * files.get("encoder.onnx"); // a Blob for onnxruntime
 * ```
 *
 * @module
 */
export type { AttentionForm, Dtype, ModelFile, ModelManifest } from "sam2-contract";
export { isSam2Error, Sam2Error, type Sam2ErrorName } from "sam2-contract";
export { type ModelType, parseConfig, type Sam2Config } from "./config.ts";
export {
  type CheckpointFiles,
  type ExportOptions,
  exportModel,
  exportToMemory,
  type FileWriter,
  gainsByInt8,
} from "./convert.ts";
export { type ByteSource, byteSource, readSafetensors, type TensorEntry } from "./safetensors.ts";
export type { EfficientNetLiteConfig } from "./trunk/efficientnet-lite.ts";
export type { HieraConfig } from "./trunk/hiera-config.ts";
export type { RepVitConfig } from "./trunk/repvit.ts";
export type { TrunkConfig } from "./trunk/trunk.ts";
