/** An export that is interrupted leaves nothing behind. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { exportFolder } from "../src/node.ts";
import { fixtureFolder } from "./fixtures.ts";
import { seededLayout } from "./seeded.ts";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

let folder: string;
const out = (...names: string[]): string => join(folder, "out", ...names);

/** As large as the published tiny model, so that there is time to interrupt; all of its weights are 0. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-interrupted-"));
  await mkdir(join(folder, "checkpoint"));
  const config = { model_type: "sam2" };
  await writeFile(join(folder, "checkpoint", "config.json"), JSON.stringify(config));
  const { head, size } = seededLayout(config);
  const weights = join(folder, "checkpoint", "model.safetensors");
  await writeFile(weights, head);
  await truncate(weights, size);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => rm(out(), { recursive: true, force: true }));

/** Ends an export as soon as it writes; resolves with its exit code, or with the signal that ended it. */
async function interrupt(target: string, signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
  const child = spawn(process.execPath, [CLI, join(folder, "checkpoint"), "--out", target], { stdio: "inherit" });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on("exit", (code, by) => resolve(code ?? by));
  });
  const writes = async (): Promise<boolean> =>
    (await readdir(target, { recursive: true }).catch(() => [])).some((name) => name.endsWith("encoder.onnx"));
  while (child.exitCode === null && !(await writes())) await pause(5);
  child.kill(signal);
  return ended;
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", async (signal, code) => {
  expect(await interrupt(out("deep", "er"), signal)).toBe(code);
  expect(await readdir(folder)).toEqual(["checkpoint"]);
});

test("what a killed one leaves is deleted a day later", async () => {
  expect(await interrupt(out(), "SIGKILL")).toBe("SIGKILL");
  const [left = ""] = await readdir(out());
  await exportFolder(fixtureFolder("toy"), out());
  expect(await readdir(out())).toContain(left);
  const yesterday = Date.now() / 1000 - 25 * 3600;
  await utimes(out(left), yesterday, yesterday);
  await mkdir(out(".git"));
  await utimes(out(".git"), yesterday, yesterday);
  await exportFolder(fixtureFolder("toy"), out());
  expect((await readdir(out())).sort()).toEqual([".git", "decoder.onnx", "encoder.onnx", "model.json"]);
  expect(JSON.parse(await readFile(out("model.json"), "utf8")).id).toBe("toy");
});
