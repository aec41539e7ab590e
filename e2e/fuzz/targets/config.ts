/** config.json of SAM 2 and EdgeTAM, up to the graphs; model.json. */
import { readManifest } from "sam2-contract";
import { parseConfig } from "sam2-export";
import { buildImageEncoder, buildMaskDecoder, Checkpoint, type Weight } from "sam2-export/internals";
import { mutatedJson } from "../mutate.ts";
import { configs } from "../seeds.ts";
import { jsonOf, must, type Target } from "../target.ts";

/** Has every tensor, of any shape: graphs are built, and no number is read. */
class AnyCheckpoint extends Checkpoint {
  constructor() {
    super(new Map());
  }

  override has(): boolean {
    return true;
  }

  override buffer(name: string, dims: readonly number[]): Weight {
    return { name, dims, load: () => Promise.reject(new Error("not read while building")) };
  }
}

const config: Target = {
  name: "config.json",
  isJson: true,
  cases: mutatedJson(configs()),
  check(bytes) {
    const parsed = parseConfig(jsonOf(bytes));
    const checkpoint = new AnyCheckpoint();
    for (const build of [buildImageEncoder, buildMaskDecoder]) {
      const graph = build(checkpoint, parsed, { attention: "decomposed", storage: "float", products: "float" });
      for (const { type, outputs } of graph.nodes) {
        for (const { dims } of outputs) {
          const sized = dims.every((dim) => typeof dim === "string" || (Number.isSafeInteger(dim) && dim > 0));
          must(sized, `${type} gives whole sizes, not [${dims}]`);
        }
      }
    }
  },
};

const MANIFEST = {
  contract: 1,
  id: "toy",
  source: "toy",
  imageSize: 64,
  hiddenSize: 32,
  maskSize: 16,
  maskTokens: 4,
  dynamicMultimask: { enabled: true, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  dtype: "fp32",
  attention: "fused",
  parameters: 1000,
  files: {
    encoder: { name: "encoder.onnx", bytes: 1000, sha256: "a".repeat(64), nodes: 10 },
    decoder: { name: "decoder.onnx", bytes: 1000, sha256: "0".repeat(64), nodes: 10 },
  },
  canary: { masks: { values: [0.5, -1], largest: 3 } },
};

const manifest: Target = {
  name: "model.json",
  isJson: true,
  cases: mutatedJson([MANIFEST]),
  check(bytes) {
    const read = readManifest(jsonOf(bytes), "model.json");
    const again = readManifest(JSON.parse(JSON.stringify(read)), "model.json");
    must(JSON.stringify(again) === JSON.stringify(read), "what was read is read back the same");
  },
};

export const CONFIG: readonly Target[] = [config, manifest];
