import fc from "fast-check";
import { contoursOf, type Outline, thinned } from "sam2-canvas";
import { encodeRle, type Mask, resizeMask } from "sam2-web";
import { expect, test } from "vitest";
import { outlinesAt, traced } from "../src/shape.ts";

/** Fills outlines by the even-odd rule; a pixel is in where its middle is. */
function filled(outlines: readonly Outline[], width: number, height: number): Mask {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const crossings: number[] = [];
    for (const outline of outlines) {
      for (let i = 0; i < outline.length; i += 2) {
        const [ax, ay] = [outline[i] as number, outline[i + 1] as number];
        const [bx, by] = [outline[(i + 2) % outline.length] as number, outline[(i + 3) % outline.length] as number];
        if (ay <= y + 0.5 === by <= y + 0.5) continue;
        crossings.push(ax + ((y + 0.5 - ay) / (by - ay)) * (bx - ax));
      }
    }
    for (let x = 0; x < width; x++) data[y * width + x] = crossings.filter((at) => at <= x + 0.5).length % 2;
  }
  return { data, width, height };
}

/** A field of blobs, with holes and corners that touch. */
function waves(side: number, seed: number): Float32Array {
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return Math.sin(x * 0.9 + seed) + Math.cos(y * 0.7 - seed * 2) + 0.6 * Math.sin((x + 2 * y) * 0.5 + seed);
  });
}

function differing(a: Mask, b: Mask): number {
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - (b.data[i] as number)), 0);
}

test.each([
  [1, 0.02],
  [4, 0.002],
  [16, 0.0002],
])("the contour with %d places a logit encloses the mask, but for %d of its pixels", (per, share) => {
  for (const seed of [0, 1.3, 2.9]) {
    const [data, width, height] = [waves(16, seed), 160, 96];
    const contour = filled(contoursOf({ data, side: 16 }, { width, height }, undefined, per), width, height);
    expect(differing(contour, resizeMask(data, 16, width, height))).toBeLessThanOrEqual(share * width * height);
  }
});

test("a window's contour is that of the whole, within the window", () => {
  const [data, width, height] = [waves(16, 0.4), 160, 96];
  const whole = resizeMask(data, 16, width, height);
  const part = filled(contoursOf({ data, side: 16 }, { width, height }, [40, 30, 90, 70], 16), width, height);
  let wrong = 0;
  for (let y = 30; y < 70; y++)
    for (let x = 40; x < 90; x++)
      wrong += Math.abs((part.data[y * width + x] as number) - (whole.data[y * width + x] as number));
  expect(wrong).toBeLessThanOrEqual(1);
});

test.each<[string, number[], Outline[]]>([
  ["nothing", [-1, -1, -1, -1], []],
  ["all", [1, 1, 1, 1], [[0, 0, 2, 0, 6, 0, 8, 0, 8, 2, 8, 6, 8, 8, 6, 8, 2, 8, 0, 8, 0, 6, 0, 2]]],
])("%s", (_, logits, expected) => {
  const found = contoursOf({ data: Float32Array.from(logits), side: 2 }, { width: 8, height: 8 });
  expect(found.map(filledArea)).toEqual(expected.map(filledArea));
});

test.each<[string, number[], boolean]>([
  ["joined where the middle is inside", [4, -1, -1, 4], true],
  ["apart where it is not", [1, -4, -4, 1], false],
  ["joined, the other way", [-1, 4, 4, -1], true],
  ["apart, the other way", [-4, 1, 1, -4], false],
])("two corners across: %s", (_, logits, joined) => {
  const plane = { data: Float32Array.from(logits), side: 2 };
  const drawn = filled(contoursOf(plane, { width: 9, height: 9 }), 9, 9);
  expect(drawn.data[4 * 9 + 4]).toBe(joined ? 1 : 0);
  expect(differing(drawn, resizeMask(plane.data, 2, 9, 9))).toBeLessThanOrEqual(4);
});

function filledArea(outline: Outline): number {
  return filled([outline], 8, 8).data.reduce((sum, value) => sum + value, 0);
}

const masks = fc
  .record({ width: fc.integer({ min: 1, max: 24 }), height: fc.integer({ min: 1, max: 24 }), seed: fc.nat() })
  .map(({ width, height, seed }): Mask => {
    const data = Uint8Array.from({ length: width * height }, (_, i) =>
      (Math.imul(i + 1, seed | 1) >>> 9) % 7 < 3 ? 1 : 0,
    );
    return { data, width, height };
  });

test("a traced mask, filled, is the mask; as RLE too", () => {
  fc.assert(
    fc.property(masks, (mask) => {
      for (const shape of [mask, encodeRle(mask)]) {
        const { outlines, box } = traced(shape);
        expect(filled(outlines, mask.width, mask.height)).toEqual(mask);
        expect(box === null).toBe(!mask.data.includes(1));
      }
    }),
  );
});

test("the box of a small object in a large picture", () => {
  const mask = { data: new Uint8Array(500 * 400), width: 500, height: 400 };
  for (let y = 100; y < 120; y++) mask.data.fill(1, y * 500 + 200, y * 500 + 230);
  const rle = encodeRle(mask);
  expect(traced(rle).box).toEqual([200, 100, 230, 120]);
});

test("an outline drawn small has fewer corners, none of them half a screen pixel off", () => {
  const mask = resizeMask(waves(16, 1), 16, 800, 600);
  const whole = traced(mask);
  const small = outlinesAt(whole, mask, 0.25, [0, 0, 800, 600]);
  const corners = (outlines: readonly Outline[]): number => outlines.reduce((sum, { length }) => sum + length / 2, 0);
  expect(corners(small)).toBeLessThan(corners(whole.outlines) / 2);
  expect(outlinesAt(whole, mask, 1, [0, 0, 800, 600])).toBe(whole.outlines);
  expect(thinned([0, 0, 1, 0, 4, 0, 4, 4], 2)).toEqual([0, 0, 4, 0, 4, 4]);
});
