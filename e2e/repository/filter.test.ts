/** Tests of some files, chosen by a filter. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a program of Node's, outside the test that calls it. */
function start(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const environment = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|TEST$|NODE_ENV$)/.test(name));
  return promisify(execFile)(process.execPath, args, { cwd: ROOT, env: Object.fromEntries(environment) });
}

test("finds files of every kind of test", async () => {
  const { stdout } = await start("node_modules/vitest/vitest.mjs", "list", "--filesOnly", "segment", "stretch", "demo");
  const found = new Set([...stdout.matchAll(/^\[(\w+)(?: \(\w+\))?\]/gm)].map(([, project]) => project));
  expect([...found].sort()).toEqual(["browser", "browsers", "e2e", "models", "native", "node"]);
}, 180_000);

test("that no file matches fails, and says so", async () => {
  await expect(start("run.mjs", "test:node", "no-such-file")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("No test files found"),
  });
}, 180_000);
