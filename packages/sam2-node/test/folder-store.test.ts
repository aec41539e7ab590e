/** A cache folder that cannot be locked: the task is run all the same. */
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
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
