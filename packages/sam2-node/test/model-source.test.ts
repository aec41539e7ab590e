/** Which files of a folder are a model. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localSource } from "../src/model/source.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-model-"));
});
afterEach(() => rm(folder, { recursive: true }));

const SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

test.each<[string, readonly string[], readonly string[]]>([
  ["one file", ["model.safetensors"], ["model.safetensors"]],
  ["shards, in order", [...SHARDS].reverse(), SHARDS],
  ["one file beside old shards", [...SHARDS, "model.safetensors"], ["model.safetensors"]],
  ["nothing of another name", ["model.safetensors", "optimizer.safetensors"], ["model.safetensors"]],
])("a checkpoint's weights are %s", async (_, names, expected) => {
  for (const name of ["config.json", ...names]) await writeFile(join(folder, name), "");
  expect(await localSource(folder)).toMatchObject({
    id: folder,
    weights: expected.map((name) => expect.objectContaining({ name: join(folder, name) })),
  });
});
