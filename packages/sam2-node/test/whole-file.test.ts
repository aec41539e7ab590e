/** Files that are written whole: what a power failure leaves, and what is said of one that cannot be written. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { hasResult } from "../src/queue/results.ts";
import { removeAside, writeWhole } from "../src/storage/whole-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-output-"));
});
afterAll(() => rm(folder, { recursive: true }));

// the path that was given is told, not the name that it had meanwhile
test.each([
  ["in a folder that is missing", "nowhere/overlay.png", "ENOENT: no such file or directory"],
  ["in place of a folder", "", "expected a regular file or none, found a folder"],
])("%s", async (_, name, reason) => {
  const path = join(folder, name);
  await expect(writeWhole(path, "pixels")).rejects.toMatchObject({
    name: "OutputError",
    message: `${path}: could not be written: ${reason}`,
  });
  expect(await readdir(folder)).toEqual([]);
});

test.skipIf(process.platform === "win32")("a device is refused, and stays", async () => {
  const device = join(folder, "null");
  // a link to it: the device itself is left alone, whatever becomes of the link
  await symlink("/dev/null", device);
  await expect(writeWhole(device, "pixels")).rejects.toMatchObject({
    name: "OutputError",
    message: `${device}: could not be written: expected a regular file or none, found a device, a pipe or a socket`,
  });
  expect(await readdir(folder)).toEqual(["null"]);
  expect(await readlink(device)).toBe("/dev/null");
  await rm(device);
});

test.skipIf(process.platform === "win32").each([
  ["to a file", "file"],
  ["to nothing yet", "new"],
  ["to a link", "link"],
])("a link %s stays a link, and leads to what was written", async (_, name) => {
  await mkdir(join(folder, "there"));
  await writeFile(join(folder, "there", "file"), "before");
  await symlink("file", join(folder, "there", "link"));
  await symlink(join("there", name), join(folder, "out"));
  // what a kill left of an earlier run, where files are begun
  const left = join(folder, "there", `${name === "link" ? "file" : name}.of-a-kill.aside`);
  await writeFile(left, "half");
  await removeAside(join(folder, "out"));
  await writeWhole(join(folder, "out"), "after");
  expect(await readlink(join(folder, "out"))).toBe(join("there", name));
  expect(await readFile(join(folder, "there", name), "utf8")).toBe("after");
  expect((await readdir(join(folder, "there"))).sort()).toEqual([...new Set(["file", "link", name])].sort());
  await rm(join(folder, "there"), { recursive: true });
  await rm(join(folder, "out"));
});

test("a file is on the disk before it has its name, and its name before the call ends", async () => {
  const handle = await open(folder);
  const spy = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "sync");
  await handle.close();
  const synced: (string | undefined)[] = [];
  spy.mockImplementation(async () => {
    const [name = "none"] = await readdir(folder);
    synced.push(name.replace(/[.].*[.]/, "."), await readFile(join(folder, name), "utf8"));
  });
  const pieces = async function* (): AsyncGenerator<string> {
    yield "all of ";
    yield "it";
  };
  await writeWhole(join(folder, "whole"), pieces());
  spy.mockRestore();
  expect(synced).toEqual(["whole.aside", "all of it", "whole", "all of it"]);
  expect(await readFile(join(folder, "whole"), "utf8")).toBe("all of it");
  await rm(join(folder, "whole"));
});

test("a process that ends before its file was opened leaves none", async () => {
  const source = fileURLToPath(new URL("../src/storage/whole-file.ts", import.meta.url));
  // the one thread that opens files is busy; what waits for it is still done when the process ends
  const script = `
    import { pbkdf2 } from "node:crypto";
    import { removeAside, writeWhole } from ${JSON.stringify(source)};
    pbkdf2("", "", 100_000, 64, "sha512", () => undefined);
    void writeWhole(${JSON.stringify(join(folder, "late.json"))}, "{}");
    process.exit(3);
  `;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    stdio: "inherit",
  });
  expect(await once(child, "close")).toEqual([3, null]);
  expect(await readdir(folder)).toEqual([]);
});

test("an empty file is no result", async () => {
  await writeFile(join(folder, "empty.json"), "");
  await writeFile(join(folder, "full.json"), "{}");
  expect(await Promise.all(["empty.json", "full.json", "none.json"].map((name) => hasResult(folder, name)))).toEqual([
    false,
    true,
    false,
  ]);
});
