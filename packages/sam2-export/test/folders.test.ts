/** Folders on disk: what is opened, what is replaced and what is left alone. */
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replaceFiles } from "../src/model-folder.ts";
import { exportFolder } from "../src/node.ts";
import { fixtureFolder } from "./fixtures.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-export-"));
  await cp(fixtureFolder("toy"), checkpoint(), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const checkpoint = (...names: string[]): string => join(folder, "checkpoint", ...names);
const out = (...names: string[]): string => join(folder, "out", ...names);

const MODEL = ["decoder.onnx", "encoder.onnx", "model.json"];

describe("a checkpoint that cannot be opened", () => {
  test.each<[string, () => Promise<unknown>, string, RegExp]>([
    [
      "no folder",
      () => rm(checkpoint(), { recursive: true }),
      "InvalidConfigError",
      /checkpoint: there is no such folder/,
    ],
    [
      "a file",
      async () => {
        await rm(checkpoint(), { recursive: true });
        await writeFile(checkpoint(), "");
      },
      "InvalidConfigError",
      /expected the folder of a checkpoint, got a file/,
    ],
    [
      "an empty folder",
      async () => {
        await rm(checkpoint(), { recursive: true });
        await mkdir(checkpoint());
      },
      "InvalidConfigError",
      /expected config.json and model.safetensors, the folder is empty/,
    ],
    [
      "no config.json",
      () => rm(checkpoint("config.json")),
      "InvalidConfigError",
      /expected config.json and model.safetensors, it holds no config.json/,
    ],
    ["no JSON", () => writeFile(checkpoint("config.json"), "{"), "InvalidConfigError", /config.json: expected JSON: /],
    [
      "a folder as config.json",
      async () => {
        await rm(checkpoint("config.json"));
        await mkdir(checkpoint("config.json"));
      },
      "InvalidConfigError",
      /config.json: cannot be read: /,
    ],
    [
      "no weights",
      () => rm(checkpoint("model.safetensors")),
      "InvalidSafetensorsError",
      /model.safetensors: expected a readable file: ENOENT/,
    ],
    [
      "a folder as weights",
      async () => {
        await rm(checkpoint("model.safetensors"));
        await mkdir(checkpoint("model.safetensors"));
      },
      "InvalidSafetensorsError",
      /model.safetensors: expected a readable file: EISDIR/,
    ],
    ...["model.safetensors", "config.json"].map((name): [string, () => Promise<unknown>, string, RegExp] => [
      `a pipe as ${name}`,
      async () => {
        await rm(checkpoint(name));
        spawnSync("bash", ["-c", 'mkfifo "$0"', checkpoint(name)]);
      },
      name === "config.json" ? "InvalidConfigError" : "InvalidSafetensorsError",
      /: it is no regular file$/,
    ]),
    [
      "a pointer of git-lfs as weights",
      () =>
        writeFile(
          checkpoint("model.safetensors"),
          `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 590844\n`,
        ),
      "InvalidSafetensorsError",
      /pointer of git-lfs in place of the file/,
    ],
  ])("%s", async (_, spoil, name, message) => {
    await spoil();
    await expect(exportFolder(checkpoint(), out())).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder)).not.toContain("out");
  });
});

test("of several files of weights, the message names the one that is wrong", async () => {
  const second = "model-00002-of-00003.safetensors";
  await rm(checkpoint(), { recursive: true });
  await cp(fixtureFolder("toy-sharded"), checkpoint(), { recursive: true });
  await writeFile(checkpoint(second), "");
  await expect(exportFolder(checkpoint(), out())).rejects.toMatchObject({
    name: "InvalidSafetensorsError",
    message: `${checkpoint(second)}: expected a safetensors file of at least 8 bytes, got 0`,
  });
});

test.each<[string, unknown, RegExp]>([
  ["no map", { metadata: {} }, /index.json: expected an object weight_map, got undefined$/],
  ["no object", null, /index.json: expected an object weight_map, got undefined$/],
  ["a text as map", { weight_map: "model.safetensors" }, /expected an object weight_map, got "model.safetensors"$/],
  ["no text", { weight_map: { a: { toString: 1 } } }, /weight_map: expected the name of a file, got an object$/],
  ["an empty name", { weight_map: { a: "" } }, /weight_map: expected the name of a file, got ""$/],
])("an index that names no files: %s", async (_, index, message) => {
  await rm(checkpoint("model.safetensors"));
  await writeFile(checkpoint("model.safetensors.index.json"), JSON.stringify(index));
  await expect(exportFolder(checkpoint(), out())).rejects.toMatchObject({
    name: "InvalidConfigError",
    message: expect.stringMatching(message),
  });
});

test("an index beside model.safetensors is not looked at: the file holds all", async () => {
  const { files } = await exportFolder(checkpoint(), out());
  for (const name of ["model.safetensors.index.json", "model-00001-of-00003.safetensors"])
    await cp(join(fixtureFolder("toy-sharded"), name), checkpoint(name));
  expect((await exportFolder(checkpoint(), out())).files).toEqual(files);
});

describe("a place for output that is refused", () => {
  test.each<[string, () => Promise<string>, RegExp]>([
    ["the checkpoint's", async () => checkpoint(), /got one that is .*checkpoint$/],
    ["inside of it", async () => checkpoint("onnx", "new"), /got one that is inside of /],
    ["around it", async () => folder, /got one that is around /],
    [
      "inside of it by a link",
      async () => {
        await symlink(checkpoint(), join(folder, "link"));
        return join(folder, "link", "onnx");
      },
      /got one that is inside of /,
    ],
    [
      "a file",
      async () => {
        await writeFile(out(), "mine");
        return out();
      },
      /out: expected a folder, got a file/,
    ],
    [
      "under a file",
      async () => {
        await writeFile(out(), "mine");
        return out("below");
      },
      /below: cannot be made: /,
    ],
    ["where no folder can be made", async () => "/proc/model", /^\/proc\/model: cannot be made: /],
  ])("%s", async (_, place, message) => {
    const target = await place();
    const before = await readdir(folder, { recursive: true });
    await expect(exportFolder(checkpoint(), target)).rejects.toMatchObject({
      name: "OutputError",
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  test("beside the checkpoint, with a name that begins alike", async () => {
    await exportFolder(checkpoint(), join(folder, "checkpoint-onnx"));
    expect((await readdir(join(folder, "checkpoint-onnx"))).sort()).toEqual(MODEL);
  });
});

test("only a model's own files are replaced, each as a whole", async () => {
  await mkdir(out("notes"), { recursive: true });
  await writeFile(out("mine.onnx"), "mine");
  await writeFile(out("encoder.onnx"), "old");
  const reader = await open(out("encoder.onnx"));
  await exportFolder(checkpoint(), out());
  // who has the old file open still reads the old one, and not the beginning of the new one
  expect(await reader.readFile("utf8")).toBe("old");
  await reader.close();
  expect((await readdir(out())).sort()).toEqual([...MODEL, "mine.onnx", "notes"].sort());
  expect(await readFile(out("mine.onnx"), "utf8")).toBe("mine");
  expect((await readFile(out("encoder.onnx"))).length).toBeGreaterThan(100_000);
});

test("folders that were made for a model that failed are gone, others stay", async () => {
  await mkdir(out("deep"), { recursive: true });
  await rm(checkpoint("model.safetensors"));
  await writeFile(checkpoint("model.safetensors"), new Uint8Array(20));
  await expect(exportFolder(checkpoint(), out("deep", "er", "model"))).rejects.toThrow();
  expect(await readdir(folder, { recursive: true })).not.toContain(join("out", "deep", "er"));
  expect(await readdir(out())).toEqual(["deep"]);
});

test("of a file that cannot be written, the message names its place", async () => {
  const writing = replaceFiles(out(), ["model.json"], async (put, aside) => {
    await rm(aside, { recursive: true });
    await put("model.json", []);
  });
  await expect(writing).rejects.toMatchObject({
    name: "OutputError",
    message: `${out("model.json")}: cannot be written: ENOENT: no such file or directory`,
  });
});

test.each(MODEL)("where %s cannot be replaced, all is as it was", async (name) => {
  await mkdir(out(name, "kept"), { recursive: true });
  const others = MODEL.filter((other) => other !== name);
  for (const other of others) await writeFile(out(other), "old");
  await expect(exportFolder(checkpoint(), out())).rejects.toMatchObject({
    name: "OutputError",
    message: expect.stringMatching(`${name}: cannot be replaced: `),
  });
  expect((await readdir(out(), { recursive: true })).sort()).toEqual([...MODEL, join(name, "kept")].sort());
  for (const other of others) expect(await readFile(out(other), "utf8")).toBe("old");
});

test("where a file cannot be replaced and there was no other, none is left", async () => {
  await mkdir(out("model.json"), { recursive: true });
  await expect(exportFolder(checkpoint(), out())).rejects.toMatchObject({ name: "OutputError" });
  expect(await readdir(out())).toEqual(["model.json"]);
});
