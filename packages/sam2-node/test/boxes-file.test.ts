/** Files of boxes that are refused before the model is opened. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ended, run } from "./run-command.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-boxes-"));
  await mkdir(join(folder, "pictures"));
});
afterAll(() => rm(folder, { recursive: true }));

/** No model is there: what is refused is refused before one is opened. */
async function boxes(coco: string, ...args: string[]): Promise<Ended> {
  const at = (name: string): string => join(folder, name);
  await writeFile(at("boxes.json"), coco);
  return run(
    "boxes",
    at("boxes.json"),
    "--images",
    at("pictures"),
    "--out",
    at("out.json"),
    "--model",
    "nowhere",
    ...args,
  );
}

const ids = (image: string, box: string, more = ""): string =>
  `{"images":[{"id":${image},"file_name":"a.jpg"}],"annotations":[{"id":${box},"image_id":${image},"bbox":[1,2,3,4]${more}}]}`;

test.each([
  ["an id over 2^53", ids("9007199254740993", "1"), "9007199254740993, which would become 9007199254740992"],
  [
    "an id over 2^64",
    ids("1", "12345678901234567890"),
    "12345678901234567890, which would become 12345678901234567000",
  ],
  [
    "a negative one",
    ids("1", "2", ',"track":-9007199254740993'),
    "-9007199254740993, which would become -9007199254740992",
  ],
])("%s cannot stay as it is, and is refused", async (_, coco, got) => {
  expect(await boxes(coco)).toMatchObject({
    code: 1,
    stderr: `InvalidPromptError: ${join(folder, "boxes.json")}: expected whole numbers that stay as they are, got ${got}: write it as a text\n`,
  });
  expect(await readdir(folder)).not.toContain("out.json.journal");
});

test("what looks like such a number is let through", async () => {
  const more = [
    ',"text":"12345678901234567890"',
    ',"quoted":"\\"12345678901234567890"',
    ',"score":0.12345678901234567890',
    ',"large":1.5e20',
    ',"most":9007199254740991',
  ];
  expect((await boxes(ids("1", "2", more.join("")))).stderr).toMatch(/^UnknownModelError: /);
  await rm(join(folder, "out.json.journal"));
});

test.each([
  ["a.jpg", "./a.jpg"],
  ["in/a.jpg", "in//../in/a.jpg"],
  ["a.jpg", "a.jpg"],
])("two images of one file, %s and %s, have no place for masks of their own", async (one, other) => {
  const images = [one, other].map((file_name, id) => ({ id, file_name }));
  const annotations = images.map(({ id }) => ({ id, image_id: id, bbox: [1, 2, 3, 4] }));
  const coco = JSON.stringify({ images, annotations });
  const message = `--masks: expected images of different files, got two of one, ${one} and ${other}, whose masks would lie in one place`;
  expect(await boxes(coco, "--masks", join(folder, "masks"))).toMatchObject({
    code: 1,
    stderr: `InvalidPromptError: ${message}\n`,
  });
  // where only one of them has boxes, nothing is lost
  const alone = JSON.stringify({ images, annotations: annotations.slice(1) });
  expect((await boxes(alone, "--masks", join(folder, "masks"))).stderr).toMatch(/^UnknownModelError: /);
  await rm(join(folder, "out.json.journal"));
});
