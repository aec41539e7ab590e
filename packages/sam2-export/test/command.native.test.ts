/** The command line of the exporter. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fixtureFolder } from "./fixtures.ts";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

test("a reader of its report that has gone is no failure", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sam2-command-"));
  const script = 'node "$0" "$1" --out "$2" | true; exit $PIPESTATUS';
  const { status, stderr } = spawnSync("bash", ["-c", script, CLI, fixtureFolder("toy"), folder]);
  expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: "" });
  expect((await readdir(folder)).sort()).toEqual(["decoder.onnx", "encoder.onnx", "model.json"]);
  await rm(folder, { recursive: true });
});
