/** Pictures as a browser reads them: orientation, color, transparency, and what is refused. */

import { once } from "node:events";
import { openAsBlob } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage } from "../src/image/source.ts";

/** Six pixels, 3×2, each of another color. */
const COLORS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
  [0, 255, 255],
  [255, 0, 255],
];
const LETTERS = "RGBYCM";
const six = sharp(Buffer.from(COLORS.flat()), { raw: { width: 3, height: 2, channels: 3 } });

/** The pixels' colors by their letters, row by row. */
async function rowsOf(file: Buffer): Promise<string[]> {
  const { data, width, height } = await decodeImage(new Blob([new Uint8Array(file)]));
  const letter = (at: number): string =>
    LETTERS[COLORS.findIndex((color) => color.every((value, c) => value === data[4 * at + c]))] ?? "?";
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => letter(y * width + x)).join(""),
  );
}

test.each([
  [1, ["RGB", "YCM"]],
  [2, ["BGR", "MCY"]],
  [3, ["MCY", "BGR"]],
  [4, ["YCM", "RGB"]],
  [5, ["RY", "GC", "BM"]],
  [6, ["YR", "CG", "MB"]],
  [7, ["MB", "CG", "YR"]],
  [8, ["BM", "GC", "RY"]],
])("EXIF orientation %d is applied", async (orientation, rows) => {
  expect(await rowsOf(await six.clone().withMetadata({ orientation }).png().toBuffer())).toEqual(rows);
});

const gray = (channels: 1 | 2 | 3 | 4, ...pixel: number[]): ReturnType<typeof sharp> =>
  sharp(Buffer.from(pixel), { raw: { width: 1, height: 1, channels } });

test.each<[string, () => Promise<Buffer>, number[]]>([
  ["transparency is laid over black", () => gray(4, 200, 100, 50, 128).png().toBuffer(), [100, 50, 25]],
  ["what is wholly transparent is black", () => gray(4, 200, 100, 50, 0).png().toBuffer(), [0, 0, 0]],
  ["gray has three equal channels", () => gray(1, 77).toColorspace("b-w").png().toBuffer(), [77, 77, 77]],
  ["16 bits become 8", () => gray(3, 9, 99, 199).toColorspace("rgb16").png().toBuffer(), [9, 99, 199]],
  ["WebP", () => gray(3, 9, 99, 199).webp({ lossless: true }).toBuffer(), [9, 99, 199]],
  ["GIF", () => gray(3, 255, 0, 0).gif().toBuffer(), [255, 0, 0]],
])("%s", async (_, file, expected) => {
  const { data } = await decodeImage(new Blob([new Uint8Array(await file())]));
  for (const [channel, value] of expected.entries())
    expect(Math.abs((data[channel] as number) - value)).toBeLessThan(2);
  expect(data[3]).toBe(255);
});

test("AVIF, and a JPEG in CMYK, are read", async () => {
  for (const format of [gray(3, 9, 99, 199).avif(), gray(3, 255, 0, 0).toColorspace("cmyk").jpeg()]) {
    const pixels = await decodeImage(new Blob([new Uint8Array(await format.toBuffer())]));
    expect(pixels.data).toHaveLength(4);
  }
});

describe("refused by name", () => {
  const png = (): Promise<Buffer> => six.clone().png().toBuffer();

  test.each<[string, () => Promise<Parameters<typeof decodeImage>>, RegExp]>([
    [
      "text",
      async () => [new Blob(["hello"], { type: "text/plain" })],
      /JPEG, PNG, WebP, GIF or AVIF.*5 bytes of "text\/plain"/,
    ],
    ["a picture that is cut off", async () => [new Blob([new Uint8Array((await png()).subarray(0, 60))])], /3×2/],
    [
      "more pixels than are allowed",
      async () => [new Blob([new Uint8Array(await png())]), 5],
      /at most 5 in all, got 3×2/,
    ],
    ["pixels that are too few", async () => [{ data: new Uint8ClampedArray(7), width: 2, height: 1 }], /got 7 bytes/],
    ["a file that is missing", async () => ["nowhere.png"], /nowhere.png/],
    [
      "a broken picture in its address",
      async () => [`data:image/png;base64,${"!".repeat(9000)}`],
      /^data:image\/png;base64,!{178}…: expected a picture, which could not be fetched/,
    ],
    [
      "pixels of half a column",
      async () => [{ data: new Uint8ClampedArray(16), width: 0.5, height: 8 }],
      /4 bytes a pixel of 0[.]5×8, got 16 bytes/,
    ],
    ["an address of nothing", async () => ["http://127.0.0.1:9/a.png"], /could not be fetched/],
  ])("%s", async (_, given, message) => {
    await expect(decodeImage(...(await given()))).rejects.toMatchObject({
      name: "InvalidImageError",
      message: expect.stringMatching(message),
    });
  });

  test("a download that is cut off", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "image/png", "Content-Length": "1000" });
      response.write("begun", () => response.destroy());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`;
    await expect(decodeImage(address)).rejects.toMatchObject({
      name: "InvalidImageError",
      message: expect.stringContaining(`${address}: expected a picture, which could not be fetched`),
    });
    server.close();
  });

  test("a file that changes after it was opened", async () => {
    const path = join(tmpdir(), `sam2-changed-${process.pid}.png`);
    await writeFile(path, await png());
    const opened = await openAsBlob(path);
    await writeFile(path, "another");
    await expect(decodeImage(opened)).rejects.toMatchObject({
      name: "InvalidImageError",
      message: expect.stringContaining("expected a picture, got a file that cannot be read"),
    });
    await rm(path);
  });

  test("a small file of gigapixels, before it is decoded", async () => {
    const file = await png();
    file.writeUInt32BE(100_000, 16);
    file.writeUInt32BE(100_000, 20);
    await expect(decodeImage(new Blob([new Uint8Array(file)]))).rejects.toMatchObject({ name: "InvalidImageError" });
  });
});
