/** Files that are written whole: what a power failure leaves, and what is said of one that cannot be written. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { hasResult } from "../src/queue/results.ts";
import { writeWhole } from "../src/storage/whole-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-output-"));
});
afterAll(() => rm(folder, { recursive: true }));

// the path that was given is told, not the name that it had meanwhile
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
    import { writeWhole } from ${JSON.stringify(source)};
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
