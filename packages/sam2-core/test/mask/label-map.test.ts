/** Several masks as one picture of labels. */
import { type Mask, toLabelMap } from "sam2-core";
import { expect, test } from "vitest";

/** A mask of 4 × 3 whose first `count` pixels are the object's. */
const mask = (count: number): Mask => ({
  data: Uint8Array.from({ length: 12 }, (_, i) => Number(i < count)),
  width: 4,
  height: 3,
});

test("each pixel has the number of the smallest mask on it, or 0", () => {
  const { data, width, height } = toLabelMap([mask(2), mask(6), mask(4), mask(0)]);
  expect([width, height]).toEqual([4, 3]);
  expect([...data]).toEqual([1, 1, 3, 3, 2, 2, 0, 0, 0, 0, 0, 0]);
});

test("no masks, masks of several sizes, and more than have room are refused", () => {
  expect(() => toLabelMap([])).toThrow("expected at least one mask, got none");
  expect(() => toLabelMap([mask(1), { data: new Uint8Array(4), width: 2, height: 2 }])).toThrow(
    "expected a mask of 4×3, got 2×2",
  );
  expect(() => toLabelMap(Array.from({ length: 65_536 }, () => mask(1)))).toThrow(
    "expected at most 65535 masks, got 65536",
  );
});
