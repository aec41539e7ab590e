/** Which embeddings are taken for a picture and a model. */
import { CONTRACT_VERSION, ENCODER_OUTPUTS } from "sam2-contract";
import { expect, test } from "vitest";
import { checkEmbedding, type EmbeddedPicture } from "../../src/embedding/check.ts";
import type { EmbeddingInfo } from "../../src/embedding/codec.ts";
import { checkTensors } from "../../src/embedding/shapes.ts";

const [ONE, TWO] = ["1".repeat(64), "2".repeat(64)];
const MODEL = { fingerprint: "abc", id: "toy" };
const INFO: EmbeddingInfo = {
  contract: CONTRACT_VERSION,
  model: "abc",
  modelId: "toy",
  width: 48,
  height: 32,
  sha256: ONE,
  dtype: "fp16",
};
const PICTURE: EmbeddedPicture = { width: 48, height: 32, sha256: ONE };

test.each<[string, Partial<EmbeddingInfo>, Partial<EmbeddedPicture>, RegExp | null]>([
  ["its picture", {}, {}, null],
  ["its picture, turned by its EXIF orientation", {}, { width: 32, height: 48 }, null],
  ["its picture, as pixels", {}, { sha256: null }, null],
  ["a picture that was pixels then", { sha256: null }, {}, null],
  ["pixels that lie on their side", {}, { width: 32, height: 48, sha256: null }, /of 32×48 pixels, got one of 48×32/],
  ["another model", { model: "def", modelId: "other" }, {}, /by toy \(abc\), got one by other \(def\)/],
  ["another size", {}, { width: 49 }, /of 49×32 pixels, got one of 48×32/],
  ["another picture of the same size", {}, { sha256: TWO }, /the SHA-256 2+, got that of 1+/],
])("%s", (_, info, picture, message) => {
  const check = (): void => checkEmbedding({ ...INFO, ...info }, MODEL, { ...PICTURE, ...picture });
  if (message === null) expect(check).not.toThrow();
  else {
    expect(check).toThrow(
      expect.objectContaining({ name: "InvalidEmbeddingError", message: expect.stringMatching(message) }),
    );
  }
});

const tensor = (...dims: number[]) => ({ data: new Float32Array(), dims });
const GOOD = {
  image_embed: tensor(1, 16, 4, 4),
  high_res_feats_0: tensor(1, 2, 16, 16),
  high_res_feats_1: tensor(1, 4, 8, 8),
};

test.each([
  ["all that is needed", GOOD, null],
  ["one too few", { image_embed: GOOD.image_embed }, /expected the tensors image_embed, high_res_feats_0/],
  ["one too many", { ...GOOD, more: tensor(1) }, /got \["image_embed",.*"more"\]/],
  ["another image size", { ...GOOD, image_embed: tensor(1, 16, 8, 8) }, /"image_embed": expected \[1,16,4,4\]/],
  ["channels that do not fit", { ...GOOD, high_res_feats_1: tensor(1, 8, 8, 8) }, /expected \[1,4,8,8\], got/],
])("tensors: %s", (_, tensors, message) => {
  const check = (): void => checkTensors(tensors, ENCODER_OUTPUTS, 64);
  if (message === null) expect(check).not.toThrow();
  else {
    expect(check).toThrow(
      expect.objectContaining({ name: "InvalidEmbeddingError", message: expect.stringMatching(message) }),
    );
  }
});
