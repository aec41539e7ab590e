import fc from "fast-check";
import {
  type Box,
  fitted,
  isOnPicture,
  keptInView,
  panned,
  toImage,
  toView,
  type Viewport,
  visibleBox,
  zoomed,
  zoomLimits,
} from "sam2-canvas";
import { expect, test } from "vitest";

const viewports = fc.record({
  scale: fc.double({ min: 0.01, max: 32, noNaN: true }),
  left: fc.double({ min: -5000, max: 5000, noNaN: true }),
  top: fc.double({ min: -5000, max: 5000, noNaN: true }),
});
const places = fc.record({
  x: fc.double({ min: -5000, max: 5000, noNaN: true }),
  y: fc.double({ min: -5000, max: 5000, noNaN: true }),
});
const sizes = fc.record({ width: fc.integer({ min: 1, max: 8000 }), height: fc.integer({ min: 1, max: 8000 }) });

test.each<[string, Viewport, { x: number; y: number }, { x: number; y: number }]>([
  ["the corner of the picture", { scale: 2, left: 10, top: 20 }, { x: 10, y: 20 }, { x: 0, y: 0 }],
  ["the middle of pixel 3, 4", { scale: 2, left: 10, top: 20 }, { x: 17, y: 29 }, { x: 3.5, y: 4.5 }],
  ["left of the picture", { scale: 0.5, left: 10, top: 0 }, { x: 0, y: 0 }, { x: -20, y: 0 }],
])("%s", (_, viewport, view, image) => {
  expect(toImage(viewport, view)).toEqual(image);
  expect(toView(viewport, image)).toEqual(view);
});

test("image pixels → view → image pixels", () => {
  fc.assert(
    fc.property(viewports, places, (viewport, place) => {
      const back = toImage(viewport, toView(viewport, place));
      expect(Math.hypot(back.x - place.x, back.y - place.y)).toBeLessThan(1e-6);
    }),
  );
});

test("what is zoomed about stays where it is", () => {
  fc.assert(
    fc.property(viewports, places, fc.double({ min: 0.1, max: 10, noNaN: true }), (viewport, about, factor) => {
      const before = toImage(viewport, about);
      const after = toImage(zoomed(viewport, factor, about, { min: 0.001, max: 1000 }), about);
      expect(Math.hypot(after.x - before.x, after.y - before.y)).toBeLessThan(1e-5);
    }),
  );
});

test.each([
  [100, 32],
  [0.0001, 0.25],
])("a zoom by %d ends at the limit %d", (factor, scale) => {
  expect(zoomed({ scale: 1, left: 0, top: 0 }, factor, { x: 0, y: 0 }, { min: 0.25, max: 32 }).scale).toBe(scale);
});

test.each<[string, Box | undefined, Viewport]>([
  ["the whole", undefined, { scale: 1.96, left: 8, top: 106 }],
  ["a box of it", [100, 100, 200, 200], { scale: 7.84, left: -776, top: -776 }],
])("fitted: %s", (_, box, expected) => {
  const viewport = fitted({ width: 400, height: 300 }, { width: 800, height: 800 }, box);
  for (const key of ["scale", "left", "top"] as const) expect(viewport[key]).toBeCloseTo(expected[key], 9);
});

test("a fitted picture is in view as a whole, and within the limits of zoom", () => {
  fc.assert(
    fc.property(sizes, sizes, fc.constantFrom(1, 1.25, 2, 3), (picture, view, ratio) => {
      const viewport = fitted(picture, view);
      const box = visibleBox(viewport, picture, view);
      expect(box).toEqual([0, 0, picture.width, picture.height]);
      const { min, max } = zoomLimits(picture, view, ratio);
      expect(viewport.scale).toBeGreaterThanOrEqual(min);
      expect(viewport.scale).toBeLessThanOrEqual(max);
    }),
  );
});

test("a picture cannot be moved out of view", () => {
  fc.assert(
    fc.property(viewports, sizes, sizes, (viewport, picture, view) => {
      expect(visibleBox(keptInView(viewport, picture, view), picture, view)).not.toBeNull();
    }),
  );
  const kept = { scale: 1, left: 752, top: 0 };
  const view = { width: 800, height: 600 };
  expect(keptInView({ scale: 1, left: 9999, top: 0 }, { width: 400, height: 300 }, view)).toEqual(kept);
  expect(keptInView(kept, { width: 400, height: 300 }, view)).toEqual(kept);
});

test("out of view", () => {
  const picture = { width: 400, height: 300 };
  expect(visibleBox({ scale: 1, left: 200, top: 0 }, picture, { width: 100, height: 100 })).toBeNull();
});

test.each([
  [0, 0, true],
  [399.9, 299.9, true],
  [400, 10, false],
  [10, -0.1, false],
])("%d, %d is on a picture of 400×300: %s", (x, y, on) => {
  expect(isOnPicture({ x, y }, { width: 400, height: 300 })).toBe(on);
});

test("a pan keeps the scale", () => {
  expect(panned({ scale: 3, left: 1, top: 2 }, 10, -20)).toEqual({ scale: 3, left: 11, top: -18 });
});
