/** Masks as turns, their shapes and outlines, each against the same thing said pixel by pixel. */
import fc from "fast-check";
import { decodeRle, encodeRle, type Mask, maskIou, maskParts, type Rle } from "sam2-web";
import { describe, expect, test } from "vitest";
import {
  cornerCount,
  cornerNear,
  filled,
  lineNear,
  outlineOf,
  type Rings,
  reshaped,
  withCornerAfter,
  withCornerAt,
  withoutCorner,
} from "../src/masks/outline.ts";
import { grown, resized, shrunk, smoothed, withoutHoles } from "../src/masks/shape.ts";
import {
  areaOf,
  complement,
  covers,
  difference,
  intersection,
  iouOf,
  rleOf,
  turnsOf,
  union,
} from "../src/masks/turns.ts";

/** A mask from rows of text: # is of it. */
const mask = (...rows: readonly string[]): Rle =>
  encodeRle({
    width: rows[0]?.length ?? 0,
    height: rows.length,
    data: Uint8Array.from(rows.join(""), (letter) => Number(letter === "#")),
  });

const rowsOf = (rle: Rle): string[] => {
  const { data, width, height } = decodeRle(rle);
  return Array.from({ length: height }, (_, y) =>
    [...data.subarray(y * width, (y + 1) * width)].map((value) => (value ? "#" : ".")).join(""),
  );
};

/** Masks that are neither noise nor empty: a few boxes, some cut out. */
const masks: fc.Arbitrary<Mask> = fc
  .record({
    width: fc.integer({ min: 1, max: 14 }),
    height: fc.integer({ min: 1, max: 14 }),
    boxes: fc.array(fc.tuple(fc.nat(13), fc.nat(13), fc.nat(8), fc.nat(8), fc.boolean()), { maxLength: 6 }),
  })
  .map(({ width, height, boxes }) => {
    const data = new Uint8Array(width * height);
    for (const [left, top, wide, high, isSet] of boxes) {
      for (let y = top; y <= top + high && y < height; y++) {
        for (let x = left; x <= left + wide && x < width; x++) data[y * width + x] = Number(isSet);
      }
    }
    return { data, width, height };
  });
const pairs = masks.chain((a) =>
  masks.map((b) => {
    const data = Uint8Array.from(a.data, (_, at) => {
      const [x, y] = [at % a.width, Math.floor(at / a.width)];
      return x < b.width && y < b.height ? (b.data[y * b.width + x] as number) : 0;
    });
    return [a, { ...a, data }] as const;
  }),
);

/** A mask by a rule for each pixel. */
const byPixel = ({ width, height }: Mask, isSet: (x: number, y: number) => boolean): Rle =>
  encodeRle({
    width,
    height,
    data: Uint8Array.from({ length: width * height }, (_, at) => Number(isSet(at % width, Math.floor(at / width)))),
  });
const at = ({ data, width, height }: Mask, x: number, y: number): boolean =>
  x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;

test("union, intersection, difference, complement, area and IoU are those of the pixels", () => {
  fc.assert(
    fc.property(pairs, ([a, b]) => {
      const [p, q] = [turnsOf(encodeRle(a)), turnsOf(encodeRle(b))];
      const { width, height } = a;
      const rle = (turns: Uint32Array): Rle => rleOf(turns, width, height);
      expect(rle(union([p, q]))).toEqual(byPixel(a, (x, y) => at(a, x, y) || at(b, x, y)));
      expect(rle(intersection(p, q))).toEqual(byPixel(a, (x, y) => at(a, x, y) && at(b, x, y)));
      expect(rle(difference(p, q))).toEqual(byPixel(a, (x, y) => at(a, x, y) && !at(b, x, y)));
      expect(rle(complement(p, width * height))).toEqual(byPixel(a, (x, y) => !at(a, x, y)));
      expect(areaOf(p)).toBe(a.data.reduce((sum, value) => sum + value, 0));
      expect(iouOf(p, q)).toBeCloseTo(maskIou(a, b));
      expect(covers(encodeRle(a), width - 0.5, height - 0.5)).toBe(at(a, width - 1, height - 1));
    }),
  );
});

test("grown and shrunk go by the distance between centers of pixels; the picture's border is no end of a mask", () => {
  fc.assert(
    fc.property(masks, fc.integer({ min: 1, max: 4 }), (given, reach) => {
      const isNear = (x: number, y: number, isSet: boolean): boolean => {
        for (let j = 0; j < given.height; j++) {
          for (let i = 0; i < given.width; i++) {
            if (at(given, i, j) === isSet && (i - x) ** 2 + (j - y) ** 2 <= reach ** 2) return true;
          }
        }
        return false;
      };
      expect(grown(encodeRle(given), reach)).toEqual(byPixel(given, (x, y) => isNear(x, y, true)));
      expect(shrunk(encodeRle(given), reach)).toEqual(byPixel(given, (x, y) => !isNear(x, y, false)));
    }),
  );
});

test("smoothed: each pixel is as most of its neighbors in the picture", () => {
  fc.assert(
    fc.property(masks, fc.integer({ min: 1, max: 3 }), (given, reach) => {
      const isMost = (x: number, y: number): boolean => {
        let [set, all] = [0, 0];
        for (let j = Math.max(y - reach, 0); j <= Math.min(y + reach, given.height - 1); j++) {
          for (let i = Math.max(x - reach, 0); i <= Math.min(x + reach, given.width - 1); i++) {
            all++;
            if (at(given, i, j)) set++;
          }
        }
        return 2 * set > all;
      };
      expect(smoothed(encodeRle(given), reach)).toEqual(byPixel(given, isMost));
    }),
  );
});

describe("holes and parts", () => {
  test.each([
    ["a hole", ["####", "#..#", "####"], ["####", "####", "####"]],
    ["a bay is none", ["####", "#..#", "##.#"], ["####", "#..#", "##.#"]],
    ["what touches at a corner shuts nothing off", ["##.", "#.#", ".##"], ["##.", "#.#", ".##"]],
    ["a hole with an island", ["#####", "#...#", "#.#.#", "#...#", "#####"], Array(5).fill("#####")],
    ["nothing", ["...", "..."], ["...", "..."]],
  ])("%s", (_, before, after) => {
    expect(rowsOf(withoutHoles(mask(...before)))).toEqual(after);
  });

  test("parts are whole, apart, and largest first", () => {
    expect(maskParts(mask("#..##", ".#...", "....#")).map(rowsOf)).toEqual([
      ["#....", ".#...", "....."],
      ["...##", ".....", "....."],
      [".....", ".....", "....#"],
    ]);
    fc.assert(
      fc.property(masks, (given) => {
        const parts = maskParts(encodeRle(given)).map(turnsOf);
        const all = union(parts.length > 0 ? parts : [new Uint32Array()]);
        expect(rleOf(all, given.width, given.height)).toEqual(encodeRle(given));
        expect(parts.reduce((sum, part) => sum + areaOf(part), 0)).toBe(areaOf(all));
        for (const part of parts) expect(maskParts(rleOf(part, given.width, given.height))).toHaveLength(1);
      }),
    );
  });
});

test("a mask for a picture of twice the size has each pixel four times, and comes back", () => {
  fc.assert(
    fc.property(masks, (given) => {
      const large = resized(encodeRle(given), 2 * given.width, 2 * given.height);
      const of = { ...given, width: 2 * given.width, height: 2 * given.height };
      expect(large).toEqual(byPixel(of, (x, y) => at(given, Math.floor(x / 2), Math.floor(y / 2))));
      expect(resized(large, given.width, given.height)).toEqual(encodeRle(given));
    }),
  );
});

describe("outlines", () => {
  test("an exact outline fills to the mask again", () => {
    fc.assert(
      fc.property(masks, (given) => {
        const rle = encodeRle(given);
        expect(filled(outlineOf(rle, 0), given.width, given.height)).toEqual(rle);
      }),
    );
  });

  test("pixels whose center is inside are filled, also where lines leave the picture", () => {
    const triangle = [
      { x: -4, y: 0 },
      { x: 4, y: 0 },
      { x: 4, y: 8 },
    ];
    expect(rowsOf(filled([triangle], 4, 4))).toEqual(["####", "####", "####", "####"]);
    expect(rowsOf(filled([triangle.map(({ x, y }) => ({ x, y: y - 3 }))], 4, 4))).toEqual([
      "####",
      ".###",
      "..##",
      "...#",
    ]);
  });

  const square = mask("......", ".####.", ".####.", ".####.", "......");
  const outline = outlineOf(square, 0);
  const corner = (x: number, y: number) => cornerNear(outline, { x, y }, 0.5);

  test("a corner is moved, added and removed; the mask follows", () => {
    const found = corner(5, 4);
    expect(found).not.toBeNull();
    const moved = withCornerAt(outline, found ?? { ring: 0, corner: 0 }, { x: 5, y: 2 });
    expect(rowsOf(reshaped(square, outline, moved))).toEqual(["......", ".####.", ".###..", ".#....", "......"]);
    const line = lineNear(outline, { x: 3, y: 0.8 }, 0.5);
    const more = withCornerAfter(outline, line ?? { ring: 9, corner: 0 }, { x: 3, y: 0 });
    expect(cornerCount(more)).toBe(cornerCount(outline) + 1);
    expect(rowsOf(reshaped(square, outline, more))[0]).toBe("..##..");
    expect(cornerCount(withoutCorner(more, { ring: 0, corner: 0 }))).toBe(4);
  });

  test("a ring with less than three corners is none", () => {
    const triangle: Rings = [[0, 1, 2].map((x) => ({ x, y: x * x }))];
    expect(withoutCorner(triangle, { ring: 0, corner: 1 })).toEqual([]);
  });

  test("moving a corner of a simplified outline leaves the rest of the mask as exact as it was", () => {
    const ragged = mask("........", ".#.#.##.", ".######.", ".######.", ".######.", "........");
    const simple = outlineOf(ragged, 2);
    const far = cornerNear(simple, { x: 7, y: 5 }, 1) ?? { ring: 0, corner: 0 };
    const after = reshaped(ragged, simple, withCornerAt(simple, far, { x: 8, y: 6 }));
    expect(rowsOf(after).slice(0, 2)).toEqual(rowsOf(ragged).slice(0, 2));
    expect(after).not.toEqual(ragged);
  });

  test("a place that is near to nothing finds nothing", () => {
    expect([cornerNear(outline, { x: 3, y: 2.5 }, 1), lineNear(outline, { x: 3, y: 2.5 }, 1)]).toEqual([null, null]);
  });
});

test("a mask of twelve megapixels is grown, smoothed and filled without its pixels being walked many times", () => {
  const [width, height] = [4000, 3000];
  const ring = Array.from({ length: 400 }, (_, i) => {
    const [turn, far] = [(i / 400) * 2 * Math.PI, i % 2 ? 1300 : 1250];
    return { x: 2000 + far * Math.cos(turn), y: 1500 + far * Math.sin(turn) };
  });
  const large = filled([ring], width, height);
  const more = grown(large, 20);
  expect(iouOf(turnsOf(shrunk(more, 20)), turnsOf(large))).toBeGreaterThan(0.97);
  expect(iouOf(turnsOf(smoothed(large, 20)), turnsOf(large))).toBeGreaterThan(0.95);
  expect(withoutHoles(large)).toEqual(large);
});
