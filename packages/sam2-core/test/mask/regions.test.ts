/** Runs, regions and polygons: by their properties, and by small pictures. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cropBoxes, pointGrid } from "../../src/everything/grid.ts";
import { nonMaximumSuppression } from "../../src/everything/suppression.ts";
import { forEachRun, type Mask, maskArea, resizeLogits } from "../../src/mask/mask.ts";
import { maskToPolygons, type Polygon, polygonsToPath, type Ring } from "../../src/mask/polygon.ts";
import { removeSmallRegions, settleSmallRegions } from "../../src/mask/regions.ts";
import { compressRuns, decodeRle, encodeRle, expandRuns, maskToRuns, RunWriter, rleArea } from "../../src/mask/rle.ts";

function mask(...rows: string[]): Mask {
  return { data: Uint8Array.from(rows.join(""), Number), width: rows[0]?.length ?? 0, height: rows.length };
}

const rowsOf = ({ data, width, height }: Mask): string[] =>
  Array.from({ length: height }, (_, y) => data.subarray(y * width, (y + 1) * width).join(""));

const anyMask = fc
  .record({ width: fc.integer({ min: 1, max: 14 }), height: fc.integer({ min: 1, max: 14 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
      .map((data): Mask => ({ data, width, height })),
  );

describe("runs", () => {
  test("written one by one they are the mask's", () => {
    fc.assert(
      fc.property(anyMask, (given) => {
        const columns = encodeRle(given);
        const writer = new RunWriter();
        let position = 0;
        for (const [index, run] of expandRuns(columns).entries()) {
          if (index % 2 === 1) writer.add(position, position + run);
          position += run;
        }
        expect(writer.finish(position)).toEqual(maskToRuns(given));
        expect(rleArea(columns)).toBe(maskArea(given));
      }),
    );
  });

  test("those of resized logits are the pixels over the threshold", () => {
    const values = fc.float({ min: -4, max: 4, noNaN: true });
    const cases = fc.record({
      logits: fc.array(values, { minLength: 25, maxLength: 25 }),
      width: fc.integer({ min: 1, max: 40 }),
      height: fc.integer({ min: 1, max: 40 }),
      threshold: fc.constantFrom(-1, 0, 0.5),
    });
    fc.assert(
      fc.property(cases, ({ logits, width, height, threshold }) => {
        const plane = Float32Array.from(logits);
        const came = new Uint8Array(width * height);
        forEachRun(plane, 5, width, height, threshold, (y, from, to) => {
          expect(to).toBeGreaterThan(from);
          came.fill(1, y * width + from, y * width + to);
        });
        const full = resizeLogits(plane, 5, width, height);
        // at the threshold, rounding decides
        const clear = [...full.keys()].filter((i) => Math.abs((full[i] as number) - threshold) > 1e-4);
        expect(clear.map((i) => came[i])).toEqual(clear.map((i) => Number((full[i] as number) > threshold)));
      }),
    );
  });
});

describe("small regions", () => {
  test.each<[string, Mask, number, string[]]>([
    ["a hole is filled", mask("1111", "1011", "1111"), 2, ["1111", "1111", "1111"]],
    ["a larger hole stays", mask("1111", "1001", "1111"), 2, ["1111", "1001", "1111"]],
    ["an island goes", mask("11000", "11001", "11000"), 2, ["11000", "11000", "11000"]],
    ["touching at a corner is one region", mask("110", "110", "001"), 2, ["110", "110", "001"]],
    ["of small islands the largest stays", mask("1000", "0011", "0000"), 5, ["0000", "0011", "0000"]],
    ["first the holes, then the islands", mask("10001", "00000", "00000"), 2, ["10000", "00000", "00000"]],
  ])("%s", (_, given, least, expected) => {
    const runs = removeSmallRegions(maskToRuns(given), given.height, least) ?? maskToRuns(given);
    expect(rowsOf(decodeRle(compressRuns(runs, [given.height, given.width])))).toEqual(expected);
  });

  test.each<[string, Mask, { hole?: number; sprinkle?: number }, string[]]>([
    ["a hole is filled", mask("1111", "1011", "1111", "1111"), { hole: 1 }, ["1111", "1111", "1111", "1111"]],
    ["a larger hole stays", mask("1111", "1001", "1111", "1111"), { hole: 1 }, ["1111", "1001", "1111", "1111"]],
    ["an island goes", mask("1100", "1100", "0001", "0000"), { sprinkle: 1 }, ["1100", "1100", "0000", "0000"]],
    [
      "touching at a corner is one",
      mask("1100", "1100", "0010", "0000"),
      { sprinkle: 1 },
      ["1100", "1100", "0010", "0000"],
    ],
    ["the largest stays", mask("0000", "0100", "0000", "0011"), { sprinkle: 2 }, ["0000", "0000", "0000", "0011"]],
    [
      "both are found in the mask as it came",
      mask("11111", "10001", "10101", "10001", "11111"),
      { hole: 8, sprinkle: 1 },
      ["11111", "11111", "11011", "11111", "11111"],
    ],
  ])("of logits: %s", (_, given, { hole = 0, sprinkle = 0 }, expected) => {
    const logits = Float32Array.from(given.data, (value) => (value === 1 ? 0.5 : 0));
    settleSmallRegions(logits, given.width, { maxHoleArea: hole, maxSprinkleArea: sprinkle });
    expect(rowsOf({ ...given, data: Uint8Array.from(logits, (logit) => Number(logit > 0)) })).toEqual(expected);
  });

  /** The same by flooding, pixel by pixel. */
  function flooded({ data, width, height }: Mask, least: number): Uint8Array {
    const result = data.slice();
    for (const value of [0, 1]) {
      const seen = new Uint8Array(data.length);
      const regions: number[][] = [];
      for (const start of result.keys()) {
        if (seen[start] || result[start] !== value) continue;
        const region = [start];
        seen[start] = 1;
        for (const at of region) {
          for (const dy of [-1, 0, 1]) {
            for (const dx of [-1, 0, 1]) {
              const [x, y] = [(at % width) + dx, Math.floor(at / width) + dy];
              const next = y * width + x;
              if (x < 0 || y < 0 || x >= width || y >= height || seen[next] || result[next] !== value) continue;
              seen[next] = 1;
              region.push(next);
            }
          }
        }
        regions.push(region);
      }
      const small = regions.filter((region) => region.length < least);
      if (value === 1 && small.length === regions.length) return result; // which one stays is a matter of order
      for (const region of small) for (const at of region) result[at] = 1 - value;
    }
    return result;
  }

  test("the same as flooding", () => {
    fc.assert(
      fc.property(anyMask, fc.integer({ min: 1, max: 12 }), (given, least) => {
        const expected = flooded(given, least);
        const runs = removeSmallRegions(maskToRuns(given), given.height, least) ?? maskToRuns(given);
        const came = decodeRle(compressRuns(runs, [given.height, given.width]));
        const all = (data: Uint8Array): number => data.reduce((sum, value) => sum + value, 0);
        // where every island is small, only the largest stays: fewer pixels than the flooding leaves
        if (all(came.data) !== all(expected)) expect(all(came.data)).toBeLessThan(all(expected));
        else expect(came.data).toEqual(expected);
      }),
    );
  });
});

/** Fills rings by the even-odd rule, at the middles of pixels. */
function filled(polygons: readonly Polygon[], width: number, height: number): Mask {
  const rings = polygons.flatMap(({ outer, holes }): Ring[] => [outer, ...holes]);
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
    let crossings = 0;
    for (const ring of rings) {
      for (const [j, [x1, y1]] of ring.entries()) {
        const [x2, y2] = ring[(j + 1) % ring.length] as readonly [number, number];
        if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) crossings++;
      }
    }
    return crossings % 2;
  });
  return { data, width, height };
}

describe("polygons", () => {
  test("filled again they are the mask, whatever it is", () => {
    fc.assert(
      fc.property(anyMask, (given) => {
        const polygons = maskToPolygons(given);
        expect(filled(polygons, given.width, given.height)).toEqual(given);
        for (const { outer, holes } of polygons) {
          // each hole lies in its own piece
          const piece = filled([{ outer, holes: [] }], given.width, given.height);
          for (const hole of holes) {
            const inner = filled([{ outer: hole, holes: [] }], given.width, given.height);
            expect(inner.data.every((value, i) => value <= (piece.data[i] as number))).toBe(true);
          }
        }
      }),
    );
  });

  test("a ring has one hole, an island in it is a piece of its own", () => {
    const polygons = maskToPolygons(mask("11111", "10001", "10101", "10001", "11111"));
    expect(polygons.map(({ outer, holes }) => [outer.length, holes.length])).toEqual([
      [4, 1],
      [4, 0],
    ]);
    expect(polygonsToPath(polygons.slice(1))).toBe("M3 2L3 3L2 3L2 2Z");
  });

  test("of thousands of rings each has its own hole, in the time that the pixels take", () => {
    const side = 600;
    const cell = ["11110", "10010", "10010", "11110", "00000"].join("");
    const data = Uint8Array.from({ length: side * side }, (_, i) =>
      Number(cell[((i % side) % 5) + 5 * (Math.floor(i / side) % 5)]),
    );
    const polygons = maskToPolygons({ data, width: side, height: side });
    expect(polygons).toHaveLength((side / 5) ** 2);
    for (const { outer, holes } of polygons) {
      const [right, top] = outer[0] as readonly [number, number];
      expect(holes).toHaveLength(1);
      expect(holes[0]).toContainEqual([right - 3, top + 1]);
    }
  }, 15_000);

  test("simplified, a disc of 120 pixels keeps 0.99 of itself with a quarter of the corners", () => {
    const side = 128;
    const data = Uint8Array.from({ length: side * side }, (_, i) =>
      Number(Math.hypot((i % side) - 63.5, Math.floor(i / side) - 63.5) < 60),
    );
    const disc: Mask = { data, width: side, height: side };
    const [exact] = maskToPolygons(disc);
    const simple = maskToPolygons(disc, { tolerance: 1 });
    const again = filled(simple, side, side);
    const both = again.data.reduce((sum, value, i) => sum + (value & (data[i] as number)), 0);
    expect(both / (maskArea(again) + maskArea(disc) - both)).toBeGreaterThan(0.99);
    expect((simple[0] as Polygon).outer.length).toBeLessThan((exact as Polygon).outer.length / 4);
  });
});

describe("everything mode's parts", () => {
  test("a grid has its points in the middle of its cells", () => {
    expect(pointGrid(2)).toEqual([
      [0.25, 0.25],
      [0.75, 0.25],
      [0.25, 0.75],
      [0.75, 0.75],
    ]);
  });

  test("crops overlap, and cover the picture", () => {
    expect(cropBoxes(300, 150, 1, 512 / 1500)).toEqual([
      { box: [0, 0, 300, 150], layer: 0 },
      { box: [0, 0, 176, 101], layer: 1 },
      { box: [0, 50, 176, 150], layer: 1 },
      { box: [125, 0, 300, 101], layer: 1 },
      { box: [125, 50, 300, 150], layer: 1 },
    ]);
  });

  test.each([
    ["the best stays", [0.5, 0.9, 0.7], 0.5, [1, 2]],
    ["equal scores stay in order", [0.5, 0.5, 0.5], 0.5, [0, 2]],
    ["nothing overlaps enough", [0.5, 0.9, 0.7], 0.99, [1, 2, 0]],
  ])("non-maximum suppression: %s", (_, scores, threshold, expected) => {
    const boxes = [
      [0, 0, 10, 10],
      [0, 0, 10, 11],
      [20, 20, 30, 30],
    ] as const;
    expect(nonMaximumSuppression(boxes, scores, threshold)).toEqual(expected);
  });
});
