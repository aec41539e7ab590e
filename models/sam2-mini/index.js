/**
 * Addresses of the model's files, which bundlers copy along.
 *
 * ```js
 * import { createSegmenter } from "sam2-web";
 * import { sam2Mini } from "sam2-mini";
 *
 * const segmenter = await createSegmenter({ model: sam2Mini });
 * ```
 */
export const sam2Mini = {
  manifest: new URL("./onnx/model.json", import.meta.url).href,
  encoder: new URL("./onnx/encoder.onnx", import.meta.url).href,
  decoder: new URL("./onnx/decoder.onnx", import.meta.url).href,
};
