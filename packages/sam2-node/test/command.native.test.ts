/** The command line, as a person runs it: results and exit codes. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeRle, maskArea, maskBox, type Rle } from "sam2-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clock, ProgressLine, progressLine } from "../src/command/progress.ts";
import { FIXTURES, PHOTO } from "./reference.ts";
import { type Ended, run } from "./run-command.ts";

const MAIN = fileURLToPath(new URL("../dist/command/main.js", import.meta.url));
const TOY = `${FIXTURES}toy`;

let folder: string;
const before = process.cwd();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-command-"));
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
});

/** Runs a command as a process of its own, in a pipe. */
function runProcess(...args: string[]): Promise<Ended> {
  return new Promise((ended) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (error, stdout, stderr) => {
      ended({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(folder, name), "utf8")) as T;

interface Report {
  readonly masks: readonly { score: number; area: number; bbox: number[]; rle: Rle }[];
}

function expectMeasured({ masks }: Report): void {
  for (const { rle, area, bbox } of masks) {
    const mask = decodeRle(rle);
    expect([maskArea(mask), maskBox(mask)]).toEqual([area, bbox]);
  }
}

describe("segment", () => {
  test("writes an overlay and the masks, best first; in a pipe there is no progress", async () => {
    const prompt = ["--point", "150,105", "--negative", "10,10", "--box", "90,60,300,200", "--multimask"];
    const came = await runProcess(
      "segment",
      PHOTO,
      ...prompt,
      "--device",
      "cpu",
      "--out",
      "out.png",
      "--json",
      "out.json",
    );
    expect(came).toMatchObject({ code: 0, stderr: "" });
    expect(came.stdout).toMatch(/^sam2-mini on cpu \(asked for the CPU\): load \d+ ms, .*score 0\.\d+/);
    expect(await sharp(join(folder, "out.png")).metadata()).toMatchObject({ format: "png", width: 480, height: 320 });
    const report = await read<Report>("out.json");
    expect(report).toMatchObject({
      model: "sam2-mini",
      device: { encoder: "cpu", decoder: "cpu" },
      image: { width: 480, height: 320 },
      timings_ms: { load: expect.any(Number), encode: expect.any(Number), decode: expect.any(Number) },
    });
    const scores = report.masks.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores).toHaveLength(3);
    expectMeasured(report);
    // the mark of the point is where it was asked for
    const { data } = await sharp(join(folder, "out.png")).raw().toBuffer({ resolveWithObject: true });
    expect([...data.subarray(3 * (105 * 480 + 150), 3 * (105 * 480 + 150) + 3)]).toEqual([0x16, 0xa3, 0x4a]);
  });

  test("everything in the picture, as JSON on standard output alone", async () => {
    const limits = ["--points-per-side", "4", "--pred-iou-thresh", "0.01", "--stability-score-thresh", "0.01"];
    const { code, stdout } = await run(
      "segment",
      PHOTO,
      "--everything",
      ...limits,
      "--model",
      TOY,
      "--device",
      "cpu",
      "--json",
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.masks.length).toBeGreaterThan(0);
    expectMeasured(report);
  });

  test.each<[string, string[], number, RegExp]>([
    ["no prompt", [PHOTO], 2, /give at least one --point/],
    ["a prompt and everything", [PHOTO, "--point", "1,1", "--everything"], 2, /--everything takes no --point/],
    ["no such picture", ["nothing.jpg", "--point", "1,1"], 2, /nothing.jpg: no such file/],
    ["a point of one number", [PHOTO, "--point", "1"], 2, /expected 2 numbers with commas between/],
    ["an unknown option", [PHOTO, "--pint", "1,1"], 2, /unknown option '--pint'/],
    ["an unknown model", [PHOTO, "--point", "1,1", "--model", "sam9"], 1, /^UnknownModelError: .*got "sam9"/],
    ["a file that is no picture", [MAIN, "--point", "1,1", "--model", TOY], 1, /^InvalidImageError: /],
    ["a folder that is missing", [PHOTO, "--point", "1,1", "--model", TOY, "--out", "no/bad.png"], 1, /^OutputError: /],
    [
      "no place for masks",
      [PHOTO, "--point", "1,1", "--model", TOY, "--json", "no/bad.json"],
      1,
      /^OutputError: no.bad/,
    ],
    ["a folder of that name", [PHOTO, "--point", "1,1", "--model", TOY, "--json", "."], 1, /^OutputError: .* folder$/m],
  ])("%s: says what is wrong, and writes nothing", async (_, args, code, message) => {
    const came = await run("segment", "--out", "bad.png", ...args);
    expect(came).toMatchObject({ code, stderr: expect.stringMatching(message) });
    expect((await readdir(folder)).filter((name) => name.includes("bad"))).toEqual([]);
  });
});

test("segment: in the precision that is asked for, which the result names", async () => {
  const args = ["segment", PHOTO, "--model", TOY, "--device", "cpu", "--dtype", "int8", "--point", "9,9"];
  expect(await run(...args, "--json", "int8.json")).toMatchObject({ code: 0 });
  expect(JSON.parse(await readFile(join(folder, "int8.json"), "utf8")).device).toMatchObject({ dtype: "int8" });
});

test("export: a checkpoint to a folder that segment takes", async () => {
  expect(await run("export", TOY, "--out", "toy", "--dtype", "fp16")).toMatchObject({ code: 0 });
  expect(await run("segment", PHOTO, "--model", "toy", "--point", "9,9", "--json", "toy.json")).toMatchObject({
    code: 0,
  });
  expect((await run("export", "nowhere", "--out", "x")).code).toBe(1);
});

describe("everything", () => {
  const LIMITS = ["--points-per-side", "6", "--pred-iou-thresh", "0.01", "--stability-score-thresh", "0.01"];
  const args = (out: string): string[] => [
    "everything",
    "pictures",
    ...LIMITS,
    "--model",
    TOY,
    "--device",
    "cpu",
    "--out",
    out,
    "--json",
  ];
  const NAMES = ["0.png", "1.png", "2.png", "3.png", "in/4.png", "in/5.png", "in/6.png", "in/7.png"];

  interface Coco {
    readonly images: readonly { id: number; file_name: string; width: number; height: number }[];
    readonly annotations: readonly { image_id: number; segmentation: Rle; area: number; bbox: number[] }[];
  }
  let whole: Coco;
  beforeAll(async () => {
    await mkdir(join(folder, "pictures", "in"), { recursive: true });
    // each picture is another part of the photograph, of another size
    for (const [i, name] of NAMES.entries()) {
      const part = sharp(PHOTO).extract({ left: 20 * i, top: 10 * i, width: 300 + i, height: 200 - i });
      await part.toFile(join(folder, "pictures", name));
    }
    const { code, stdout } = await run(...args("whole.json"));
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { pictures: 8, known: 0, failed: [] }]);
    whole = await read<Coco>("whole.json");
    const last = join(folder, "pictures", NAMES.at(-1) as string);
    const picture = await readFile(last);
    await writeFile(last, "no picture");
    expect((await run(...args("begun.json"))).code).toBe(3);
    await writeFile(last, picture);
  });

  /** Begins where a run ended that had all but one picture. */
  const goOn = (out: string): Promise<void> =>
    copyFile(join(folder, "begun.json.journal"), join(folder, `${out}.journal`));

  test("one COCO file for all, in the order of their names", () => {
    expect(whole.images.map(({ file_name }) => file_name)).toEqual(NAMES);
    expect(whole.annotations.length).toBeGreaterThan(0);
    for (const { image_id, segmentation, area, bbox } of whole.annotations) {
      const mask = decodeRle(segmentation);
      expect(mask).toMatchObject({ width: 299 + image_id, height: 201 - image_id });
      expect([maskArea(mask), maskBox(mask)]).toEqual([area, bbox]);
    }
  });

  test("a line of the journal that was cut off is not counted", async () => {
    await goOn("cut.json");
    const journal = join(folder, "cut.json.journal");
    const text = await readFile(journal, "utf8");
    const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
    await writeFile(journal, `${lines.slice(0, -1).join("\n")}\n${lines.at(-1)?.slice(0, 40)}`);
    const { stdout } = await run(...args("cut.json"));
    expect(JSON.parse(stdout)).toMatchObject({ known: lines.length - 2, failed: [] });
    expect(await read<Coco>("cut.json")).toEqual(whole);
  });

  /** Runs a command as where no file can get longer than some blocks of 512 bytes. */
  const runConfined = (blocks: number, ...given: string[]): Promise<Ended> =>
    new Promise((ended) => {
      const line = ["-c", `ulimit -f ${blocks}; exec "$@"`, "sh", process.execPath, MAIN, ...given];
      execFile("sh", line, { cwd: folder }, (error, stdout, stderr) => {
        ended({ code: error ? Number(error.code) : 0, stdout, stderr });
      });
    });

  test.skipIf(process.platform === "win32")(
    "on a full disk what fits is kept, and the next run does the rest",
    async () => {
      const whole512 = Math.floor((await stat(join(folder, "begun.json.journal"))).size / 512);
      const full = await runConfined(Math.ceil(whole512 / 2), ...args("full.json"));
      expect(full).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/^(?:[^:]+: OutputError: full[.]json[.]journal: [^\n]+\n)+$/),
      });
      expect((await readdir(folder)).filter((name) => name.startsWith("full")).sort()).toEqual([
        "full.json",
        "full.json.journal",
      ]);
      const kept = (await readFile(join(folder, "full.json.journal"), "utf8")).split("\n");
      expect(kept.at(-1)).toBe("");
      const { code, stdout } = await run(...args("full.json"));
      expect([code, JSON.parse(stdout)]).toMatchObject([0, { known: kept.length - 2, failed: [] }]);
      expect(kept.length - 2).toBeLessThan(8);
      expect(await read<Coco>("full.json")).toEqual(whole);
    },
  );

  test.skipIf(process.platform === "win32")(
    "embeddings that do not fit on the disk are told, each, and nothing is left of them",
    async () => {
      const embed = ["embed", "pictures", "--out", "none", "--model", TOY, "--device", "cpu"];
      const { code, stderr } = await runConfined(8, ...embed);
      expect([code, stderr.trim().split("\n")]).toEqual([
        3,
        NAMES.map((name) =>
          expect.stringMatching(new RegExp(`^${name}: OutputError: none/${name}.*could not be written`)),
        ),
      ]);
      const left = await readdir(join(folder, "none"), { recursive: true, withFileTypes: true });
      expect(left.filter((entry) => entry.isFile())).toEqual([]);
    },
  );

  test("a picture that was replaced since is done again; the others are not", async () => {
    await goOn("replaced.json");
    const first = join(folder, "pictures", NAMES[0] as string);
    const picture = await readFile(first);
    const { atime, mtime } = await stat(first);
    await sharp(PHOTO).extract({ left: 0, top: 0, width: 123, height: 45 }).toFile(first);
    const { code, stdout } = await run(...args("replaced.json"));
    await writeFile(first, picture);
    await utimes(first, atime, mtime);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { known: 6, failed: [] }]);
    const { images } = await read<Coco>("replaced.json");
    expect(images.map(({ width, height }) => [width, height])).toEqual([
      [123, 45],
      ...whole.images.slice(1).map(({ width, height }) => [width, height]),
    ]);
  });

  test("a journal of other weights under the same name is refused, and so is one of another precision", async () => {
    const bad = join(folder, "pictures", "bad.jpg");
    await writeFile(bad, "no picture");
    const model = (name: string, dtype: string): Promise<Ended> => run("export", TOY, "--out", name, "--dtype", dtype);
    await model("mine", "fp32");
    const asked = args("mine.json").map((each) => (each === TOY ? "mine" : each));
    expect((await run(...asked)).code).toBe(3);
    const before = await readFile(join(folder, "mine.json.journal"), "utf8");
    await rm(join(folder, "mine"), { recursive: true });
    await model("mine", "fp16");
    await copyFile(PHOTO, bad);
    const came = await run(...asked);
    await rm(bad);
    expect(came).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^OutputError: mine[.]json[.]journal: .*other weights or of another precision/),
    });
    expect(await readFile(join(folder, "mine.json.journal"), "utf8")).toBe(before);
  });

  test("a journal of other options is refused", async () => {
    await goOn("other.json");
    const came = await run(...args("other.json"), "--points-per-side", "3");
    expect(came).toMatchObject({ code: 1, stderr: expect.stringMatching(/^OutputError: .*other options/) });
  });

  test("a picture that fails is reported, and tried again by the next run", async () => {
    const bad = join(folder, "pictures", "bad.jpg");
    await writeFile(bad, "no picture");
    const first = await run(...args("bad.json"));
    expect(first).toMatchObject({ code: 3, stderr: expect.stringMatching(/^bad.jpg: InvalidImageError/) });
    expect(await read<Coco>("bad.json")).toEqual(whole);
    await rm(bad);
    const second = await run(...args("bad.json"));
    expect([second.code, JSON.parse(second.stdout)]).toMatchObject([0, { known: 8, failed: [] }]);
  });

  test.each<[string, string, RegExp]>([
    ["a folder that is missing", "nowhere", /expected a folder of pictures, found none/],
    ["a folder without pictures", "toy", /found none/],
  ])("%s is refused", async (_, given, message) => {
    await mkdir(join(folder, "toy"), { recursive: true });
    const came = await run("everything", given, "--out", "none.json");
    expect(came).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  });
});

test("a process ends with the command's exit code", async () => {
  const came = await runProcess("segment", "nothing.jpg", "--point", "1,1", "--json");
  expect(came).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/no such file/) });
});

test.skipIf(!existsSync("/dev/full"))("standard output that cannot be written is told", async () => {
  const line = ["-c", 'exec "$@" > /dev/full', "sh", process.execPath, MAIN, "--help"];
  const ended = new Promise<[unknown, string]>((resolve) => {
    execFile("sh", line, (error, _, stderr) => resolve([error?.code, stderr]));
  });
  expect(await ended).toEqual([
    1,
    expect.stringMatching(/^OutputError: standard output: could not be written: ENOSPC[^\n]*\n$/),
  ]);
});

test("help says how commands end", async () => {
  const { code, stdout } = await run("--help");
  expect(code).toBe(0);
  for (const word of ["segment", "everything", "export", "Examples:", "Exit codes:"]) expect(stdout).toContain(word);
});

test.each([
  [0, 60, 0, "0/60 pictures"],
  [30, 60, 20, "30/60 pictures, 1.50/s, 0:20 left"],
  [10, 100_000, 0.5, "10/100000 pictures, 20/s, 1:23:20 left"],
])("%d of %d after %d s: %s", (done, total, seconds, line) => {
  expect(progressLine(done, total, seconds, "pictures")).toBe(line);
});

test("a terminal has a line that is written again and again, and is gone at the end; a pipe has none", () => {
  const written = (isTTY: boolean): string[] => {
    const texts: string[] = [];
    const stream = { isTTY, write: (text: string) => texts.push(text) } as unknown as NodeJS.WriteStream;
    const line = new ProgressLine(2, "pictures", stream);
    line.show(1);
    line.show(2);
    line.end();
    return texts;
  };
  const [first = "", second = "", last] = written(true);
  expect([first.slice(0, 4), second.slice(0, 4), last]).toEqual(["\r\x1b[K", "\r\x1b[K", "\r\x1b[K"]);
  expect(first.slice(4)).toMatch(/^1\/2 pictures, [\d.]+\/s, \d+:\d\d left$/);
  expect(second.slice(4)).toMatch(/^2\/2 pictures, /);
  expect(written(false)).toEqual([]);
});

test.each([
  [0, "0:00"],
  [61, "1:01"],
  [3600, "1:00:00"],
])("%d seconds: %s", (seconds, text) => {
  expect(clock(seconds)).toBe(text);
});
