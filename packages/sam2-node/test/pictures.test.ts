/** The pictures of a folder: through links, round in a circle, and where a folder cannot be read. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { picturesIn } from "../dist/command/pictures.js";
import { decodeImage } from "../src/image/source.ts";
import { openPath } from "../src/storage/paths.ts";

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-pictures-"));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs something as a user who may not read everything. */
async function confined<T>(task: () => Promise<T>): Promise<T> {
  const user = process.geteuid?.();
  if (user === 0) process.seteuid?.(65_534);
  try {
    return await task();
  } finally {
    if (user === 0) process.seteuid?.(0);
  }
}

describe.skipIf(process.platform === "win32")("pictures in a folder", () => {
  beforeEach(async () => {
    await mkdir(at("pictures", "in"), { recursive: true });
    await mkdir(at("elsewhere", "deep"), { recursive: true });
    await writeFile(at("pictures", "in", "a.png"), "");
    await writeFile(at("elsewhere", "deep", "b.jpg"), "");
  });

  test.each<[string, string, string, string[]]>([
    ["a link to a picture", "../elsewhere/deep/b.jpg", "c.jpg", ["c.jpg", "in/a.png"]],
    ["a link to a folder", "../elsewhere", "other", ["in/a.png", "other/deep/b.jpg"]],
    ["a link to a folder that is named like a picture", "../elsewhere", "x.png", ["in/a.png", "x.png/deep/b.jpg"]],
    ["a link to the folder itself", ".", "again", ["in/a.png"]],
    ["a link to the folder above", "..", "up", ["in/a.png", "up/elsewhere/deep/b.jpg"]],
    ["a link to itself", "round", "round", ["in/a.png"]],
    ["a picture that leads nowhere, which will fail by its name", "nowhere.png", "d.png", ["d.png", "in/a.png"]],
    ["a link that leads nowhere", "nowhere", "e", ["in/a.png"]],
  ])("%s", async (_, target, name, expected) => {
    await symlink(target, at("pictures", name));
    expect(await picturesIn(at("pictures"))).toEqual(expected);
  });

  test("a folder of links alone", async () => {
    await mkdir(at("links"));
    for (const name of ["1.jpg", "2.jpg"]) await symlink("../elsewhere/deep/b.jpg", at("links", name));
    expect(await picturesIn(at("links"))).toEqual(["1.jpg", "2.jpg"]);
  });

  test("a folder that cannot be read is named", async () => {
    await chmod(at("pictures", "in"), 0o000);
    await expect(confined(() => picturesIn(at("pictures")))).rejects.toMatchObject({
      name: "InvalidImageError",
      message: expect.stringContaining(`${at("pictures", "in")}: expected a folder that can be read: EACCES`),
    });
    await chmod(at("pictures", "in"), 0o755);
  });
});

describe("is refused by name, when it is opened:", () => {
  const picture = (path: string): object => ({
    name: "InvalidImageError",
    message: `${path}: expected a picture, got a file that cannot be read`,
  });
  const embedding = (path: string): object => ({
    name: "DownloadError",
    message: `${path}: expected an embedding, got a file that cannot be read`,
  });

  test("a folder", async () => {
    await expect(decodeImage(folder)).rejects.toMatchObject(picture(folder));
    await expect(openPath(folder)).rejects.toMatchObject(embedding(folder));
  });

  test.skipIf(process.platform === "win32")("a file that others may not read", async () => {
    await writeFile(at("locked"), "bytes");
    await chmod(at("locked"), 0o000);
    await confined(async () => {
      await expect(decodeImage(at("locked"))).rejects.toMatchObject(picture(at("locked")));
      await expect(openPath(at("locked"))).rejects.toMatchObject(embedding(at("locked")));
    });
  });
});
