/** A model.json as it should be, of a model that is not there. */
import { CONTRACT_VERSION, type ModelManifest } from "../src/index.ts";

/** One of its files. */
export const FILE = { name: "encoder.onnx", bytes: 12, sha256: "a".repeat(64), nodes: 3 };

export const MANIFEST: ModelManifest = {
  contract: CONTRACT_VERSION,
  id: "toy",
  source: "toy",
  imageSize: 128,
  hiddenSize: 32,
  maskSize: 32,
  maskTokens: 4,
  dynamicMultimask: { enabled: true, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  dtype: "fp32",
  attention: "decomposed",
  parameters: 100,
  files: { encoder: FILE, decoder: { ...FILE, name: "decoder.onnx" } },
  canary: { masks: { values: [1, 2], largest: 2 } },
};
