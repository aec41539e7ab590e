/** config.json: what is read, and what is refused by name. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../src/config.ts";
import { fixtureFolder } from "./fixtures.ts";

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
