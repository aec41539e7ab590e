/**
 * Reads a checkpoint's config.json (Hugging Face `Sam2Config`, `Sam2VideoConfig`). Fields that the
 * file leaves out take the defaults of `transformers`, which writes only what differs from them.
 */
import { ExportError } from "./errors.ts";

/** The Hiera backbone; lists hold one entry a stage. */
export interface HieraConfig {
  readonly patchKernel: number;
  readonly patchStride: number;
  readonly patchPadding: number;
  readonly queryStride: number;
  readonly queryPoolStages: number;
  readonly blocksPerStage: readonly number[];
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

/** Everything that the graphs depend on. Sizes are pixels of the square model input, or channels. */
export interface Sam2Config {
  readonly modelType: "sam2" | "sam2_video";
  readonly imageSize: number;
  readonly hiera: HieraConfig;
  readonly fpnTopDownLevels: readonly number[];
  /** Channels of the image embedding and of the prompt tokens. */
  readonly hiddenSize: number;
  readonly maskInputChannels: number;
  readonly promptLayerNormEps: number;
  readonly decoderLayers: number;
  readonly decoderHeads: number;
  readonly decoderMlpDim: number;
  readonly attentionDownsampleRate: number;
  readonly multimaskOutputs: number;
  readonly iouHeadDepth: number;
  readonly iouHeadHiddenDim: number;
  /** Single-mask output falls back to the best of several when its stability is under the threshold. */
  readonly dynamicMultimask: {
    readonly enabled: boolean;
    readonly stabilityDelta: number;
    readonly stabilityThreshold: number;
  };
}

/** The patch grid is a quarter of the image, and the last stage is an eighth of that. */
export const IMAGE_SIZE_MULTIPLE = 32;

/** One JSON object of the file, with the path to it for messages. */
class Section {
  readonly #fields: Record<string, unknown>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (value === undefined || value === null) {
      this.#fields = {};
    } else if (typeof value === "object" && !Array.isArray(value)) {
      this.#fields = value as Record<string, unknown>;
    } else {
      throw invalid(path, "an object", value);
    }
    this.#path = path;
  }

  section(key: string): Section {
    return new Section(this.#fields[key], `${this.#path}.${key}`);
  }

  #read<T>(key: string, fallback: T, expected: string, is: (value: unknown) => boolean): T {
    const value = this.#fields[key];
    if (value === undefined || value === null) return fallback;
    if (!is(value)) throw invalid(`${this.#path}.${key}`, expected, value);
    return value as T;
  }

  natural(key: string, fallback: number): number {
    return this.#read(
      key,
      fallback,
      "a whole number over 0",
      (value) => Number.isSafeInteger(value) && (value as number) > 0,
    );
  }

  positive(key: string, fallback: number): number {
    return this.#read(key, fallback, "a number over 0", (value) => Number.isFinite(value) && (value as number) > 0);
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.#read(key, fallback, "true or false", (value) => typeof value === "boolean");
  }

  naturals(key: string, fallback: readonly number[], minimum = 1): readonly number[] {
    return this.#read(
      key,
      fallback,
      `a list of whole numbers from ${minimum}`,
      (value) => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= minimum),
    );
  }

  /** A number, or a list of equal numbers: the square form of a size. */
  square(key: string, fallback: number): number {
    const value = this.#fields[key];
    const side = Array.isArray(value) ? value[0] : value;
    if (Array.isArray(value) && (value.length === 0 || value.some((item) => item !== side))) {
      throw invalid(`${this.#path}.${key}`, "a square size", value);
    }
    return new Section({ [key]: side }, this.#path).natural(key, fallback);
  }

  /** Refuses any value but the one that the graphs are built for. */
  only<T extends string | number>(key: string, expected: T): void {
    const value = this.#fields[key] ?? expected;
    if (value !== expected) throw invalid(`${this.#path}.${key}`, JSON.stringify(expected), value);
  }
}

function invalid(path: string, expected: string, came: unknown): ExportError {
  return new ExportError("InvalidConfigError", `${path}: expected ${expected}, got ${JSON.stringify(came)}`);
}

/**
 * Reads config.json.
 *
 * @param json the parsed file
 * @param imageSize replaces the checkpoint's own image size; a multiple of 32
 * @throws InvalidConfigError for another kind of model, or sizes that do not fit each other
 */
export function parseConfig(json: unknown, imageSize?: number): Sam2Config {
  const root = new Section(json, "config.json");
  const modelType = (json as { model_type?: unknown } | null)?.model_type;
  if (modelType !== "sam2" && modelType !== "sam2_video") {
    throw invalid("config.json.model_type", '"sam2" or "sam2_video"', modelType);
  }
  const vision = root.section("vision_config");
  const backbone = vision.section("backbone_config");
  const prompt = root.section("prompt_encoder_config");
  const decoder = root.section("mask_decoder_config");

  for (const section of [vision, backbone, prompt, decoder]) section.only("hidden_act", "gelu");
  backbone.only("num_channels", 3);
  vision.only("fpn_kernel_size", 1);
  vision.only("fpn_stride", 1);
  vision.only("fpn_padding", 0);
  vision.only("num_feature_levels", 3);
  prompt.only("num_point_embeddings", 4);
  prompt.only("scale", 1);

  const hiddenSize = prompt.natural("hidden_size", 256);
  const [rows = 7, columns = rows] = backbone.naturals("window_positional_embedding_background_size", [7, 7]);
  const config: Sam2Config = {
    modelType,
    imageSize: imageSize ?? prompt.square("image_size", 1024),
    hiera: {
      patchKernel: backbone.square("patch_kernel_size", 7),
      patchStride: backbone.square("patch_stride", 4),
      patchPadding: backbone.square("patch_padding", 3),
      queryStride: backbone.square("query_stride", 2),
      queryPoolStages: backbone.natural("num_query_pool_stages", 3),
      blocksPerStage: backbone.naturals("blocks_per_stage", [1, 2, 7, 2]),
      widths: backbone.naturals("embed_dim_per_stage", [96, 192, 384, 768]),
      heads: backbone.naturals("num_attention_heads_per_stage", [1, 2, 4, 8]),
      windows: backbone.naturals("window_size_per_stage", [8, 4, 14, 7]),
      backgroundSize: [rows, columns],
      globalBlocks: backbone.naturals("global_attention_blocks", [5, 7, 9], 0),
      mlpRatio: backbone.positive("mlp_ratio", 4),
      layerNormEps: backbone.positive("layer_norm_eps", 1e-6),
    },
    fpnTopDownLevels: vision.naturals("fpn_top_down_levels", [2, 3], 0),
    hiddenSize,
    maskInputChannels: prompt.natural("mask_input_channels", 16),
    promptLayerNormEps: prompt.positive("layer_norm_eps", 1e-6),
    decoderLayers: decoder.natural("num_hidden_layers", 2),
    decoderHeads: decoder.natural("num_attention_heads", 8),
    decoderMlpDim: decoder.natural("mlp_dim", 2048),
    attentionDownsampleRate: decoder.natural("attention_downsample_rate", 2),
    multimaskOutputs: decoder.natural("num_multimask_outputs", 3),
    iouHeadDepth: decoder.natural("iou_head_depth", 3),
    iouHeadHiddenDim: decoder.natural("iou_head_hidden_dim", 256),
    dynamicMultimask: {
      enabled: decoder.boolean("dynamic_multimask_via_stability", true),
      stabilityDelta: decoder.positive("dynamic_multimask_stability_delta", 0.05),
      stabilityThreshold: decoder.positive("dynamic_multimask_stability_thresh", 0.98),
    },
  };
  checkConsistency(config, {
    "vision_config.fpn_hidden_size": vision.natural("fpn_hidden_size", 256),
    "mask_decoder_config.hidden_size": decoder.natural("hidden_size", 256),
  });
  const channels = vision.naturals("backbone_channel_list", [768, 384, 192, 96]);
  if (channels.join() !== [...config.hiera.widths].reverse().join()) {
    throw invalid("config.json.vision_config.backbone_channel_list", `embed_dim_per_stage reversed`, channels);
  }
  prompt.only("patch_size", 16);
  return config;
}

function checkConsistency(config: Sam2Config, hiddenSizes: Readonly<Record<string, number>>): void {
  const { hiera, imageSize, hiddenSize } = config;
  if (!Number.isSafeInteger(imageSize) || imageSize <= 0 || imageSize % IMAGE_SIZE_MULTIPLE !== 0) {
    throw invalid("image size", `a multiple of ${IMAGE_SIZE_MULTIPLE}`, imageSize);
  }
  for (const [field, size] of Object.entries(hiddenSizes)) {
    if (size !== hiddenSize)
      throw invalid(`config.json.${field}`, `prompt_encoder_config.hidden_size ${hiddenSize}`, size);
  }
  const stages = {
    blocks_per_stage: hiera.blocksPerStage,
    embed_dim_per_stage: hiera.widths,
    num_attention_heads_per_stage: hiera.heads,
    window_size_per_stage: hiera.windows,
  };
  for (const [field, list] of Object.entries(stages)) {
    if (list.length !== 4) throw invalid(`backbone_config.${field}`, "four stages", list);
  }
  const fixed = {
    patch_stride: [hiera.patchStride, 4],
    query_stride: [hiera.queryStride, 2],
    num_query_pool_stages: [hiera.queryPoolStages, 3],
  } as const;
  for (const [field, [came, expected]] of Object.entries(fixed)) {
    if (came !== expected) throw invalid(`backbone_config.${field}`, `${expected}`, came);
  }
  for (const [stage, width] of hiera.widths.entries()) {
    const heads = hiera.heads[stage] as number;
    if (width % heads !== 0)
      throw invalid("backbone_config.embed_dim_per_stage", `a multiple of ${heads} heads`, width);
    if (stage < 3 && (hiera.windows[stage] as number) % 2 !== 0) {
      throw invalid("backbone_config.window_size_per_stage", "even windows before a stage that pools", hiera.windows);
    }
  }
  const first = hiera.windows[0] as number;
  if ((imageSize / 4) % first !== 0) {
    throw invalid("image size", `a quarter of it to be a multiple of the first window, ${first}`, imageSize);
  }
  if (hiddenSize % 8 !== 0) throw invalid("hidden_size", "a multiple of 8", hiddenSize);
  const inner = hiddenSize / config.attentionDownsampleRate;
  if (!Number.isInteger(inner / config.decoderHeads)) {
    throw invalid("mask_decoder_config.num_attention_heads", `a divisor of ${inner}`, config.decoderHeads);
  }
}
