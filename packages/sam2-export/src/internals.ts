/**
 * Parts of the exporter, for this repository's benchmarks and fuzzing. Not a public API: any version may change it.
 *
 * @module
 */
export { Graph } from "./graph.ts";
export { buildImageEncoder } from "./image-encoder.ts";
export { buildMaskDecoder } from "./mask-decoder.ts";
export { serialize } from "./onnx.ts";
export { readFloats } from "./safetensors.ts";
export { Checkpoint, type Weight } from "./weights.ts";
