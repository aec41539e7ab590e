/** Files that are too large to be one text are read in pieces, and give the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromCoco } from "../src/formats/coco.ts";
import { readPieces } from "../src/formats/json-pieces.ts";
import { fromLargeCoco } from "../src/formats/large-coco.ts";

/** A file that comes in chunks of some bytes. */
const inChunks = (text: string, size: number): Blob => {
  const bytes = new TextEncoder().encode(text);
  const stream = () =>
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
  return { size: bytes.length, stream } as unknown as Blob;
};

describe("pieces", () => {
  test("any JSON object, cut anywhere, is what JSON.parse makes of it", async () => {
    const object = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()).filter((each) => !("list" in each));
    const spaces = fc.constantFrom(undefined, 1, "\t");
    await fc.assert(
      fc.asyncProperty(
        object,
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.integer({ min: 1, max: 40 }),
        spaces,
        async (fields, list, size, space) => {
          const text = JSON.stringify({ ...fields, list, after: 1 }, null, space);
          const taken: unknown[] = [];
          const read = await readPieces(inChunks(text, size), "list", (element) => taken.push(element));
          const { list: expected, ...others } = JSON.parse(text);
          expect(taken).toEqual(expected);
          expect(read).toEqual({ ...others, list: [] });
          expect(await readPieces(inChunks(text, size), "list", null)).toEqual({ ...others, list: [] });
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each([
    ["cut off in a list", '{"list":[{"a":1},{"a"'],
    ["cut off in a text", '{"a":"b'],
    ["no JSON inside", '{"list":[1,nothing]}'],
  ])("%s is refused", async (_, text) => {
    const reading = readPieces(inChunks(text, 4), "list", () => undefined);
    await expect(reading).rejects.toThrow(expect.objectContaining({ name: "ImportError" }));
  });

  test("a list is no object", async () => {
    expect(await readPieces(inChunks("[1, 2]", 2), "list", null)).toBeNull();
  });
});

test("a COCO file gives the same, wherever its annotations stand, with progress in bytes", async () => {
  const file = {
    annotations: [
      { id: 1, image_id: 1, category_id: 1, segmentation: [[0, 0, 3, 0, 3, 3]], keypoints: [1, 1, 2] },
      { id: 2, image_id: 1, category_id: 1, bbox: [0, 0, 2, 2] },
      { id: 3, image_id: 9, category_id: 1, segmentation: [[0, 0, 3, 0, 3, 3]] },
    ],
    info: { description: 'a "quoted" [text]}, ä' },
    images: [{ id: 1, file_name: "a.jpg", width: 4, height: 4 }],
    categories: [{ id: 1, name: "cat" }],
  };
  const said: (readonly [number, number])[] = [];
  const text = JSON.stringify(file);
  const read = await fromLargeCoco(inChunks(text, 7), (...how) => said.push(how));
  const anyIds = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(/"[0-9a-f-]{36}"/g, '"id"'));
  expect(anyIds(read)).toEqual(anyIds(fromCoco(file)));
  const total = 2 * new TextEncoder().encode(text).length;
  expect([said[0], said.at(-1)]).toEqual([
    [7, total],
    [total, total],
  ]);
  expect(await fromLargeCoco(inChunks('{"images":[]}', 7))).toBeNull();
});
