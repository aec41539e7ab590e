/** Options that a call does not know: refused by name, with the nearest name that it knows. */
import { expect, test } from "vitest";
import {
  checkOptions,
  EVERYTHING,
  IMAGE,
  OPENING,
  REQUEST,
  SAVING,
  SEGMENTING,
} from "../../src/segmenter/option-names.ts";

test.each<[string, unknown, Readonly<Record<string, true>>, string]>([
  ["createSegmenter", { modle: "sam2.1-tiny" }, OPENING, 'there is no option "modle"; did you mean model?'],
  ["createSegmenter", { onprogress: undefined }, OPENING, 'there is no option "onprogress"; did you mean onProgress?'],
  ["createSegmenter", "sam2.1-tiny", OPENING, 'expected an object with options, got "sam2.1-tiny"'],
  ["createSegmenter", null, OPENING, "expected an object with options, got null"],
  ["segment's prompt", undefined, REQUEST, "expected an object with options, got undefined"],
  ["setImage", { draft: true }, IMAGE, 'there is no option "draft"; expected signal, onProgress, embedding'],
  ["saveEmbedding", { type: "int8" }, SAVING, 'there is no option "type"; did you mean dtype?'],
  ["segment's prompt", { piont: [1, 2] }, REQUEST, 'there is no option "piont"; did you mean point?'],
  [
    "segment's prompt",
    { pointCoords: [[1, 2]] },
    REQUEST,
    'there is no option "pointCoords"; did you mean point_coords?',
  ],
  ["segment's prompt", { boxes: [1, 2, 3, 4] }, REQUEST, 'there is no option "boxes"; did you mean box?'],
  ["segment", { supersedes: true }, SEGMENTING, 'there is no option "supersedes"; did you mean supersede?'],
  ["segment", { "": 1 }, SEGMENTING, 'there is no option ""; expected signal, supersede, detail, onProgress'],
  [
    "segmentEverything",
    { pointsPerSide: 8 },
    EVERYTHING,
    'there is no option "pointsPerSide"; did you mean points_per_side?',
  ],
])("%s of %j", (call, options, names, message) => {
  const checked = (): void => checkOptions(call, options, names);
  expect(checked).toThrow(expect.objectContaining({ name: "UnknownOptionError", message: `${call}: ${message}` }));
});

test("names that there are pass, whatever their values; names that every object inherits are none", () => {
  expect(() => checkOptions("segment", { signal: undefined, detail: 7 }, SEGMENTING)).not.toThrow();
  expect(() => checkOptions("segment", { constructor: 1 }, SEGMENTING)).toThrow('"constructor"');
});
