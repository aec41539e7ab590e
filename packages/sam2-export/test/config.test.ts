/** config.json: what is read, and what is refused by name. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Sam2Error } from "sam2-contract";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { buildImageEncoder } from "../src/image-encoder.ts";
import { buildMaskDecoder } from "../src/mask-decoder.ts";
import { fixtureFolder } from "./fixtures.ts";
import { AnyCheckpoint } from "./seeded.ts";

function configOf(fixture: string): Record<string, any> {
  return JSON.parse(readFileSync(join(fixtureFolder(fixture), "config.json"), "utf8"));
}

type Edit = (config: Record<string, any>) => void;

const backbone = (config: Record<string, any>): Record<string, any> => config.vision_config.backbone_config;

function edited(fixture: string, edit: Edit): unknown {
  const config = configOf(fixture);
  edit(config);
  return config;
}

describe("EdgeTAM", () => {
  test.each<[string, Edit]>([
    ["as transformers writes it", () => {}],
    ["with the tag of its weights", (c) => Object.assign(backbone(c), { architecture: "timm/repvit_m1.dist_in1k" })],
    ["of a video checkpoint", (c) => Object.assign(c, { model_type: "edgetam_video" })],
    ["with the published widths left out", (c) => delete c.vision_config.backbone_channel_list],
  ])("%s", (_, edit) => {
    const { trunk, imageSize } = parseConfig(edited("edgetam/repvit_m1", edit));
    expect(trunk).toEqual({ kind: "repvit", widths: [48, 96, 192, 384], blocks: [2, 2, 14, 2] });
    expect(imageSize).toBe(64);
  });

  test.each<[string, Edit, RegExp]>([
    [
      "no trunk",
      (c) => delete c.vision_config.backbone_config,
      /backbone_config.architecture: expected a text, got undefined/,
    ],
    [
      "the trunk of SAM 2",
      (c) => Object.assign(backbone(c), { model_type: "sam2_hiera_det_model" }),
      /backbone_config.model_type: expected "timm_wrapper", got "sam2_hiera_det_model"/,
    ],
    [
      "a trunk that timm has and this has not",
      (c) => Object.assign(backbone(c), { architecture: "resnet50" }),
      /backbone_config.architecture: expected one of repvit_m1, efficientnet_lite0, .*, got "resnet50"/,
    ],
    [
      "a name of the prototype",
      (c) => Object.assign(backbone(c), { architecture: "constructor" }),
      /architecture: expected one of/,
    ],
    ["no architecture", (c) => delete backbone(c).architecture, /architecture: expected a text, got undefined/],
    [
      "a classifier",
      (c) => delete backbone(c).model_args.features_only,
      /model_args.features_only: expected true, got false/,
    ],
    ["gray pictures", (c) => Object.assign(backbone(c).model_args, { in_chans: 1 }), /in_chans: expected 3, got 1/],
    [
      "other levels",
      (c) => Object.assign(backbone(c).model_args, { out_indices: [0, 1, 2] }),
      /out_indices: expected \[0,1,2,3\], the levels at strides 4, 8, 16 and 32, got \[0,1,2\]/,
    ],
    [
      "an argument that makes another network of it",
      (c) => Object.assign(backbone(c).model_args, { output_stride: 16 }),
      /model_args.output_stride: expected no field but in_chans, features_only, out_indices, got 16/,
    ],
    [
      "channels of another trunk",
      (c) => Object.assign(c.vision_config, { backbone_channel_list: [320, 112, 40, 24] }),
      /backbone_channel_list: expected the trunk's channels from the last stage, \[384,192,96,48\], got \[320,112,40,24\]/,
    ],
    [
      "an odd image size",
      (c) => Object.assign(c.prompt_encoder_config, { image_size: 100 }),
      /image size: expected a multiple of 32, got 100/,
    ],
    [
      "a neck of another width",
      (c) => Object.assign(c.vision_config, { fpn_hidden_size: 64 }),
      /fpn_hidden_size: expected prompt_encoder_config.hidden_size 32, got 64/,
    ],
  ])("%s", (_, edit, message) => {
    expect(() => parseConfig(edited("edgetam/repvit_m1", edit))).toThrow(
      expect.objectContaining({ name: "InvalidConfigError", message: expect.stringMatching(message) }),
    );
  });

  test("levels that timm counts from stride 2 must be asked for", () => {
    const config = edited("edgetam/tf_efficientnet_lite0", (c) => delete backbone(c).model_args.out_indices);
    expect(() => parseConfig(config)).toThrow(/out_indices: expected \[1,2,3,4\], .*, got \[0,1,2,3,4\]/);
  });
});

test("a threshold of 0, by which every mask is stable, is read", () => {
  const config = edited("toy", (c) => Object.assign(c.mask_decoder_config, { dynamic_multimask_stability_thresh: 0 }));
  expect(parseConfig(config).dynamicMultimask.stabilityThreshold).toBe(0);
});

describe("SAM 2", () => {
  const prompt = (c: Record<string, any>): Record<string, any> => c.prompt_encoder_config;
  const decoder = (c: Record<string, any>): Record<string, any> => c.mask_decoder_config;

  test.each<[string, Edit, RegExp]>([
    [
      "a threshold over 1",
      (c) => Object.assign(decoder(c), { dynamic_multimask_stability_thresh: 1.1 }),
      /stability_thresh: expected a number from 0 to 1, got 1.1/,
    ],
    [
      "a ratio that leaves no hidden layer",
      (c) => Object.assign(backbone(c), { mlp_ratio: 0.001 }),
      /backbone_config.mlp_ratio: expected a hidden layer for 8 channels, got 0.001/,
    ],
    [
      "an image larger than memory",
      (c) => Object.assign(prompt(c), { image_size: 2 ** 30 }),
      /image_size: expected a whole number from 1 to 4096, got 1073741824/,
    ],
    [
      "sides of no number",
      (c) => Object.assign(prompt(c), { image_size: [] }),
      /image_size: expected a square size, got \[\]/,
    ],
    [
      "sides of two lengths",
      (c) => Object.assign(prompt(c), { image_size: [64, 32] }),
      /image_size: expected a square size, got \[64,32\]/,
    ],
    [
      "no quarter of a mask's channels",
      (c) => Object.assign(prompt(c), { mask_input_channels: 3 }),
      /mask_input_channels: expected 4 or more, got 3/,
    ],
    [
      "more blocks than an array holds",
      (c) => Object.assign(backbone(c), { blocks_per_stage: [1, 2, 2 ** 40, 1] }),
      /blocks_per_stage: expected a list of at most 256 whole numbers from 1 to 256, got \[1,2,1099511627776,1\]/,
    ],
    [
      "wider than any model",
      (c) => Object.assign(backbone(c), { embed_dim_per_stage: [8, 16, 32, 2 ** 31] }),
      /embed_dim_per_stage: expected a list of at most 256 whole numbers from 1 to 16384/,
    ],
    [
      "layers without end",
      (c) => Object.assign(decoder(c), { iou_head_depth: 1e12 }),
      /iou_head_depth: expected a whole number from 1 to 64, got 1000000000000/,
    ],
    [
      "a list without end",
      (c) => Object.assign(backbone(c), { global_attention_blocks: Array(100_000).fill(1) }),
      /global_attention_blocks: expected a list of at most 256 .* got \[(1,)+1?…$/,
    ],
    [
      "a value too deep to print",
      (c) => Object.assign(decoder(c), { mlp_dim: JSON.parse("[".repeat(50_000) + "]".repeat(50_000)) }),
      /mlp_dim: expected a whole number from 1 to 65536, got a nested list/,
    ],
    [
      "equal widths over a pooling",
      (c) => {
        backbone(c).embed_dim_per_stage = [8, 16, 16, 64];
        c.vision_config.backbone_channel_list = [64, 16, 16, 8];
      },
      /embed_dim_per_stage: expected another width after each pooling, got \[8,16,16,64\]/,
    ],
  ])("%s", (_, edit, message) => {
    expect(() => parseConfig(edited("toy", edit))).toThrow(
      expect.objectContaining({ name: "InvalidConfigError", message: expect.stringMatching(message) }),
    );
  });

  test("an image size that is asked for is bounded, too", () => {
    expect(() => parseConfig(configOf("toy"), 8192)).toThrow("image size: expected at most 4096, got 8192");
  });
});

/** Every place of a JSON value that holds a number, a text or a list. */
function places(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]))];
}

test.each(["toy", "edgetam/repvit_m1"])("%s: any edit is read or refused by name", (fixture) => {
  const odd = fc.oneof(
    fc.constantFrom<unknown>(null, "", "gelu", true, [], {}, [[]], 0, -1, 0.5, 7, 64, 4096, 16_384, 2 ** 40, 1e308),
    fc.array(fc.constantFrom(1, 2, 3, 8, 16, 96, 256, 1024), { minLength: 1, maxLength: 4 }),
  );
  const edits = fc.array(fc.tuple(fc.constantFrom(...places(configOf(fixture))), odd), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(edits, (changes) => {
      const root = { config: configOf(fixture) as unknown };
      for (const [path, value] of changes) {
        const steps = ["config", ...path];
        const parent = steps.slice(0, -1).reduce<any>((at, key) => at?.[key], root);
        if (typeof parent === "object" && parent !== null) parent[steps.at(-1) as string] = value;
      }
      try {
        const parsed = parseConfig(root.config);
        for (const build of [buildImageEncoder, buildMaskDecoder]) {
          build(new AnyCheckpoint(), parsed, { attention: "decomposed", storage: "half", products: "float" });
        }
      } catch (error) {
        expect(error).toBeInstanceOf(Sam2Error);
      }
    }),
    { numRuns: 1000 },
  );
});
