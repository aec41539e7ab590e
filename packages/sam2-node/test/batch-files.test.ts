/** What a batch keeps on disk: its journal, wherever a kill cuts it, and its COCO file. */
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cocoText } from "../dist/command/coco.js";
import { Journal } from "../dist/command/journal.js";
import { run } from "./run-command.ts";

let folder: string;
let path: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-batch-"));
});
beforeEach(() => {
  path = join(folder, `${++count}.journal`);
});
afterAll(() => rm(folder, { recursive: true }));

/** With failures a journal stays. */
const FAILED = [{ picture: "x", error: "why" }];

/** Files that have not changed. */
const stamped = (pictures: readonly string[]): Map<string, string> =>
  new Map(pictures.map((picture) => [picture, "unchanged"]));

/** Names of pictures, some of which look like the journal's own text. */
const names = fc.uniqueArray(
  fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('a","result":1', "\n", "é/\u{1f4f7}.jpg", '\\","result":')),
  { maxLength: 6 },
);

describe("a journal", () => {
  test("gives back what was added, in this run and in the next", async () => {
    await fc.assert(
      fc.asyncProperty(names, fc.jsonValue(), async (pictures, value) => {
        await rm(path, { force: true });
        const first = await Journal.open<unknown>(path, "same", stamped(pictures));
        // at once, as several segmenters do
        await Promise.all(pictures.map((picture, place) => first.add(picture, [place, value])));
        const written = await Promise.all(pictures.map((picture) => first.read(picture)));
        await first.end(FAILED);
        const second = await Journal.open<unknown>(path, "same", stamped(pictures));
        expect(pictures.map((picture) => second.has(picture))).toEqual(pictures.map(() => true));
        // JSON has no −0
        const expected = JSON.parse(JSON.stringify(pictures.map((_, place) => [place, value])));
        expect(written).toEqual(expected);
        expect(await Promise.all(pictures.map((picture) => second.read(picture)))).toEqual(expected);
        expect(second.has("another")).toBe(false);
        await second.end(FAILED);
      }),
      { numRuns: 50 },
    );
  });

  test("cut off anywhere: whole lines count, the rest is gone, and what is added after it is there", async () => {
    const first = await Journal.open<number>(path, "same", stamped(["a", "b", "c", "d"]));
    for (const [place, name] of ["a", "b", "c"].entries()) await first.add(name, place);
    await first.end(FAILED);
    const text = await readFile(path, "utf8");
    for (let length = 0; length <= text.length; length++) {
      await writeFile(path, text);
      await truncate(path, length);
      const journal = await Journal.open<number>(path, "same", stamped(["a", "b", "c", "d"]));
      const lines = text.slice(0, length).split("\n").length - 1;
      const whole = ["a", "b", "c"].slice(0, Math.max(0, lines - 1));
      expect(["a", "b", "c"].filter((name) => journal.has(name))).toEqual(whole);
      await journal.add("d", 9);
      await journal.end(FAILED);
      const again = await Journal.open<number>(path, "same", stamped(["a", "b", "c", "d"]));
      expect(await again.read("d")).toBe(9);
      for (const [place, name] of whole.entries()) expect(await again.read(name)).toBe(place);
      await again.end([]);
    }
  });

  test.each([
    ["of other options", '{"settings":"other"}\n', /got one of other options/],
    ["that is none", "no journal\n", /not valid JSON|Unexpected token/],
  ])("%s is refused, and stays as it is", async (_, text, message) => {
    await writeFile(path, text);
    await expect(Journal.open(path, "same", stamped([]))).rejects.toMatchObject({
      name: "OutputError",
      message: expect.stringMatching(message),
    });
    expect(await readFile(path, "utf8")).toBe(text);
  });
});

describe("a journal counts a result", () => {
  test.each<[string, object, string, boolean]>([
    ["of the same file", { file: "as it is" }, "as it is", true],
    ["of a file that was replaced", { file: "as it was" }, "as it is", false],
    ["of a picture that was not on this machine", {}, "as it is", false],
  ])("%s: %j beside %j", async (_, line, stamp, counts) => {
    const lines = [{ settings: "same" }, { picture: "a", ...line, model: "m", result: 1 }];
    await writeFile(path, lines.map((each) => `${JSON.stringify(each)}\n`).join(""));
    const journal = await Journal.open<number>(path, "same", new Map([["a", stamp]]));
    expect(journal.has("a")).toBe(counts);
    // done again, it counts, whatever was there before
    await journal.add("a", 2);
    await journal.end(FAILED);
    const again = await Journal.open<number>(path, "same", new Map([["a", stamp]]));
    expect([again.has("a"), await again.read("a")]).toEqual([true, 2]);
    await again.end([]);
  });

  test("of the same model; one of another is refused, unless nothing counts any more", async () => {
    const first = await Journal.open<number>(path, "same", stamped(["a"]));
    first.useModel("one");
    await first.add("a", 1);
    expect(() => first.useModel("other")).toThrow(/got one of other weights or of another precision/);
    await first.end(FAILED);
    const second = await Journal.open<number>(path, "same", stamped(["a"]));
    expect(() => second.useModel("other")).toThrow(/got one of other weights or of another precision/);
    second.useModel("one");
    await second.end(FAILED);
    const replaced = await Journal.open<number>(path, "same", new Map([["a", "replaced"]]));
    replaced.useModel("other");
    await replaced.end([]);
  });
});

describe("only one run has a journal", () => {
  const taken = {
    name: "OutputError",
    message: expect.stringMatching(/[.]journal: expected no other run of this batch at the same time, found one/),
  };

  test("another one is refused until it ends", async () => {
    const first = await Journal.open<number>(path, "same", stamped(["a"]));
    await first.add("a", 1);
    await expect(Journal.open(path, "same", stamped(["a"]))).rejects.toMatchObject(taken);
    expect(await first.read("a")).toBe(1);
    await first.end(FAILED);
    const second = await Journal.open<number>(path, "same", stamped(["a"]));
    expect(await second.read("a")).toBe(1);
    await second.end([]);
    expect((await readdir(folder)).filter((name) => name.includes(`${count}.journal`))).toEqual([]);
  });

  test("what a killed run left does not keep others away for long", async () => {
    await mkdir(`${path}.lock`);
    const journal = await Journal.open<number>(path, "same", stamped([]));
    await journal.end([]);
  });

  test("a run that lost it to another one, while it was stopped, writes no more", async () => {
    const journal = await Journal.open<number>(path, "same", stamped(["a", "b"]));
    await journal.add("a", 1);
    await rm(`${path}.lock`, { recursive: true });
    await mkdir(`${path}.lock`);
    const text = await readFile(path, "utf8");
    await expect
      .poll(
        () =>
          journal.add("b", 2).then(
            () => null,
            (error: unknown) => error,
          ),
        { timeout: 20_000 },
      )
      .toMatchObject(taken);
    expect((await readFile(path, "utf8")).startsWith(text)).toBe(true);
    await journal.end([]);
    await rm(`${path}.lock`, { recursive: true });
  });

  test("what was written over a result is not taken for it", async () => {
    const journal = await Journal.open<number>(path, "same", stamped(["a", "b"]));
    await journal.add("a", 1);
    await writeFile(path, (await readFile(path, "utf8")).replace('"picture":"a"', '"picture":"b"'));
    await expect(journal.read("a")).rejects.toMatchObject({
      name: "OutputError",
      message: expect.stringMatching(/expected the result of a, found something else/),
    });
    await journal.end([]);
  });
});

async function* several<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

test.each([0, 1, 3, 5000])("a COCO file with a list of %d entries", async (length) => {
  const images = Array.from({ length }, (_, id) => ({ id, file_name: `${id}.jpg` }));
  const pieces: string[] = [];
  for await (const piece of cocoText({ info: { a: "b" }, images: several(images), categories: [{ id: 1 }] }))
    pieces.push(piece);
  expect(JSON.parse(pieces.join(""))).toEqual({ info: { a: "b" }, images, categories: [{ id: 1 }] });
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(70_000);
});

test("a COCO file whose other fields are no objects", async () => {
  const fields = { type: "instances", version: 1, checked: true, info: null };
  let text = "";
  for await (const piece of cocoText({ ...fields, images: several([]) })) text += piece;
  expect(JSON.parse(text)).toEqual({ ...fields, images: [] });
});

describe("a journal that another folder's pictures left", () => {
  // the journal is opened before the model, which is never there
  const model = ["--model", "nowhere"];
  /** The journals that this process has open, as Linux tells it. */
  const openJournals = async (): Promise<string[]> => {
    const fds = await readdir("/proc/self/fd");
    const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
    return targets.filter((target) => target.endsWith(".journal"));
  };
  const refused = { code: 1, stderr: expect.stringMatching(/^OutputError: .*[.]journal: .*got one of other options/) };

  test("everything refuses it", async () => {
    for (const part of ["part1", "part2"]) {
      await mkdir(join(folder, part), { recursive: true });
      await writeFile(join(folder, part, "0.png"), "");
    }
    const everything = (part: string) => run("everything", join(folder, part), "--out", `${path}.json`, ...model);
    const first = await everything("part1");
    expect(await everything("part1")).toEqual(first);
    expect(first.stderr).not.toMatch(/other options/);
    expect(await everything("part2")).toMatchObject(refused);
    if (process.platform === "linux") expect(await openJournals()).toEqual([]);
  });

  test("boxes refuses it", async () => {
    const file = join(folder, "boxes.json");
    const annotations = [{ image_id: 1, bbox: [1, 2, 3, 4] }];
    await writeFile(file, JSON.stringify({ images: [{ id: 1, file_name: "0.png" }], annotations }));
    const boxes = (part: string) =>
      run("boxes", file, "--images", join(folder, part), "--out", `${path}.json`, ...model);
    const first = await boxes("part1");
    expect(await boxes("part1")).toEqual(first);
    expect(first.stderr).not.toMatch(/other options/);
    expect(await boxes("part2")).toMatchObject(refused);
    if (process.platform === "linux") expect(await openJournals()).toEqual([]);
  });
});
