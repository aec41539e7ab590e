/** What is said of a file that cannot be written: the path that was given, not the name that it had meanwhile. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeWhole } from "../src/command/output.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-output-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["in a folder that is missing", "nowhere/overlay.png", "ENOENT: no such file or directory"],
  ["in place of a folder", "", "EISDIR: illegal operation on a directory"],
])("%s", async (_, name, reason) => {
  const path = join(folder, name);
  await expect(writeWhole(path, "pixels")).rejects.toMatchObject({
    name: "OutputError",
    message: `${path}: could not be written: ${reason}`,
  });
  expect(await readdir(folder)).toEqual([]);
});
