/** What a command writes never takes the place of what it reads, or of what else it writes. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "./run-command.ts";

let folder: string;
const before = process.cwd();
/** Each holds its own name. */
const FILES = ["photos/a.jpg", "photos/a.jpg.png", "photos/b.jpg", "a.safetensors"];
const COCO = JSON.stringify({
  images: [{ id: 1, file_name: "./a.jpg" }],
  annotations: [{ image_id: 1, bbox: [1, 2, 3, 4] }],
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-outputs-"));
  process.chdir(folder);
  await mkdir("photos");
  await mkdir("masks");
  for (const name of FILES) await writeFile(name, name);
  await writeFile("boxes.json", COCO);
  if (process.platform === "win32") return;
  await symlink("photos/a.jpg", "link.jpg");
  await symlink("photos", "link");
});
afterAll(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
});

/** No model is there: what is refused is refused before one is opened. */
const sam2 = (line: string) => run(...line.split(" "), "--model", "nowhere");

const POINT = "segment photos/a.jpg --point 5,5";
const links = process.platform === "win32" ? test.skip : test;

describe("is refused, and nothing is written", () => {
  const refused = async (line: string, message: string): Promise<void> => {
    expect(await sam2(line)).toEqual({ code: 1, stdout: "", stderr: `OutputError: ${message}\n` });
    for (const name of FILES) expect(await readFile(name, "utf8")).toBe(name);
    expect(await readFile("boxes.json", "utf8")).toBe(COCO);
    expect((await readdir(".", { recursive: true })).filter((name) => name.includes("journal"))).toEqual([]);
  };

  test.each([
    [`${POINT} --out photos/a.jpg`, "--out: expected another file than that of the picture, got photos/a.jpg"],
    [
      `${POINT} --out photos/../photos/a.jpg`,
      "--out: expected another file than that of the picture, got photos/../photos/a.jpg",
    ],
    [`${POINT} --json photos/a.jpg`, "--json: expected another file than that of the picture, got photos/a.jpg"],
    [`${POINT} --json b.json --out ./b.json`, "--json: expected another file than that of --out, got b.json"],
    [
      `${POINT} --embedding a.safetensors --json a.safetensors`,
      "--json: expected another file than that of --embedding, got a.safetensors",
    ],
    [
      `${POINT} --masks masks --label-map --out masks/a.jpg.png`,
      "--masks: expected another file than that of --out, got masks/a.jpg.png",
    ],
    ["everything photos --out photos/a.jpg", "--out: expected a file that is none of the pictures, got photos/a.jpg"],
    [
      "everything photos --out c.json --masks photos --label-map",
      "--masks: expected a folder that is not in that of the pictures, got photos",
    ],
    [
      "everything photos --out c.json --masks photos/new/masks",
      "--masks: expected a folder that is not in that of the pictures, got photos/new/masks",
    ],
    [
      "everything . --out c.json --masks masks",
      "--masks: expected a folder that is not in that of the pictures, got masks",
    ],
    [
      "boxes boxes.json --images photos --out c.json --masks photos",
      "--masks: expected a folder that is not in that of the pictures, got photos",
    ],
    [
      "boxes boxes.json --images photos --out photos/a.jpg",
      "--out: expected a file that is none of the pictures, got photos/a.jpg",
    ],
    [
      "boxes boxes.json --images photos --out boxes.json",
      "--out: expected another file than that of the boxes, got boxes.json",
    ],
  ])("sam2 %s", refused);

  links.each([
    [`${POINT} --out link.jpg`, "--out: expected another file than that of the picture, got link.jpg"],
    [`${POINT} --out link/a.jpg`, "--out: expected another file than that of the picture, got link/a.jpg"],
    ["everything photos --out link.jpg", "--out: expected a file that is none of the pictures, got link.jpg"],
    [
      "everything link --out c.json --masks photos/masks",
      "--masks: expected a folder that is not in that of the pictures, got photos/masks",
    ],
  ])("through a link: sam2 %s", refused);
});

test.each([
  `${POINT} --out photos/new.png --json photos/new.json --masks photos`,
  "segment http://127.0.0.1:9/%ff.jpg --point 5,5 --json --masks masks",
  `${POINT} --out o.png --json --masks masks --label-map`,
  "everything photos --out photos/c.json --masks masks",
  "everything photos --out c.json --masks .",
  "everything photos --out c.json --masks photos-masks",
  "boxes boxes.json --images photos --out photos/c.json --masks ../masks",
])("is let through, to where its model is missing: sam2 %s", async (line) => {
  expect((await sam2(line)).stderr).toMatch(/^UnknownModelError: /);
  await rm("c.json.journal", { force: true });
  await rm("photos/c.json.journal", { force: true });
});
