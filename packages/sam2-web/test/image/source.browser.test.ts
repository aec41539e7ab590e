/** Pictures as the browser decodes them: their headers' sizes are right, and what is too large is not decoded. */

import { readImageHeader } from "sam2-core";
import { describe, expect, test } from "vitest";
import FILES from "../../../../models/reference/fixtures/headers.json" with { type: "json" };
import { decodeImage, toTransferable } from "../../src/image/source.ts";

const PHOTO = Object.values(
  import.meta.glob<string>("../../../../models/reference/fixtures/photo/truck.png", {
    query: "?url",
    import: "default",
    eager: true,
  }),
)[0] as string;

/** A PNG of one color, one bit a pixel: a small file for any number of pixels. */
async function flatPng(width: number, height: number): Promise<Blob> {
  const table = Uint32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });
  const chunk = (type: string, content: Uint8Array): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(12 + content.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, content.length);
    bytes.set(new TextEncoder().encode(type), 4);
    bytes.set(content, 8);
    let crc = 0xffffffff;
    for (const byte of bytes.subarray(4, -4)) crc = (table[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
    view.setUint32(bytes.length - 4, ~crc);
    return bytes;
  };
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 1;
  const rows = new Blob([new Uint8Array(height * (1 + Math.ceil(width / 8)))]);
  const deflated = rows.stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(deflated).arrayBuffer());
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return new Blob([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array())]);
}

// the browser has no HEIC
test.each(FILES.filter(({ format }) => format !== "heic"))("$name is decoded at its size", async (file) => {
  const bytes = Uint8Array.from(atob(file.base64), (character) => character.charCodeAt(0));
  const { width, height } = await decodeImage(new Blob([bytes]));
  expect([width, height]).toEqual([file.width, file.height]);
});

test.each(["image/png", "image/jpeg", "image/webp"])("what the browser writes is read: %s", async (type) => {
  const canvas = new OffscreenCanvas(300, 200);
  canvas.getContext("2d")?.fillRect(10, 10, 50, 50);
  expect(await readImageHeader(await canvas.convertToBlob({ type }))).toEqual({
    format: type.slice("image/".length),
    width: 300,
    height: 200,
  });
});

describe("too large", () => {
  const size = "expected 1 to 16384 pixels a side and at most";

  test("a small file of gigabytes is refused before it is decoded", async () => {
    const bomb = await flatPng(16_000, 16_000);
    expect(bomb.size).toBeLessThan(50_000);
    const start = performance.now();
    await expect(decodeImage(bomb)).rejects.toThrow(`${size} 100000000 in all, got 16000×16000`);
    // decoding it takes a second and a gigabyte
    expect(performance.now() - start).toBeLessThan(100);
  });

  test("the limit is an option", async () => {
    const picture = await flatPng(400, 300);
    await expect(decodeImage(picture, 119_999)).rejects.toThrow(`${size} 119999 in all, got 400×300`);
    expect((await decodeImage(picture, 120_000)).width).toBe(400);
  });

  test("pixels that were decoded elsewhere are counted, too", async () => {
    const bitmap = await createImageBitmap(new ImageData(400, 300));
    await expect(decodeImage(bitmap, 1000)).rejects.toMatchObject({ name: "InvalidImageError" });
  });
});

test.each<[string, BlobPart[], string]>([
  ["of no known format", ["<svg/>"], "expected a picture (JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC), got 6 bytes"],
  ["that breaks off", ["GIF89a", new Uint8Array(8).fill(1)], "expected a picture"],
])("a file %s is named", async (_, parts, message) => {
  await expect(decodeImage(new Blob(parts))).rejects.toThrow(message);
});

describe("a picture of another host", () => {
  /** The same server by another name is another host. */
  const elsewhere = new URL(PHOTO, location.href);
  elsewhere.hostname = location.hostname === "localhost" ? "127.0.0.1" : "localhost";

  async function picture(crossOrigin: string | null): Promise<HTMLImageElement> {
    const image = new Image();
    image.crossOrigin = crossOrigin;
    image.src = elsewhere.href;
    await image.decode();
    return image;
  }

  test.each<[string, () => Promise<HTMLImageElement | HTMLCanvasElement>]>([
    ["without CORS", () => picture(null)],
    [
      "drawn on a canvas",
      async () => {
        const canvas = document.createElement("canvas");
        canvas.getContext("2d")?.drawImage(await picture(null), 0, 0);
        return canvas;
      },
    ],
  ])("%s: a named error says what it needs", async (_, give) => {
    await expect(toTransferable(await give())).rejects.toMatchObject({
      name: "InvalidImageError",
      message: expect.stringContaining('crossorigin="anonymous"'),
    });
  });

  test("with CORS: its pixels", async () => {
    const given = await toTransferable(await picture("anonymous"));
    expect((given as ImageBitmap).width).toBeGreaterThan(100);
  });
});
