/** The trunk: from the image to a pyramid of features at strides 4, 8, 16 and 32. */
import type { Graph, Value } from "../graph.ts";
import type { Checkpoint } from "../weights.ts";
import { buildEfficientNetLite, type EfficientNetLiteConfig } from "./efficientnet-lite.ts";
import { buildHiera } from "./hiera.ts";
import type { HieraConfig } from "./hiera-config.ts";
import type { Level } from "./level.ts";
import { buildRepVit, type RepVitConfig } from "./repvit.ts";

/** Any trunk; `widths` are the channels of the pyramid from stride 4 to stride 32. */
export type TrunkConfig = HieraConfig | RepVitConfig | EfficientNetLiteConfig;

const PREFIX = "vision_encoder.backbone";

/** Builds the trunk over `image` [1,3,S,S]: its levels from stride 4 to stride 32. */
export function buildTrunk(graph: Graph, checkpoint: Checkpoint, config: TrunkConfig, image: Value): Level[] {
  switch (config.kind) {
    case "hiera":
      return buildHiera(graph, checkpoint, config, image, PREFIX);
    case "repvit":
      return buildRepVit(graph, checkpoint, config, image, `${PREFIX}.timm_model`);
    case "efficientnet-lite":
      return buildEfficientNetLite(graph, checkpoint, config, image, `${PREFIX}.timm_model`);
  }
}
