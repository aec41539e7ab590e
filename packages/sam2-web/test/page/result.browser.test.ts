/** What a result gives, from logits that are known. */
import { decodeRle, SegmentResult } from "sam2-web";
import { describe, expect, test } from "vitest";

/** Masks of 4×4 cells on a picture of 8×4 pixels: columns from `from` to `to` are inside. */
function columns(from: number, to: number): number[] {
  return Array.from({ length: 16 }, (_, i) => (i % 4 >= from && i % 4 < to ? 8 : -8));
}

/** A picture: the left half red, the right half green. */
function picture(width = 8): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, 4);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = "rgb(200 0 0)";
  context.fillRect(0, 0, 4, 4);
  context.fillStyle = "rgb(0 200 0)";
  context.fillRect(4, 0, 4, 4);
  return canvas;
}

/** Two objects of two masks each. */
function result(source = picture()): SegmentResult {
  const data = Float32Array.from([columns(0, 2), columns(2, 4), columns(0, 4), columns(4, 4)].flat());
  const logits = { data, dims: [2, 2, 4, 4] };
  const scores = { data: Float32Array.of(0.9, 0.8, 0.7, 0.6), dims: [2, 2] };
  const objectScores = { data: Float32Array.of(1, 1), dims: [2, 1] };
  const prediction = { logits, settled: logits, scores, objectScores, decode: 1, closeUps: [] };
  return new SegmentResult({ prediction, width: 8, height: 4, returnLogits: false, quality: "full" }, source);
}

async function pixelsOf(blob: Blob): Promise<{ width: number; height: number; at(x: number, y: number): number[] }> {
  const bitmap = await createImageBitmap(blob);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext(
    "2d",
  ) as OffscreenCanvasRenderingContext2D;
  context.drawImage(bitmap, 0, 0);
  const at = (x: number, y: number): number[] => [...context.getImageData(x, y, 1, 1).data];
  return { width: bitmap.width, height: bitmap.height, at };
}

const LEFT = [
  [0, 0],
  [4, 0],
  [4, 4],
  [0, 4],
];
const RIGHT = LEFT.map(([x = 0, y = 0]) => [x + 4, y]);
const ALL = LEFT.map(([x = 0, y = 0]) => [2 * x, y]);

describe("outlines and runs", () => {
  test.each([
    ["the best mask of the first object", {}, LEFT],
    ["the second mask", { index: 1 }, RIGHT],
    ["the second object", { object: 1 }, ALL],
  ])("%s", (_, choice, ring) => {
    const [piece] = result().toPolygons(choice);
    const corners = (list: readonly (readonly number[])[]): string[] => list.map(String).sort();
    expect(corners(piece?.outer ?? [])).toEqual(corners(ring));
    const { index, object } = choice as { index?: number; object?: number };
    expect(decodeRle(result().toRle(choice))).toEqual(result().mask(index, object));
  });

  test("an SVG of the picture's size, in the color of the page's text", () => {
    const svg = new DOMParser().parseFromString(result().toSvg(), "image/svg+xml").documentElement;
    expect(svg.getAttribute("viewBox")).toBe("0 0 8 4");
    const path = svg.querySelector("path");
    expect(path?.getAttribute("fill")).toBe("currentColor");
    expect(path?.getAttribute("d")).toMatch(/^M(\d \dL){3}\d \dZ$/);
  });

  test("an empty mask has no outline", () => {
    expect(result().toPolygons({ object: 1, index: 1 })).toEqual([]);
    expect(result().toSvg({ object: 1, index: 1 })).toContain('d=""');
  });
});

describe("pictures", () => {
  test.each([
    ["white on black", {}, [255, 255, 255, 255], [0, 0, 0, 255]],
    ["in a color on a transparent ground", { color: [10, 20, 30] as const }, [10, 20, 30, 255], [0, 0, 0, 0]],
  ])("the mask %s, as pixels and as a file", async (_, options, inside, outside) => {
    const { data, width, height } = result().toImageData(options);
    expect([width, height]).toEqual([8, 4]);
    expect([...data.subarray(0, 4)]).toEqual(inside);
    expect([...data.subarray(7 * 4, 8 * 4)]).toEqual(outside);
    const file = await result().toBlob(options);
    expect(file.type).toBe("image/png");
    const pixels = await pixelsOf(file);
    expect([pixels.at(0, 0), pixels.at(7, 0)]).toEqual([inside, outside]);
  });

  test("the object alone: cropped to its box, or as large as the picture", async () => {
    const cropped = await pixelsOf(await result().cutout({ index: 1 }));
    expect([cropped.width, cropped.height, cropped.at(0, 0)]).toEqual([4, 4, [0, 200, 0, 255]]);
    const whole = await pixelsOf(await result().cutout({ index: 1, crop: false }));
    expect([whole.width, whole.height, whole.at(0, 0), whole.at(7, 3)]).toEqual([8, 4, [0, 0, 0, 0], [0, 200, 0, 255]]);
  });

  test.each<[string, () => Promise<unknown>, string, string]>([
    ["an empty mask", () => result().cutout({ object: 1, index: 1 }), "InvalidMaskError", "got an empty one"],
    ["a picture of another size", () => result(picture(4)).cutout(), "InvalidMaskError", "of 4×4, got 8×4"],
  ])("cutting out of %s is refused", async (_, cut, name, message) => {
    await expect(cut()).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
  });
});

test.each([2, 0.5, -1, Number.NaN])("a mask that is not there, %s, is refused by all of them", async (index) => {
  const choice = { index };
  for (const make of [
    () => result().toRle(choice),
    () => result().toPolygons(choice),
    () => result().toSvg(choice),
    () => result().toImageData(choice),
    () => result().toBlob(choice),
  ])
    await expect(async () => make()).rejects.toThrow(`mask ${index} of object 0: there are 2 masks of 2 objects`);
});
