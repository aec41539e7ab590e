/**
 * What the exporter is made of, for this repository's benchmarks and fuzzing. No promise is kept about it: any
 * version may change it.
 *
 * @module
 */
export { Graph } from "./graph.ts";
export { buildImageEncoder } from "./image-encoder.ts";
export { buildMaskDecoder } from "./mask-decoder.ts";
export { serialize } from "./onnx.ts";
export { readFloats } from "./safetensors.ts";
export { Checkpoint, type Weight } from "./weights.ts";
