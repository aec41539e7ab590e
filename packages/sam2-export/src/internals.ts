/**
 * What the exporter is made of, for this repository's benchmarks. No promise is kept about it: any
 * version may change it.
 *
 * @module
 */
export { Graph } from "./graph.ts";
export { serialize } from "./onnx.ts";
