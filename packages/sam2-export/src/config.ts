/**
 * Reads a checkpoint's config.json (Hugging Face `Sam2Config`, `Sam2VideoConfig`, `EdgeTamConfig`,
 * `EdgeTamVideoConfig`). Fields that the file leaves out take the defaults of `transformers`, which
 * writes only what differs from them.
 */
import type { DynamicMultimask } from "sam2-contract";
import { invalid, Section } from "./section.ts";
import { MAX_CHANNELS, readHiera } from "./trunk/hiera-config.ts";
import { readTimmTrunk } from "./trunk/timm.ts";
import type { TrunkConfig } from "./trunk/trunk.ts";

/** The values of `model_type` that can be read. A video checkpoint contains the same image model. */
const MODEL_TYPES = ["sam2", "sam2_video", "edgetam", "edgetam_video"] as const;

/** See `MODEL_TYPES`. */
export type ModelType = (typeof MODEL_TYPES)[number];

/** Everything that the graphs depend on. Sizes are pixels of the square model input, or channels. */
export interface Sam2Config {
  readonly modelType: ModelType;
  readonly imageSize: number;
  readonly trunk: TrunkConfig;
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
  readonly dynamicMultimask: DynamicMultimask;
}

/** The largest image size: four times that of every published model. */
const MAX_IMAGE_SIZE = 4096;

/** Image sizes must be multiples of this: the patch grid is a quarter of the image, the last stage an eighth of that. */
export const IMAGE_SIZE_MULTIPLE = 32;

/**
 * Reads config.json.
 *
 * @param json the parsed file
 * @param imageSize replaces the checkpoint's own image size; a multiple of 32
 * @throws InvalidConfigError for another kind of model, or sizes that do not fit each other
 *
 * @example
 * ```ts
 * const { imageSize, hiddenSize } = parseConfig(await (await fetch("/sam2.1-hiera-tiny/config.json")).json());
 * ```
 */
export function parseConfig(json: unknown, imageSize?: number): Sam2Config {
  const root = new Section(json, "config.json");
  const modelType = root.oneOf("model_type", MODEL_TYPES);
  const vision = root.section("vision_config");
  const prompt = root.section("prompt_encoder_config");
  const decoder = root.section("mask_decoder_config");

  for (const section of [vision, prompt, decoder]) section.only("hidden_act", "gelu");
  vision.only("fpn_kernel_size", 1);
  vision.only("fpn_stride", 1);
  vision.only("fpn_padding", 0);
  vision.only("num_feature_levels", 3);
  prompt.only("patch_size", 16);
  prompt.only("num_point_embeddings", 4);
  prompt.only("scale", 1);

  const size = checkedImageSize(imageSize ?? prompt.square("image_size", 1024, MAX_IMAGE_SIZE));
  const config: Sam2Config = {
    modelType,
    imageSize: size,
    trunk: readTrunk(modelType, vision, size),
    fpnTopDownLevels: vision.naturals("fpn_top_down_levels", [2, 3], 0, 3),
    hiddenSize: prompt.natural("hidden_size", 256, 4096),
    maskInputChannels: prompt.natural("mask_input_channels", 16, 4096),
    promptLayerNormEps: prompt.positive("layer_norm_eps", 1e-6, 1),
    decoderLayers: decoder.natural("num_hidden_layers", 2, 64),
    decoderHeads: decoder.natural("num_attention_heads", 8, 256),
    decoderMlpDim: decoder.natural("mlp_dim", 2048, 65_536),
    attentionDownsampleRate: decoder.natural("attention_downsample_rate", 2, 64),
    multimaskOutputs: decoder.natural("num_multimask_outputs", 3, 63),
    iouHeadDepth: decoder.natural("iou_head_depth", 3, 64),
    iouHeadHiddenDim: decoder.natural("iou_head_hidden_dim", 256, 65_536),
    dynamicMultimask: {
      enabled: decoder.boolean("dynamic_multimask_via_stability", true),
      stabilityDelta: decoder.positive("dynamic_multimask_stability_delta", 0.05, 100),
      stabilityThreshold: decoder.share("dynamic_multimask_stability_thresh", 0.98),
    },
  };
  checkHiddenSize(config, {
    [`${vision.path}.fpn_hidden_size`]: vision.natural("fpn_hidden_size", 256, 4096),
    [`${decoder.path}.hidden_size`]: decoder.natural("hidden_size", 256, 4096),
  });
  return config;
}

function checkedImageSize(size: unknown): number {
  if (typeof size !== "number" || !(size > 0 && size % IMAGE_SIZE_MULTIPLE === 0)) {
    throw invalid("image size", `a multiple of ${IMAGE_SIZE_MULTIPLE}`, size);
  }
  if (size > MAX_IMAGE_SIZE) throw invalid("image size", `at most ${MAX_IMAGE_SIZE}`, size);
  return size;
}

/** Reads the trunk's section, and checks that its channels agree with the neck's. */
function readTrunk(modelType: ModelType, vision: Section, imageSize: number): TrunkConfig {
  const backbone = vision.section("backbone_config");
  const isEdgeTam = modelType === "edgetam" || modelType === "edgetam_video";
  const trunk = isEdgeTam ? readTimmTrunk(backbone) : readHiera(backbone, imageSize);
  const expected = [...trunk.widths].reverse();
  const channels = vision.naturals(
    "backbone_channel_list",
    isEdgeTam ? [384, 192, 96, 48] : [768, 384, 192, 96],
    1,
    MAX_CHANNELS,
  );
  if (channels.join() !== expected.join()) {
    throw invalid(
      `${vision.path}.backbone_channel_list`,
      `the trunk's channels from the last stage, [${expected}]`,
      channels,
    );
  }
  return trunk;
}

function checkHiddenSize(config: Sam2Config, others: Readonly<Record<string, number>>): void {
  const { hiddenSize } = config;
  for (const [path, size] of Object.entries(others)) {
    if (size !== hiddenSize) throw invalid(path, `prompt_encoder_config.hidden_size ${hiddenSize}`, size);
  }
  if (config.maskInputChannels < 4) {
    // the mask encoder's first layer has a quarter of these channels
    throw invalid("prompt_encoder_config.mask_input_channels", "4 or more", config.maskInputChannels);
  }
  if (hiddenSize % 8 !== 0) throw invalid("hidden_size", "a multiple of 8", hiddenSize);
  const inner = hiddenSize / config.attentionDownsampleRate;
  if (!Number.isInteger(inner / config.decoderHeads)) {
    throw invalid("mask_decoder_config.num_attention_heads", `a divisor of ${inner}`, config.decoderHeads);
  }
}
