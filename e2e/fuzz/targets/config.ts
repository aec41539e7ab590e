/** config.json of SAM 2 and EdgeTAM, up to the graphs; model.json. */
import { readManifest } from "sam2-contract";
import { parseConfig } from "sam2-export";
import { buildImageEncoder, buildMaskDecoder, Checkpoint, type Weight } from "sam2-export/internals";
import { MANIFEST } from "../../../packages/sam2-contract/test/sample-manifest.ts";
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
