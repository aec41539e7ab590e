/** Reads which of timm's trunks an EdgeTAM checkpoint uses (its `timm_wrapper` section). */
import { invalid, type Section } from "../section.ts";
import { type EfficientNetLiteConfig, efficientNetLite } from "./efficientnet-lite.ts";
import { REPVIT_M1, type RepVitConfig } from "./repvit.ts";

interface Architecture {
  readonly trunk: RepVitConfig | EfficientNetLiteConfig;
  /** Indices of the levels at strides 4 to 32, as timm counts this trunk's levels. */
  readonly pyramid: readonly number[];
  /** The levels that timm returns by default. */
  readonly levels: readonly number[];
}

const ARCHITECTURES = new Map<string, Architecture>([
  ["repvit_m1", { trunk: REPVIT_M1, pyramid: [0, 1, 2, 3], levels: [0, 1, 2, 3] }],
  ...[0, 1, 2, 3, 4].flatMap((size) =>
    (["timm", "tensorflow"] as const).map((origin): [string, Architecture] => [
      `${origin === "tensorflow" ? "tf_" : ""}efficientnet_lite${size}`,
      { trunk: efficientNetLite(size, origin), pyramid: [1, 2, 3, 4], levels: [0, 1, 2, 3, 4] },
    ]),
  ),
]);

/**
 * Reads `vision_config.backbone_config` of an EdgeTAM checkpoint.
 *
 * @throws InvalidConfigError for an unknown trunk, or for arguments that would change the network
 */
export function readTimmTrunk(section: Section): Architecture["trunk"] {
  section.only("model_type", "timm_wrapper");
  // a name may carry the tag of its weights, as in "repvit_m1.dist_in1k"
  const name = section
    .text("architecture")
    .replace(/^timm\//, "")
    .replace(/\..*$/, "");
  const architecture = ARCHITECTURES.get(name);
  if (!architecture)
    throw invalid(`${section.path}.architecture`, `one of ${[...ARCHITECTURES.keys()].join(", ")}`, name);
  const args = section.section("model_args");
  args.noOthers(["in_chans", "features_only", "out_indices"]);
  args.only("in_chans", 3);
  args.only("features_only", true, false);
  const indices = args.naturals("out_indices", architecture.levels, 0, 16);
  if (indices.join() !== architecture.pyramid.join()) {
    throw invalid(
      `${args.path}.out_indices`,
      `[${architecture.pyramid}], the levels at strides 4, 8, 16 and 32`,
      indices,
    );
  }
  return architecture.trunk;
}
