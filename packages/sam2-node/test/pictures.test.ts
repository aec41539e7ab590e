/** Files that cannot be read. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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
