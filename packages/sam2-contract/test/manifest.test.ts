/** model.json: what is read, and what is refused by name. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CONTRACT_VERSION, isSam2Error, type ModelManifest, readManifest } from "../src/index.ts";

const FILE = { name: "encoder.onnx", bytes: 12, sha256: "a".repeat(64), nodes: 3 };
const GOOD: ModelManifest = {
  contract: CONTRACT_VERSION,
  id: "toy",
  source: "toy",
  imageSize: 128,
  hiddenSize: 32,
  maskSize: 32,
  maskTokens: 4,
  dynamicMultimask: { enabled: true, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  dtype: "fp32",
  attention: "decomposed",
  parameters: 100,
  files: { encoder: FILE, decoder: { ...FILE, name: "decoder.onnx" } },
  canary: { masks: { values: [1, 2], largest: 2 } },
};

test("what is right is read; unknown fields are left out", () => {
  expect(readManifest({ ...GOOD, extra: 1 }, "here")).toEqual(GOOD);
  const { canary: _, ...without } = GOOD;
  expect(readManifest(without, "here")).toEqual(without);
});

const deep = (levels: number): unknown => (levels === 0 ? 1 : { id: deep(levels - 1) });
const nested: unknown = JSON.parse("[".repeat(20_000) + "]".repeat(20_000));

test.each<[string, unknown, RegExp]>([
  ["null", null, /model\.json: expected an object, got null/],
  ["an array", [], /model\.json: expected an object/],
  ["another contract", { ...GOOD, contract: 99 }, /contract: expected 1, got 99/],
  ["no id", { ...GOOD, id: "" }, /id: expected a text, got ""/],
  ["an object for the id", { ...GOOD, id: deep(1000) }, /id: expected a text/],
  ["an image size of half a pixel", { ...GOOD, imageSize: 128.5 }, /imageSize: expected a whole number/],
  ["a huge image size", { ...GOOD, imageSize: 1e9 }, /imageSize: expected a whole number from 32 to 8192/],
  [
    "a mask size that is no quarter",
    { ...GOOD, maskSize: 64 },
    /maskSize: expected a quarter of imageSize, 32, got 64/,
  ],
  ["two channels", { ...GOOD, mean: [1, 2] }, /mean: expected three numbers/],
  ["a text among the channels", { ...GOOD, std: [1, 2, "3"] }, /std: expected three numbers/],
  ["an unknown precision", { ...GOOD, dtype: "fp8" }, /dtype: expected fp32 or fp16, got "fp8"/],
  ["no multimask", { ...GOOD, dynamicMultimask: undefined }, /dynamicMultimask: expected an object/],
  [
    "a text for a switch",
    { ...GOOD, dynamicMultimask: { enabled: "yes" } },
    /dynamicMultimask\.enabled: expected true/,
  ],
  ["no files", { ...GOOD, files: {} }, /files\.encoder: expected an object/],
  [
    "a short hash",
    { ...GOOD, files: { ...GOOD.files, decoder: { ...FILE, sha256: "ab" } } },
    /files\.decoder\.sha256: expected 64 hexadecimal digits, got "ab"/,
  ],
  [
    "a list in a list, 20,000 deep, for a hash",
    { ...GOOD, files: { ...GOOD.files, decoder: { ...FILE, sha256: nested } } },
    /files\.decoder\.sha256: expected 64 hexadecimal digits/,
  ],
  ["an empty canary sample", { ...GOOD, canary: { masks: { values: [], largest: 1 } } }, /canary\.masks\.values/],
])("%s", (_, json, message) => {
  expect(() => readManifest(json, "here")).toThrow(message);
  expect(() => readManifest(json, "here")).toThrow(expect.objectContaining({ name: "InvalidModelError" }));
});

test("whatever JSON it is given, it reads it or names what is wrong", () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.tuple(fc.constantFrom(...Object.keys(GOOD)), fc.jsonValue()).map(([key, value]) => ({ ...GOOD, [key]: value })),
  );
  fc.assert(
    fc.property(anything, (json) => {
      try {
        readManifest(json, "here");
      } catch (error) {
        expect(isSam2Error(error, "InvalidModelError")).toBe(true);
      }
    }),
  );
});
