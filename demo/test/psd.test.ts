/** PSD layers, read back by the library that writes them. */
import { initializeCanvas, readPsd } from "ag-psd";
import { decodeRle, encodeRle, maskBox } from "sam2-web";
import { expect, test } from "vitest";
import { toPsd } from "../src/formats/psd.ts";
import { type LabeledImage, newObject } from "../src/labels/annotations.ts";

// reading, not writing, asks for pixels; there is no canvas here
initializeCanvas(
  () => {
    throw new Error("not asked for");
  },
  (wide, high) => ({ data: new Uint8ClampedArray(4 * wide * high), width: wide, height: high }) as ImageData,
);

const [width, height] = [9, 7];
const object = (className: string, inside: (x: number, y: number) => boolean) => {
  const data = Uint8Array.from({ length: width * height }, (_, i) => Number(inside(i % width, Math.floor(i / width))));
  return newObject(className, encodeRle({ width, height, data }));
};
const IMAGE: LabeledImage = {
  id: "a",
  sha256: null,
  name: "a.jpg",
  width,
  height,
  objects: [
    object("cat", (x, y) => x >= 2 && x < 7 && y >= 1 && y < 6 && !(x === 4 && y === 3)),
    { ...object("ärger & co", (x, y) => x === 8 && y === 6), name: "Rex", hidden: true },
    object("nothing", () => false),
  ],
};
const picture = {
  width,
  height,
  data: Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : (7 * i) % 256)),
};

test("a layer for each object, at its place, with the picture where its mask is and transparent elsewhere", () => {
  const psd = readPsd(toPsd(IMAGE, picture), { useImageData: true });
  expect([psd.width, psd.height]).toEqual([width, height]);
  expect([...(psd.imageData?.data ?? [])]).toEqual([...picture.data]);
  const [background, ...layers] = psd.children ?? [];
  expect([background?.name, [...(background?.imageData?.data ?? [])]]).toEqual(["Picture", [...picture.data]]);
  expect(layers.map(({ name, hidden }) => [name, hidden])).toEqual([
    ["cat", false],
    ["ärger & co: Rex", true],
  ]);
  for (const [i, { left = 0, top = 0, imageData }] of layers.entries()) {
    const mask = decodeRle((IMAGE.objects[i] as (typeof IMAGE.objects)[number]).rle);
    expect([left, top, imageData?.width, imageData?.height]).toEqual(maskBox(mask));
    const wide = imageData?.width ?? 0;
    for (let at = 0; at < wide * (imageData?.height ?? 0); at++) {
      const from = (top + Math.floor(at / wide)) * width + left + (at % wide);
      const expected = mask.data[from] ? [...picture.data.subarray(4 * from, 4 * from + 4)] : [0, 0, 0, 0];
      expect([...(imageData?.data.subarray(4 * at, 4 * at + 4) ?? [])]).toEqual(expected);
    }
  }
});

test("a picture that the format cannot hold is refused, with what can", () => {
  expect(() => toPsd({ ...IMAGE, width: 30_001, height: 1, objects: [] }, picture)).toThrow(
    expect.objectContaining({
      name: "ExportError",
      message: "PSD holds pictures of 30000 pixels a side at most, and a.jpg has 30001×1; choose cut-outs",
    }),
  );
});
