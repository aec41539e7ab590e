/** `--masks`: what is in the PNG files, and which there are. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { decodeRle, type Mask, type Rle, toLabelMap } from "sam2-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labelMapPng } from "../dist/image/mask-png.js";
import { FIXTURES, PHOTO } from "./reference.ts";
import { type Ended, run } from "./run-command.ts";

const LIMITS = ["--points-per-side", "4", "--pred-iou-thresh", "0.01", "--stability-score-thresh", "0.01"];

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-masks-"));
  await mkdir(at("pictures", "in"), { recursive: true });
  await copyFile(PHOTO, at("pictures", "in", "truck.png"));
});
afterAll(() => rm(folder, { recursive: true }));

const sam2 = (...args: string[]): Promise<Ended> => run(...args, "--model", `${FIXTURES}toy`, "--device", "cpu");

/** Files below a folder, by their paths in it. */
const filesIn = async (name: string): Promise<string[]> =>
  (await readdir(at(name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(at(name).length + 1))
    .sort();

/** The values of a PNG of one channel, and of how many bits they are. */
async function pixelsOf(path: string): Promise<{ values: number[]; depth: number }> {
  const { data, depth, channels } = decode(await readFile(path));
  expect(channels).toBe(1);
  return { values: [...data], depth };
}

/** Checks values without showing them all. */
function expectSame(came: readonly number[], expected: ArrayLike<number>): void {
  expect(came.length).toBe(expected.length);
  expect(came.findIndex((value, i) => value !== expected[i])).toBe(-1);
}

/** Checks that a file is of a mask: 8 bits, 255 where the object is. */
async function expectMask(path: string, rle: Rle): Promise<void> {
  const { values, depth } = await pixelsOf(path);
  expect(depth).toBe(8);
  expectSame(
    values,
    Array.from(decodeRle(rle).data, (value) => 255 * value),
  );
}

describe("segment", () => {
  const masksOf = async ({ stdout }: Ended): Promise<Rle[]> =>
    JSON.parse(stdout).masks.map(({ rle }: { rle: Rle }) => rle);

  test("each mask as a PNG, in the order of the JSON; those of another prompt before are gone", async () => {
    const ask = async (...args: string[]): Promise<void> => {
      const masks = await masksOf(await sam2("segment", PHOTO, ...args, "--json", "--masks", at("one")));
      expect(await filesIn("one")).toEqual(masks.map((_, i) => `truck.png/${i + 1}.png`));
      for (const [i, rle] of masks.entries()) await expectMask(at("one", "truck.png", `${i + 1}.png`), rle);
    };
    await ask("--point", "200,100", "--multimask");
    expect(await filesIn("one")).toHaveLength(3);
    await ask("--point", "200,100");
    expect(await filesIn("one")).toHaveLength(1);
  });

  test("a label map, without any other output", async () => {
    const args = ["segment", PHOTO, "--everything", ...LIMITS, "--masks", at("map"), "--label-map"];
    const { code, stdout } = await sam2(...args);
    expect([code, stdout]).toEqual([0, expect.stringContaining(at("map"))]);
    expect(await filesIn("map")).toEqual(["truck.png.png"]);
    const found = (await masksOf(await sam2(...args, "--json"))).map((rle) => decodeRle(rle));
    const { values, depth } = await pixelsOf(at("map", "truck.png.png"));
    expect(depth).toBe(8);
    expectSame(values, toLabelMap(found).data);
  });

  test.each<[string, string[], number, RegExp]>([
    [
      "a label map without a folder",
      ["--json", "--label-map"],
      1,
      /^InvalidPromptError: --label-map: expected --masks/,
    ],
    ["no output", [], 2, /give --out, --json or --masks/],
    ["a file where the folder should be", ["--masks", "boxes.json"], 1, /^OutputError: .*expected a folder for masks/],
  ])("%s: says what is wrong", async (_, args, code, message) => {
    await writeFile(at("boxes.json"), "a file");
    const given = args.map((each) => (each === "boxes.json" ? at(each) : each));
    const came = await sam2("segment", PHOTO, "--point", "1,1", ...given);
    expect(came).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});

interface Coco {
  readonly annotations: readonly { readonly image_id: unknown; readonly segmentation?: Rle }[];
}
const read = async (name: string): Promise<Coco> => JSON.parse(await readFile(at(name), "utf8"));

test("everything: the n-th annotation of a picture is its n.png", async () => {
  const out = ["--out", at("coco.json"), "--masks", at("many")];
  expect((await sam2("everything", at("pictures"), ...LIMITS, ...out)).code).toBe(0);
  const { annotations } = await read("coco.json");
  expect(await filesIn("many")).toEqual(annotations.map((_, i) => `in/truck.png/${i + 1}.png`).sort());
  for (const [i, { segmentation }] of annotations.entries()) {
    await expectMask(at("many", "in", "truck.png", `${i + 1}.png`), segmentation as Rle);
  }
});

describe("boxes", () => {
  const boxes = async (name: string, fileName: string, ...args: string[]): Promise<Ended> => {
    const bboxes = [
      [20, 20, 180, 130],
      [50, 40, 0, 100],
      [60, 50, 40, 40],
    ];
    const annotations = bboxes.map((bbox, id) => ({ id, image_id: 1, bbox }));
    await writeFile(at("boxes.json"), JSON.stringify({ images: [{ id: 1, file_name: fileName }], annotations }));
    return sam2(
      "boxes",
      at("boxes.json"),
      "--images",
      at("pictures"),
      "--out",
      at(`${name}.json`),
      "--masks",
      at(name),
      ...args,
    );
  };

  test("a box without a mask has no file, and keeps its number", async () => {
    expect((await boxes("by-box", "in/truck.png")).code).toBe(0);
    expect(await filesIn("by-box")).toEqual(["in/truck.png/1.png", "in/truck.png/3.png"]);
    const { annotations } = await read("by-box.json");
    await expectMask(at("by-box", "in", "truck.png", "3.png"), annotations[2]?.segmentation as Rle);
    expect((await boxes("by-map", "in/truck.png", "--label-map")).code).toBe(0);
    const { values } = await pixelsOf(at("by-map", "in", "truck.png.png"));
    expect([...new Set(values)].sort()).toEqual([0, 1, 3]);
  });

  test("a name that leads out of the folder writes nothing there", async () => {
    const { code, stderr } = await boxes("inside", "../pictures/in/truck.png");
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^\.\..*: OutputError: .*expected a path in the folder/)]);
    expect(await filesIn("pictures")).toEqual(["in/truck.png"]);
  });

  test("a run without masks is not gone on with by one with them", async () => {
    await writeFile(at("begun.json.journal"), `${JSON.stringify({ settings: JSON.stringify({ model: "x" }) })}\n`);
    const came = await boxes("begun", "in/truck.png");
    expect(came).toMatchObject({ code: 1, stderr: expect.stringMatching(/^OutputError: .*other options/) });
  });
});

test.each([
  [0, 8],
  [255, 8],
  [256, 16],
])("a label map of %d objects: %d bits", async (count, depth) => {
  const mask = (i: number): Mask => ({
    data: Uint8Array.from({ length: 300 }, (_, at) => Number(at === i)),
    width: 20,
    height: 15,
  });
  const map = toLabelMap(Array.from({ length: Math.max(1, count) }, (_, i) => mask(count === 0 ? -1 : i)));
  await writeFile(at("labels.png"), await labelMapPng(map));
  expect(await pixelsOf(at("labels.png"))).toEqual({ values: [...map.data], depth });
});
