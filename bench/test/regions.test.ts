import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import type { Mask } from "sam2-web";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { boundaryF, innerPoint, photosOf, sheetOf } from "../regions.ts";

/** A mask of 12×12 with a rectangle from (x, y). */
function rectangle(x: number, y: number, width: number, height: number): Mask {
  const inside = (at: number): boolean => {
    const [column, row] = [at % 12, Math.floor(at / 12)];
    return column >= x && column < x + width && row >= y && row < y + height;
  };
  return { data: Uint8Array.from({ length: 144 }, (_, at) => Number(inside(at))), width: 12, height: 12 };
}

test.each([
  ["itself", rectangle(2, 2, 6, 6), 1],
  ["itself, moved by 2 pixels", rectangle(4, 2, 6, 6), 1],
  ["itself, moved by 3 pixels: of the 20 pixels of each boundary 14 are near", rectangle(5, 2, 6, 6), 14 / 20],
  ["a mask far away", rectangle(11, 11, 1, 1), 0],
  ["an empty mask", rectangle(0, 0, 0, 0), 0],
])("boundary F with %s", (_, found, expected) => {
  expect(boundaryF(found, rectangle(2, 2, 6, 6))).toBeCloseTo(expected, 6);
});

test.each([
  ["the middle of a square", rectangle(2, 3, 5, 5), { x: 4, y: 5 }],
  ["none in an empty mask", rectangle(0, 0, 0, 0), null],
])("the innermost point is %s", (_, mask, expected) => {
  expect(innerPoint(mask)).toEqual(expected);
});

let set: string;

beforeAll(async () => {
  set = await mkdtemp(join(tmpdir(), "sam2-regions-"));
  const prompts = [];
  for (const [name, color] of [
    ["red", "#f00"],
    ["blue", "#00f"],
  ] as const) {
    const picture = sharp({ create: { width: 40, height: 30, channels: 3, background: color } });
    await writeFile(join(set, `${name}.png`), await picture.png().toBuffer());
    const labels = Uint16Array.from({ length: 1200 }, (_, at) => (at % 40 < 20 ? 300 : 7));
    await writeFile(
      join(set, `${name}.labels.png`),
      encode({ data: labels, width: 40, height: 30, depth: 16, channels: 1 }),
    );
    prompts.push({
      image: `${name}.png`,
      labels: `${name}.labels.png`,
      label: 300,
      point: [10, 15],
      box: [0, 0, 20, 30],
    });
  }
  await writeFile(join(set, "prompts.json"), JSON.stringify(prompts));
});

test("the photographs of a set come with their regions", async () => {
  const areas: number[] = [];
  for await (const { regions } of photosOf(set)) {
    for (const { truth } of regions) areas.push(truth().data.reduce((sum, value) => sum + value, 0));
  }
  expect(areas).toEqual([600, 600]);
});

test("on one sheet, prompts and regions lie where their pictures do", async () => {
  const { picture, regions } = await sheetOf(set, 0.12);
  const { data, info } = await sharp(await picture.arrayBuffer())
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([400, 300]);
  const colors = regions.map(({ point: [x, y] }) => {
    const at = 3 * (Math.floor(y) * info.width + Math.floor(x));
    return [...data.subarray(at, at + 3)].map((value) => Math.round(value / 255));
  });
  expect(colors).toEqual([
    [1, 0, 0],
    [0, 0, 1],
  ]);
  for (const { point, box, truth } of regions) {
    const { data: mask, width } = truth();
    const [x1, y1, x2, y2] = box;
    expect(mask[Math.floor(point[1]) * width + Math.floor(point[0])]).toBe(1);
    expect(mask.reduce((sum, value) => sum + value, 0)).toBeCloseTo((x2 - x1) * (y2 - y1), -3);
  }
});
