/** `sam2 embed` and `sam2 boxes`: what they write, what they do not do twice, and what they say of pictures that fail. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSegmenter, decodeRle, maskArea, maskIou, type Rle, readEmbeddingInfo, type Segmenter } from "sam2-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FIXTURES, PHOTO } from "./reference.ts";
import { run } from "./run-command.ts";

const TOY = ["--model", `${FIXTURES}toy`, "--device", "cpu"];
const NAMES = ["0.png", "1.png", "in/2.png"];
const SIZES = NAMES.map((_, i) => ({ width: 300 + i, height: 200 - i }));

let folder: string;
let segmenter: Segmenter;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-batch-"));
  await mkdir(at("pictures", "in"), { recursive: true });
  for (const [i, name] of NAMES.entries()) {
    // each picture is another part of the photograph, of another size
    const part = sharp(PHOTO).extract({ left: 20 * i, top: 10 * i, ...(SIZES[i] as (typeof SIZES)[number]) });
    await part.toFile(at("pictures", name));
  }
  segmenter = await createSegmenter({ model: `${FIXTURES}toy`, device: "cpu" });
});
afterAll(async () => {
  await segmenter.dispose();
  await rm(folder, { recursive: true });
});

describe("embed", () => {
  const embed = (out: string, ...args: string[]) =>
    run("embed", at("pictures"), "--out", at(out), "--json", ...TOY, ...args);
  const times = (out: string): Promise<number[]> =>
    Promise.all(NAMES.map(async (name) => (await stat(at(out, `${name}.safetensors`))).mtimeMs));

  test("one file a picture, which answers as the picture does", async () => {
    const { code, stdout, stderr } = await embed("whole");
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ pictures: 3, known: 0, failed: [], cores_busy: expect.any(Number) });
    expect((await readdir(at("whole"))).sort()).toEqual(["0.png.safetensors", "1.png.safetensors", "in"]);
    for (const [i, name] of NAMES.entries()) {
      const file = at("whole", `${name}.safetensors`);
      expect(await readEmbeddingInfo(await readFile(file))).toMatchObject({ ...SIZES[i], dtype: "fp16" });
      const box = [20, 20, 200, 150];
      const image = await segmenter.setImage(at("pictures", name), { embedding: file });
      const [came, exact] = [
        await segmenter.segment({ image, box }),
        await segmenter.segment({ image: at("pictures", name), box }),
      ];
      expect(maskIou(came.mask(), exact.mask())).toBeGreaterThan(0.98);
      await image.release();
    }
  });

  test("what is there is not made again; what is of another picture, dtype or model, or none, is", async () => {
    await embed("again", "--dtype", "int8");
    const first = await times("again");
    expect(JSON.parse((await embed("again", "--dtype", "int8")).stdout)).toMatchObject({ known: 3, bytes: 0 });
    expect(await times("again")).toEqual(first);
    // one is of another picture, one was cut off, and what a kill left is there since two days
    await copyFile(at("again", "1.png.safetensors"), at("again", "0.png.safetensors"));
    await writeFile(at("again", "1.png.safetensors"), "cut");
    for (const [name, days] of [
      ["old", 2],
      ["new", 0],
    ] as const) {
      const aside = at("again", `${name}.png.safetensors.aside`);
      await writeFile(aside, "half");
      const when = new Date(Date.now() - days * 24 * 3600 * 1000);
      await utimes(aside, when, when);
    }
    expect(JSON.parse((await embed("again", "--dtype", "int8")).stdout)).toMatchObject({ known: 1, failed: [] });
    expect((await readdir(at("again"))).filter((name) => name.endsWith("aside"))).toEqual([
      "new.png.safetensors.aside",
    ]);
    expect(JSON.parse((await embed("again", "--dtype", "fp16")).stdout)).toMatchObject({ known: 0 });
    const info = await readEmbeddingInfo(await readFile(at("again", "0.png.safetensors")));
    expect(info).toMatchObject({ ...SIZES[0], dtype: "fp16", model: segmenter.fingerprint });
  });

  test("a picture that is none and a file that cannot be written are told, and the others are done", async () => {
    await mkdir(at("failing", "1.png.safetensors", "in the way"), { recursive: true });
    await writeFile(at("pictures", "bad.jpg"), "no picture");
    const { code, stdout, stderr } = await embed("failing");
    await rm(at("pictures", "bad.jpg"));
    expect(code).toBe(3);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(/^1.png: OutputError: .*could not be written/),
      expect.stringMatching(/^bad.jpg: InvalidImageError: expected a picture/),
      "",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      pictures: 4,
      known: 0,
      failed: [{ picture: "1.png" }, { picture: "bad.jpg" }],
    });
    expect(await readdir(at("failing"))).toEqual(expect.arrayContaining(["0.png.safetensors"]));
    expect((await readdir(at("failing"), { recursive: true })).filter((name) => name.endsWith("aside"))).toEqual([]);
  });

  test.each<[string, string[], number, RegExp]>([
    ["a folder that is none", ["nowhere", "--out", "x"], 1, /^InvalidImageError: nowhere: expected a folder/],
    ["a dtype that is none", ["nowhere", "--out", "x", "--dtype", "fp8"], 2, /choices are fp16, int8/],
    ["no place to write to", ["nowhere"], 2, /required option '--out <folder>'/],
  ])("%s", async (_, args, code, message) => {
    expect(await run("embed", ...args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });

  test("segment answers from an embedding, and encodes nothing", async () => {
    await embed("asked");
    const embedding = ["--embedding", at("asked", "0.png.safetensors")];
    const asked = ["segment", at("pictures", "0.png"), "--box", "20,20,200,150", "--json", ...TOY];
    const came = JSON.parse((await run(...asked, ...embedding)).stdout);
    const exact = JSON.parse((await run(...asked)).stdout);
    expect(came.device.reason).toContain("the decoder alone");
    expect(maskIou(decodeRle(came.masks[0].rle), decodeRle(exact.masks[0].rle))).toBeGreaterThan(0.98);
    const other = await run("segment", at("pictures", "1.png"), "--box", "1,1,9,9", "--json", ...TOY, ...embedding);
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^InvalidEmbeddingError: .*of 301×199 pixels/),
    });
  });
});

describe("boxes", () => {
  const BOXES = [
    { id: 7, image_id: "a", category_id: 2, bbox: [20, 20, 180, 130], note: "kept" },
    { id: 8, image_id: "c", category_id: 3, bbox: [10, 10, 100, 90] },
    { id: 9, image_id: "a", category_id: 3, bbox: [50, 40, 100, 100] },
    { id: 10, image_id: "a", category_id: 3, bbox: [50, 40, 0, 100] },
  ];
  const COCO = {
    info: { year: 2026 },
    images: ["a", "b", "c"].map((id, i) => ({ id, file_name: NAMES[i], ...SIZES[i], license: 1 })),
    annotations: BOXES,
    categories: [{ id: 2, name: "truck" }],
  };
  const boxes = (out: string, ...args: string[]) =>
    run("boxes", at("boxes.json"), "--images", at("pictures"), "--out", at(out), "--json", ...TOY, ...args);
  const read = async (name: string) => JSON.parse(await readFile(at(name), "utf8"));
  beforeAll(() => writeFile(at("boxes.json"), JSON.stringify(COCO)));

  test("the same file, with the mask of each box", async () => {
    const { code, stdout, stderr } = await boxes("masks.json");
    expect([code, stderr]).toEqual([0, ""]);
    // a picture without boxes is not worked on
    expect(JSON.parse(stdout)).toMatchObject({ pictures: 2, known: 0, masks: 3, boxes_without_mask: 1, failed: [] });
    const { annotations, ...rest } = await read("masks.json");
    const { annotations: _, ...given } = COCO;
    expect(rest).toEqual(given);
    // in the order of the pictures
    expect(annotations.map(({ id }: { id: number }) => id)).toEqual([7, 9, 10, 8]);
    expect(annotations[2]).toEqual(BOXES[3]);
    const first = annotations[0] as (typeof BOXES)[number] & { segmentation: Rle; area: number; score: number };
    expect(first).toMatchObject({ ...BOXES[0], iscrowd: 0, score: expect.any(Number) });
    const alone = await segmenter.segment({
      image: at("pictures", "0.png"),
      box: [20, 20, 200, 150],
      multimask_output: false,
    });
    expect(first.segmentation).toEqual(alone.toRle());
    expect(first.area).toBe(maskArea(alone.mask()));
    expect(await readdir(folder)).not.toContain("masks.json.journal");
  });

  test("a picture that is missing: its boxes stay, and the next run does it alone", async () => {
    await boxes("all.json");
    await rm(at("pictures", "0.png"));
    const first = await boxes("resumed.json");
    const part = sharp(PHOTO).extract({ left: 0, top: 0, width: 300, height: 200 });
    await part.toFile(at("pictures", "0.png"));
    expect(first).toMatchObject({ code: 3, stderr: expect.stringMatching(/^0.png: InvalidImageError: /) });
    expect(JSON.parse(first.stdout)).toMatchObject({ masks: 1, boxes_without_mask: 3 });
    expect((await read("resumed.json")).annotations.slice(0, 3)).toEqual([BOXES[0], BOXES[2], BOXES[3]]);
    const second = await boxes("resumed.json");
    expect([second.code, JSON.parse(second.stdout)]).toMatchObject([0, { known: 1, masks: 3, failed: [] }]);
    expect(await read("resumed.json")).toEqual(await read("all.json"));
  });

  test("images without a size get that of their picture, if it has boxes", async () => {
    const images = COCO.images.map(({ id, file_name }) => ({ id, file_name }));
    await writeFile(at("boxes.json"), JSON.stringify({ ...COCO, images }));
    const { code } = await boxes("sized.json");
    await writeFile(at("boxes.json"), JSON.stringify(COCO));
    expect(code).toBe(0);
    expect((await read("sized.json")).images).toEqual([
      { ...images[0], ...SIZES[0] },
      images[1],
      { ...images[2], ...SIZES[2] },
    ]);
  });

  test("a picture of another size than its boxes were drawn on is told", async () => {
    await writeFile(
      at("boxes.json"),
      JSON.stringify({ ...COCO, images: COCO.images.map((image) => ({ ...image, width: 640 })) }),
    );
    const { code, stderr } = await boxes("sizes.json");
    await writeFile(at("boxes.json"), JSON.stringify(COCO));
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/^0.png: InvalidPromptError: expected a picture of 640×200/),
    ]);
  });

  test("a journal of other boxes is refused", async () => {
    await writeFile(at("other.json.journal"), `${JSON.stringify({ settings: "of another file" })}\n`);
    expect(await boxes("other.json")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^OutputError: .*other options/),
    });
  });

  test.each<[string, string, RegExp]>([
    ["no JSON", "boxes", /expected a COCO file, got what is no JSON/],
    ["no object", "null", /expected lists named images and annotations, got null/],
    ["no annotations", '{"images":[]}', /expected lists named images and annotations/],
    ["an image without a name", '{"images":[{"id":1}],"annotations":[]}', /expected images with a file_name/],
    [
      "two images of one id",
      '{"images":[{"id":1,"file_name":"a"},{"id":1,"file_name":"b"}],"annotations":[]}',
      /with an id of their own, got 1 twice/,
    ],
    ["a box of no image", '{"images":[],"annotations":[{"image_id":3,"bbox":[1,2,3,4]}]}', /with the image_id 3/],
    [
      "a box of three numbers",
      '{"images":[{"id":1,"file_name":"a"}],"annotations":[{"image_id":1,"bbox":[1,2,3]}]}',
      /with a bbox \[x,y,width,height\], got \[1,2,3\]/,
    ],
  ])("a file of boxes with %s is refused", async (_, text, message) => {
    await writeFile(at("wrong.json"), text);
    const came = await run("boxes", at("wrong.json"), "--images", folder, "--out", at("none.json"), ...TOY);
    expect(came).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
    expect((await readdir(folder)).filter((name) => name.startsWith("none.json"))).toEqual([]);
  });
});
