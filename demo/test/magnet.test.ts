/** What is painted joins its neighbors' edges, and a feathered brush follows the picture. */
import fc from "fast-check";
import { decodeRle, encodeRle, type Mask, type Rle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { feathered, seenBy } from "../src/masks/feather.ts";
import { joined } from "../src/masks/magnet.ts";
import { brushed } from "../src/masks/touch-up.ts";

const rle = (...rows: readonly string[]): Rle => {
  const [width, height] = [rows[0]?.length ?? 0, rows.length];
  return encodeRle({ width, height, data: Uint8Array.from(rows.join(""), (sign) => Number(sign === "#")) });
};
const shown = (given: Rle): string[] => {
  const { data, width, height } = decodeRle(given);
  return Array.from({ length: height }, (_, y) =>
    Array.from(data.subarray(y * width, (y + 1) * width), (value) => (value ? "#" : ".")).join(""),
  );
};
const NOTHING = rle("..........");

describe("joined", () => {
  test.each<[string, string, number, string]>([
    ["a gap as wide as it may be is closed", "##...#####", 3, "#####....."],
    ["a wider one is left", "##....####", 3, "##........"],
    ["an overlap is taken away", "####......", 3, "###......."],
    ["at a high zoom a gap of one pixel is wide, and is left", "##.#######", 0, "##........"],
  ])("%s", (_, both, widest, expected) => {
    // what is added is on the left, the neighbor on the right; where they overlap, from the fourth pixel on
    const at = both.lastIndexOf(".", 8) + 1;
    const isOverlap = both === "####......";
    const added = isOverlap ? both : `${both.slice(0, 2)}........`;
    const neighbor = isOverlap ? "...#######" : `${".".repeat(at)}${"#".repeat(10 - at)}`;
    expect(shown(joined(NOTHING, rle(added), [rle(neighbor)], widest))).toEqual([expected]);
  });

  test("what the mask was before stays, over a neighbor too, and its own gaps are its own", () => {
    const before = rle("#...##....");
    expect(shown(joined(before, rle("#...##.#.."), [rle("....######")], 3))).toEqual(["#...##...."]);
  });

  test("exactly the pixels between: as far from what was added and from a neighbor as the widest gap has pixels", () => {
    const side = fc.integer({ min: 3, max: 14 });
    const any = fc.tuple(side, side, fc.integer({ min: 0, max: 5 })).chain(([width, height, widest]) => {
      const bits = fc.uint8Array({ min: 0, max: 5, minLength: width * height, maxLength: width * height });
      const mask = bits.map((all): Mask => ({ width, height, data: all.map((value) => Number(value === 0)) }));
      return fc.tuple(mask, mask, mask, fc.constant(widest));
    });
    fc.assert(
      fc.property(any, ([before, more, neighbor, widest]) => {
        const { width, height } = before;
        const after = { ...before, data: before.data.map((value, i) => value | (more.data[i] as number)) };
        const isAdded = (i: number): boolean => Boolean(more.data[i] && !before.data[i] && !neighbor.data[i]);
        const nearest = (i: number, isIt: (j: number) => boolean): number => {
          let least = Number.POSITIVE_INFINITY;
          for (let j = 0; j < width * height; j++) {
            if (!isIt(j)) continue;
            least = Math.min(
              least,
              Math.hypot((i % width) - (j % width), Math.floor(i / width) - Math.floor(j / width)),
            );
          }
          return Math.ceil(least - 1e-9);
        };
        const expected = before.data.map((value, i) => {
          if (value || isAdded(i)) return 1;
          if (neighbor.data[i]) return 0;
          return Number(nearest(i, isAdded) + nearest(i, (j) => neighbor.data[j] === 1) <= widest + 1);
        });
        const result = joined(encodeRle(before), encodeRle(after), [encodeRle(neighbor)], widest);
        expect([...decodeRle(result).data]).toEqual([...expected]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("feathered", () => {
  const [width, height] = [40, 30];
  const empty: Mask = { width, height, data: new Uint8Array(width * height) };
  /** Dark to the left of a column, light from there on. */
  const picture = (edge: number) => (stroke: Parameters<typeof seenBy>[0]) => {
    const part = seenBy(stroke, empty);
    const data = new Uint8ClampedArray(4 * part.width * part.height);
    for (let i = 0; i < part.width * part.height; i++) {
      data.fill(part.left + (i % part.width) < edge ? 40 : 200, 4 * i, 4 * i + 4);
    }
    return { ...part, data };
  };
  const stroke = {
    points: [
      { x: 14, y: 8 },
      { x: 14, y: 22 },
    ],
    radius: 8,
    erase: false,
  };
  const columnsOf = ({ data }: Mask): number[] =>
    [...new Set([...data].flatMap((value, i) => (value ? [i % width] : [])))].sort((a, b) => a - b);

  test("without a feather it is the hard brush", () => {
    expect(feathered(empty, stroke, 0, picture(18)(stroke)).data).toEqual(brushed(empty, stroke).data);
  });

  test("it ends at the edge that is seen in its outer part, and not where none is", () => {
    const made = feathered(empty, stroke, 0.6, picture(18)(stroke));
    expect(columnsOf(made).at(-1)).toBe(17);
    // to the left nothing is seen to end: halfway between the middle and the brush's end
    expect(columnsOf(made)[0]).toBeGreaterThan(7);
    expect(columnsOf(brushed(empty, stroke)).at(-1)).toBe(21);
  });

  test("an edge under the middle of the brush is painted over", () => {
    expect(columnsOf(feathered(empty, stroke, 0.25, picture(16)(stroke)))).toContain(19);
  });

  test("the eraser takes what looks as what is under it", () => {
    const full = { ...empty, data: empty.data.map(() => 1) };
    const left = feathered(full, { ...stroke, erase: true }, 0.6, picture(18)(stroke));
    const middle = [...left.data.subarray(15 * width, 16 * width)];
    expect([middle[14], middle[17], middle[18]]).toEqual([0, 0, 1]);
  });
});
