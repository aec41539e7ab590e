/**
 * A cache folder: keys of any length; what was left in it by processes that were killed; one that cannot be locked runs the task
 * all the same.
 */
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { digest } from "sam2-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FolderStore } from "../src/storage/folder-store.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-store-"));
});
afterAll(() => rm(folder, { recursive: true }));

const task = async (): Promise<string> => "done";

describe("without a lock", { timeout: 2000 }, () => {
  test("where the lock can be neither made nor removed", async () => {
    const lock = join(folder, `${await digest(new TextEncoder().encode("x"))}.lock`);
    await writeFile(lock, "");
    await utimes(lock, 0, 0);
    expect(await new FolderStore(folder).alone("x", task)).toBe("done");
  });

  test("where the folder cannot be made", async () => {
    await writeFile(join(folder, "file"), "");
    expect(await new FolderStore(join(folder, "file", "cache")).alone("x", task)).toBe("done");
  });

  test("an error of the task is the task's", async () => {
    const failing = async (): Promise<never> => {
      throw new Error("of the task");
    };
    await expect(new FolderStore(join(folder, "file", "cache")).alone("x", failing)).rejects.toThrow("of the task");
    await expect(new FolderStore(folder).alone("y", failing)).rejects.toThrow("of the task");
  });
});

test("with a lock: one after the other, each once", async () => {
  const events: string[] = [];
  const run = (name: string): Promise<void> =>
    new FolderStore(folder).alone("shared", async () => {
      events.push(`${name} begins`);
      await pause(20);
      events.push(`${name} ends`);
    });
  await Promise.all([run("a"), run("b"), run("c")]);
  expect(events).toHaveLength(6);
  for (let at = 0; at < 6; at += 2) {
    expect(events[at + 1]).toBe(events[at]?.replace("begins", "ends"));
  }
});

test.each([
  ["short", "note/toy"],
  ["as long as a name may be while it is written", `note/${"x".repeat(205)}`],
  ["longer by one", `note/${"x".repeat(206)}`],
  [
    "of a path in Cyrillic",
    `model/${encodeURIComponent("/home/иван/Документы/модели/sam2.1")}/converted/whole/encoder.onnx`,
  ],
  [
    "of a download that is begun, at an address in Chinese",
    `part/${encodeURIComponent(`model/${encodeURIComponent(`https://models.test/${encodeURIComponent("分割模型".repeat(20))}`)}/`)}/0`,
  ],
])("a key %s is written, listed and removed; one that begins with it is another", async (_, key) => {
  const store = new FolderStore(join(folder, "keys"));
  const longer = `${key}/more`;
  await store.write(key, new Uint8Array([1]));
  await store.write(longer, new Uint8Array([2, 3]));
  expect(await store.read(key)).toEqual(Buffer.from([1]));
  expect(await store.list()).toEqual(
    expect.arrayContaining([
      { key, bytes: 1 },
      { key: longer, bytes: 2 },
    ]),
  );
  await store.remove(key);
  expect([await store.read(key), await store.read(longer)]).toEqual([null, Buffer.from([2, 3])]);
  await store.remove(longer);
  expect(await store.list()).toEqual([]);
});

test("a write deletes what was begun a day ago, and not what another process is writing", async () => {
  const kept = join(folder, "kept");
  const store = new FolderStore(kept);
  await store.write("first", new Uint8Array([1]));
  await writeFile(join(kept, "left.aside"), "half");
  await writeFile(join(kept, "meanwhile.aside"), "half");
  const yesterday = Date.now() / 1000 - 25 * 3600;
  await utimes(join(kept, "left.aside"), yesterday, yesterday);
  await store.write("second", new Uint8Array([2, 3]));
  expect((await readdir(kept)).sort()).toEqual(["first", "meanwhile.aside", "second"]);
  expect(await store.read("second")).toEqual(Buffer.from([2, 3]));
  expect((await store.list()).map(({ key, bytes }) => [key, bytes]).sort()).toEqual([
    ["first", 1],
    ["second", 2],
  ]);
});
