/** Sizes of pictures before they are decoded: real files, hand-made ones, damaged ones, and ones that mislead. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import FILES from "../../../../models/reference/fixtures/headers.json" with { type: "json" };
import { type ImageHeader, readImageHeader } from "../../src/image/header.ts";

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, "base64"));
const read = (...parts: (string | number[] | Uint8Array<ArrayBuffer>)[]): Promise<ImageHeader | null> =>
  readImageHeader(new Blob(parts.map((part) => (Array.isArray(part) ? Uint8Array.from(part) : part))));
/** A number in little-endian bytes. */
const le = (value: number, size: number): number[] => Array.from({ length: size }, (_, i) => (value >> (8 * i)) & 255);
const be = (value: number, size: number): number[] => le(value, size).reverse();
const text = (characters: string): number[] => Array.from(characters, (character) => character.charCodeAt(0));
const box = (type: string, ...content: number[]): number[] => [...be(8 + content.length, 4), ...text(type), ...content];

test.each(FILES)("a file as encoders write it: $name", async ({ base64, format, width, height }) => {
  expect(await read(bytesOf(base64))).toEqual({ format, width, height });
});

const SOI = [0xff, 0xd8];
const segment = (marker: number, ...content: number[]): number[] => [
  0xff,
  marker,
  ...be(2 + content.length, 2),
  ...content,
];
const frame = (width: number, height: number, marker = 0xc0): number[] =>
  segment(marker, 8, ...be(height, 2), ...be(width, 2), 3);
const PAD = Array<number>(16).fill(0);

test.each<[string, number[], [number, number]]>([
  ["JPEG: baseline", [...SOI, ...frame(300, 200)], [300, 200]],
  [
    "JPEG: a small frame inside of a segment is none",
    [...SOI, ...segment(0xe1, ...frame(2, 2)), ...frame(9, 8)],
    [9, 8],
  ],
  ["JPEG: Huffman tables (C4) are no frame", [...SOI, ...frame(2, 2, 0xc4), ...frame(9, 8)], [9, 8]],
  ["JPEG: padding before a marker", [...SOI, 0xff, 0xff, ...frame(9, 8)], [9, 8]],
  ["JPEG: bytes between segments are passed over", [...SOI, 1, 0, 7, ...frame(9, 8)], [9, 8]],
  ["JPEG: arithmetic coding", [...SOI, ...frame(9, 8, 0xca)], [9, 8]],
  [
    "JPEG: more data before the frame than a window holds",
    [...SOI, ...Array.from({ length: 3 }, () => segment(0xe1, ...Array(65_000).fill(0))).flat(), ...frame(9, 8)],
    [9, 8],
  ],
  ["BMP: rows from the top", [...text("BM"), ...le(0, 12), ...le(40, 4), ...le(70_000, 4), ...le(-5, 4)], [70_000, 5]],
  ["BMP: core header", [...text("BM"), ...le(0, 12), ...le(12, 4), ...le(17, 2), ...le(5, 2)], [17, 5]],
  [
    "GIF: a first frame that is larger than the screen",
    [
      ...text("GIF89a"),
      ...le(1, 2),
      ...le(1, 2),
      0,
      0,
      0,
      0x21,
      0xfe,
      2,
      1,
      1,
      0,
      0x2c,
      ...[3, 0, 4, 0, 60_000, 9].flatMap((v, i) => (i < 4 ? [v] : le(v, 2))),
      0,
    ],
    [60_003, 13],
  ],
  [
    "AVIF: the largest of its items",
    [
      ...box("ftyp", ...text("mif1"), ...le(0, 4), ...text("avif")),
      ...box(
        "meta",
        ...le(0, 4),
        ...box(
          "iprp",
          ...box(
            "ipco",
            ...box("ispe", ...le(0, 4), ...be(2, 4), ...be(2, 4)),
            ...box("ispe", ...le(0, 4), ...be(30_000, 4), ...be(3, 4)),
          ),
        ),
      ),
    ],
    [30_000, 3],
  ],
])("%s", async (_, bytes, [width, height]) => {
  expect(await read([...bytes, ...PAD])).toMatchObject({ width, height });
});

describe("null, for what has no size", () => {
  test.each<[string, number[]]>([
    ["an empty file", []],
    ["text", text("hello, hello, hello")],
    ["a JPEG that goes to its scan without a frame", [...SOI, ...segment(0xda, 1), ...frame(9, 8)]],
    ["a JPEG of no height", [...SOI, ...frame(9, 0)]],
    ["a PNG whose first chunk is another", [...bytesOf(FILES[0]?.base64 ?? "").slice(0, 12), ...text("tEXt"), ...PAD]],
    ["ISO media of another kind", box("ftyp", ...text("isom"), ...le(0, 4), ...text("mp41"))],
    ["an SVG", text('<svg width="9" height="9"></svg>')],
  ])("%s", async (_, bytes) => {
    expect(await read(bytes)).toBeNull();
  });

  test.each(FILES)("$name, cut before its size", async ({ base64, format }) => {
    const bytes = bytesOf(base64);
    const first = await read(bytes);
    const cuts = await Promise.all(Array.from({ length: bytes.length }, (_, end) => read(bytes.slice(0, end))));
    // what is read of a cut file is its size or nothing
    expect(cuts.filter((header) => header !== null && format !== "gif")).toEqual(
      cuts.filter((header) => header !== null && format !== "gif").map(() => first),
    );
    expect(cuts.slice(0, 16)).toEqual(Array(16).fill(null));
  });

  test("a file that goes on and on is given up, and not read to its end", async () => {
    const boxes = new Uint8Array(2 ** 22);
    boxes.set(box("ftyp", ...text("avif"), ...le(0, 4)));
    for (let at = 16; at < boxes.length; at += 8) boxes.set(box("free"), at);
    for (const parts of [[boxes], [Uint8Array.from(SOI), new Uint8Array(2 ** 22)]]) {
      const file = new Blob(parts);
      const reads = vi.spyOn(file, "slice");
      expect(await readImageHeader(file)).toBeNull();
      // of the 64 that the whole file would take
      expect(reads.mock.calls.length).toBeLessThan(20);
    }
  });
});

test("damaged files give a size or null, and never throw", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...FILES.map(({ base64 }) => base64)),
      fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      async (base64, changes) => {
        const bytes = bytesOf(base64);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const header = await read(bytes);
        if (header) expect(Math.min(header.width, header.height)).toBeGreaterThan(0);
      },
    ),
    { numRuns: 500 },
  );
});
