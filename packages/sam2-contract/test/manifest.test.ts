/** model.json: what is read, and what is refused by name. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isSam2Error, readManifest } from "../src/index.ts";
import { FILE, MANIFEST as GOOD } from "./sample-manifest.ts";

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
  ["a deviation by which nothing can be divided", { ...GOOD, std: [1, 0, 1] }, /std: expected three numbers over 0/],
  [
    "an image size of which no quarter is whole",
    { ...GOOD, imageSize: 33, maskSize: 8.25 },
    /imageSize: expected a multiple of 32, got 33/,
  ],
  ...["../encoder.onnx", "/encoder.onnx", "..\\encoder.onnx", "https://example.com/encoder.onnx", "..", ""].map(
    (name): [string, unknown, RegExp] => [
      `a file elsewhere: ${name}`,
      { ...GOOD, files: { ...GOOD.files, encoder: { ...FILE, name } } },
      /files\.encoder\.name: expected the name of a file beside model\.json, got /,
    ],
  ),
  [
    "an unknown precision",
    { ...GOOD, dtype: "fp8" },
    /dtype: expected fp32 or fp16 or fp16-compute or int8, got "fp8"/,
  ],
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
