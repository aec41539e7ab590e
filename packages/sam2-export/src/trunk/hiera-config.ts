/** Reads the Hiera trunk's part of config.json. */
import { invalid, type Section } from "../section.ts";

/** The Hiera trunk; lists hold one entry a stage. */
export interface HieraConfig {
  readonly kind: "hiera";
  readonly patchKernel: number;
  readonly patchStride: number;
  readonly patchPadding: number;
  readonly blocksPerStage: readonly number[];
  /** Channels of the stages, which are the pyramid's levels from stride 4 to stride 32. */
  readonly widths: readonly number[];
  readonly heads: readonly number[];
  readonly windows: readonly number[];
  /** Side of the background position embedding, before it is stretched over the image. */
  readonly backgroundSize: readonly [number, number];
  /** Indices of the blocks that attend over the whole image, counted over all stages. */
  readonly globalBlocks: readonly number[];
  readonly mlpRatio: number;
  readonly layerNormEps: number;
}

/** Channels of the hidden layer of a block's MLP. */
export function hiddenWidth({ mlpRatio }: Pick<HieraConfig, "mlpRatio">, channels: number): number {
  return Math.trunc(channels * mlpRatio);
}

/** The most channels of a stage. */
export const MAX_CHANNELS = 16_384;
const MAX_BLOCKS = 256;
const MAX_WINDOW = 1024;

/**
 * Reads `vision_config.backbone_config` of a SAM 2 checkpoint, for an image of `imageSize`.
 *
 * @throws InvalidConfigError
 */
export function readHiera(section: Section, imageSize: number): HieraConfig {
  section.only("hidden_act", "gelu");
  section.only("num_channels", 3);
  const query = {
    stride: section.square("query_stride", 2, 64),
    stages: section.natural("num_query_pool_stages", 3, 64),
  };
  const [rows = 7, columns = rows] = section.naturals(
    "window_positional_embedding_background_size",
    [7, 7],
    1,
    MAX_WINDOW,
  );
  const config: HieraConfig = {
    kind: "hiera",
    patchKernel: section.square("patch_kernel_size", 7, 64),
    patchStride: section.square("patch_stride", 4, 64),
    patchPadding: section.square("patch_padding", 3, 64),
    blocksPerStage: section.naturals("blocks_per_stage", [1, 2, 7, 2], 1, MAX_BLOCKS),
    widths: section.naturals("embed_dim_per_stage", [96, 192, 384, 768], 1, MAX_CHANNELS),
    heads: section.naturals("num_attention_heads_per_stage", [1, 2, 4, 8], 1, 256),
    windows: section.naturals("window_size_per_stage", [8, 4, 14, 7], 1, MAX_WINDOW),
    backgroundSize: [rows, columns],
    globalBlocks: section.naturals("global_attention_blocks", [5, 7, 9], 0, 4 * MAX_BLOCKS),
    mlpRatio: section.positive("mlp_ratio", 4, 64),
    layerNormEps: section.positive("layer_norm_eps", 1e-6, 1),
  };

  const stages = {
    blocks_per_stage: config.blocksPerStage,
    embed_dim_per_stage: config.widths,
    num_attention_heads_per_stage: config.heads,
    window_size_per_stage: config.windows,
  };
  for (const [field, list] of Object.entries(stages)) {
    if (list.length !== 4) throw invalid(`${section.path}.${field}`, "four stages", list);
  }
  const fixed = {
    patch_stride: [config.patchStride, 4],
    query_stride: [query.stride, 2],
    num_query_pool_stages: [query.stages, 3],
  } as const;
  for (const [field, [came, expected]] of Object.entries(fixed)) {
    if (came !== expected) throw invalid(`${section.path}.${field}`, `${expected}`, came);
  }
  for (const [stage, width] of config.widths.entries()) {
    const heads = config.heads[stage] as number;
    if (width % heads !== 0) {
      throw invalid(`${section.path}.embed_dim_per_stage`, `a multiple of ${heads} heads`, width);
    }
    // the shortcut around a pooling attention is only pooled together with a change of width
    if (width === config.widths[stage - 1]) {
      throw invalid(`${section.path}.embed_dim_per_stage`, "another width after each pooling", config.widths);
    }
    if (stage < 3 && (config.windows[stage] as number) % 2 !== 0) {
      throw invalid(`${section.path}.window_size_per_stage`, "even windows before a stage that pools", config.windows);
    }
  }
  const narrowest = Math.min(...config.widths);
  if (hiddenWidth(config, narrowest) < 1) {
    throw invalid(`${section.path}.mlp_ratio`, `a hidden layer for ${narrowest} channels`, config.mlpRatio);
  }
  const first = config.windows[0] as number;
  if ((imageSize / 4) % first !== 0) {
    throw invalid("image size", `a quarter of it to be a multiple of the first window, ${first}`, imageSize);
  }
  return config;
}
