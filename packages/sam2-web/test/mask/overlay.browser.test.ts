/** What is drawn: looked at pixel by pixel. */
import { cutOut, drawMask, drawOverlay, exportCanvas, type Mask } from "sam2-web";
import { describe, expect, test } from "vitest";

/** A gray picture of 8×6 pixels. */
function gray(): OffscreenCanvas {
  const canvas = new OffscreenCanvas(8, 6);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = "rgb(100 100 100)";
  context.fillRect(0, 0, 8, 6);
  return canvas;
}

function mask(x: number, y: number, width: number, height: number): Mask {
  const data = new Uint8Array(8 * 6);
  for (let row = y; row < y + height; row++) data.fill(1, row * 8 + x, row * 8 + x + width);
  return { data, width: 8, height: 6 };
}

function pixel(canvas: OffscreenCanvas, x: number, y: number): number[] {
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  return [...context.getImageData(x, y, 1, 1).data];
}

describe("overlay", () => {
  const red = [200, 0, 0] as const;

  test.each([
    ["inside, the color by its opacity", 3, 2, [150, 50, 50, 255]],
    ["at the edge, the color", 1, 1, [200, 0, 0, 255]],
    ["outside, the picture", 0, 0, [100, 100, 100, 255]],
  ])("%s", (_, x, y, expected) => {
    const canvas = drawOverlay(gray(), { masks: [mask(1, 1, 5, 4)], colors: [red], opacity: 0.5, edge: 1 });
    expect(pixel(canvas, x, y)).toEqual(expected);
  });

  test("without an edge", () => {
    const canvas = drawOverlay(gray(), { masks: [mask(1, 1, 5, 4)], colors: [red], opacity: 0.5, edge: 0 });
    expect(pixel(canvas, 1, 1)).toEqual([150, 50, 50, 255]);
  });

  test("points and boxes lie over the masks", () => {
    const canvas = drawOverlay(gray(), { masks: [], points: [{ x: 4, y: 3, positive: false }], boxes: [[0, 0, 8, 6]] });
    expect(pixel(canvas, 4, 3)).toEqual([220, 38, 38, 255]);
    expect(pixel(canvas, 0, 0)).not.toEqual([100, 100, 100, 255]);
  });

  test("a mask of another size is refused", () => {
    const small: Mask = { data: new Uint8Array(4), width: 2, height: 2 };
    expect(() => drawOverlay(gray(), { masks: [small] })).toThrow("expected a mask of 8×6, got 2×2");
  });
});

describe("cut-out", () => {
  test("the object's box, transparent around it", () => {
    const object: Mask = { ...mask(2, 1, 3, 2), data: mask(2, 1, 3, 2).data.with(8 + 2, 0) };
    const canvas = cutOut(gray(), object);
    expect([canvas.width, canvas.height]).toEqual([3, 2]);
    expect([pixel(canvas, 0, 0), pixel(canvas, 1, 0)]).toEqual([
      [0, 0, 0, 0],
      [100, 100, 100, 255],
    ]);
  });

  test("or the whole picture's size", () => {
    const canvas = cutOut(gray(), mask(2, 1, 3, 2), false);
    expect([canvas.width, canvas.height, pixel(canvas, 0, 0)[3], pixel(canvas, 2, 1)[3]]).toEqual([8, 6, 0, 255]);
  });

  test("of nothing there is none", () => {
    expect(() => cutOut(gray(), mask(0, 0, 0, 0))).toThrow("got an empty one");
  });
});

test("an `<img>` counts by its own pixels, however large the page shows it", async () => {
  const image = new Image(4, 3);
  image.src = await exportCanvas(gray(), "data-url");
  await image.decode();
  document.body.append(image);
  expect([image.width, image.naturalWidth]).toEqual([4, 8]);
  const whole = drawOverlay(image, { masks: [mask(1, 1, 5, 4)], colors: [[200, 0, 0]], edge: 1 });
  expect([whole.width, whole.height, pixel(whole, 1, 1)]).toEqual([8, 6, [200, 0, 0, 255]]);
  const cut = cutOut(image, mask(2, 1, 3, 2));
  expect([cut.width, cut.height, pixel(cut, 2, 1)]).toEqual([3, 2, [100, 100, 100, 255]]);
  image.remove();
});

test("a mask as a picture", () => {
  const canvas = drawMask(mask(2, 1, 3, 2));
  expect([pixel(canvas, 0, 0), pixel(canvas, 2, 1)]).toEqual([
    [0, 0, 0, 255],
    [255, 255, 255, 255],
  ]);
});

test.each([
  ["image/png", "data:image/png;base64,iVBOR"],
  ["image/jpeg", "data:image/jpeg;base64,/9j/"],
  ["image/webp", "data:image/webp;base64,UklGR"],
] as const)("a canvas is written as %s", async (type, start) => {
  expect(await exportCanvas(gray(), "data-url", { type })).toContain(start);
  expect((await exportCanvas(gray(), "blob", { type, quality: 0.5 })).type).toBe(type);
  expect((await exportCanvas(gray(), "bitmap")).width).toBe(8);
});
