/** The published configurations at full size: every tensor fits a common GPU buffer binding. */
import { expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { MAX_TENSOR_BYTES } from "../src/hiera.ts";
import { buildImageEncoder } from "../src/image-encoder.ts";
import { buildMaskDecoder } from "../src/mask-decoder.ts";
import { Checkpoint, type Weight } from "../src/weights.ts";

/** Has every tensor, in whatever shape it is asked for; shapes are all that building needs. */
class AnyCheckpoint extends Checkpoint {
  constructor() {
    super(new Map());
  }

  override has(): boolean {
    return true;
  }

  override get(name: string, dims: readonly number[]): Weight {
    return { name, dims, load: () => Promise.reject(new Error("not read while building")) };
  }
}

/** Width, heads, blocks, global blocks and windows of facebookresearch/sam2, configs/sam2.1. */
const PUBLISHED = {
  tiny: [96, 1, [1, 2, 7, 2], [5, 7, 9], [8, 4, 14, 7]],
  small: [96, 1, [1, 2, 11, 2], [7, 10, 13], [8, 4, 14, 7]],
  "base-plus": [112, 2, [2, 3, 16, 3], [12, 16, 20], [8, 4, 14, 7]],
  large: [144, 2, [2, 6, 36, 4], [23, 33, 43], [8, 4, 16, 8]],
} as const;

test.each(Object.entries(PUBLISHED))("%s", (_, [width, heads, blocks, global, windows]) => {
  const widths = [1, 2, 4, 8].map((factor) => factor * width);
  const config = parseConfig({
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
  });
  const options = { attention: "decomposed", storage: "float" } as const;
  for (const build of [buildImageEncoder, buildMaskDecoder]) {
    const graph = build(new AnyCheckpoint(), config, options);
    for (const { type, outputs } of graph.nodes) {
      // one object, one point
      const sizes = outputs.map(({ dims }) =>
        dims.reduce<number>((size, dim) => size * (typeof dim === "number" ? dim : 1), 4),
      );
      expect(Math.max(...sizes), `${type} [${outputs[0]?.dims}]`).toBeLessThanOrEqual(MAX_TENSOR_BYTES);
    }
  }
});
