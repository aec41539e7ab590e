/** Full size: every tensor of the published configurations fits a common GPU buffer binding, and larger ones are split into parts. */
import { expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { MAX_TENSOR_BYTES } from "../src/graph.ts";
import { buildImageEncoder } from "../src/image-encoder.ts";
import { buildMaskDecoder } from "../src/mask-decoder.ts";
import { AnyCheckpoint } from "./seeded.ts";

/** Width, heads, blocks, global blocks and windows of facebookresearch/sam2, configs/sam2.1. */
const PUBLISHED = {
  tiny: [96, 1, [1, 2, 7, 2], [5, 7, 9], [8, 4, 14, 7]],
  small: [96, 1, [1, 2, 11, 2], [7, 10, 13], [8, 4, 14, 7]],
  "base-plus": [112, 2, [2, 3, 16, 3], [12, 16, 20], [8, 4, 14, 7]],
  large: [144, 2, [2, 6, 36, 4], [23, 33, 43], [8, 4, 16, 8]],
} as const;

function hieraConfig([width, heads, blocks, global, windows]: (typeof PUBLISHED)[keyof typeof PUBLISHED]): unknown {
  const widths = [1, 2, 4, 8].map((factor) => factor * width);
  return {
    model_type: "sam2",
    vision_config: {
      backbone_channel_list: [...widths].reverse(),
      backbone_config: {
        blocks_per_stage: blocks,
        embed_dim_per_stage: widths,
        num_attention_heads_per_stage: [1, 2, 4, 8].map((factor) => factor * heads),
        window_size_per_stage: windows,
        global_attention_blocks: global,
      },
    },
  };
}

/** `EdgeTamModel` on a trunk of timm, as published and as this project uses it. */
function edgeTamConfig(architecture: string, out_indices: number[], channels: number[]): unknown {
  return {
    model_type: "edgetam",
    vision_config: {
      backbone_channel_list: channels,
      backbone_config: { model_type: "timm_wrapper", architecture, model_args: { features_only: true, out_indices } },
    },
  };
}

const CONFIGS: [string, unknown][] = [
  ...Object.entries(PUBLISHED).map(([name, sizes]): [string, unknown] => [name, hieraConfig(sizes)]),
  ["EdgeTAM", edgeTamConfig("repvit_m1.dist_in1k", [0, 1, 2, 3], [384, 192, 96, 48])],
  ["Lite4", edgeTamConfig("tf_efficientnet_lite4", [1, 2, 3, 4], [448, 160, 56, 32])],
];

const OPTIONS = { attention: "decomposed", storage: "float", products: "float" } as const;

test.each(CONFIGS)("%s", (_, json) => {
  const config = parseConfig(json);
  for (const build of [buildImageEncoder, buildMaskDecoder]) {
    const graph = build(new AnyCheckpoint(), config, OPTIONS);
    for (const { type, outputs } of graph.nodes) {
      // one object, one point
      const sizes = outputs.map(({ dims }) =>
        dims.reduce<number>((size, dim) => size * (typeof dim === "number" ? dim : 1), 4),
      );
      expect(Math.max(...sizes), `${type} [${outputs[0]?.dims}]`).toBeLessThanOrEqual(MAX_TENSOR_BYTES);
    }
  }
});

test.each([
  ["efficientnet_lite3", [384, 136, 48, 32], 3904],
  ["tf_efficientnet_lite4", [448, 160, 56, 32], 3392],
])("%s at %j channels and %i px: no part of its channels is empty", (architecture, channels, imageSize) => {
  const config = parseConfig(edgeTamConfig(architecture, [1, 2, 3, 4], channels), imageSize);
  const { nodes } = buildImageEncoder(new AnyCheckpoint(), config, OPTIONS);
  const groups = nodes.filter(({ type }) => type === "Conv").map(({ attributes }) => attributes.group as number);
  expect(Math.min(...groups)).toBe(1);
});
