/** The segment command, as a person runs it. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeRle, maskArea, maskBox } from "sam2-web";
import { afterAll, beforeAll, expect, test } from "vitest";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const PHOTO = path("../../models/reference/fixtures/photo/truck.png");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "segment-"));
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(path("../../node_modules/.bin/tsx"), [path("../../packages/headless/src/segment.ts"), ...args], {
    cwd: folder,
  });

test("writes an overlay and the masks", async () => {
  const args = ["--point", "150,105", "--negative", "10,10", "--multimask", "--device", "wasm"];
  const { stdout } = await run(PHOTO, ...args, "--out", "out.png", "--json", "out.json");
  expect(stdout).toMatch(
    /^sam2-mini on wasm \(asked for WASM\): load \d+ ms, encode \d+ ms, decode \d+ ms; score 0\.\d+/,
  );
  expect([...(await readFile(join(folder, "out.png"))).subarray(1, 4)]).toEqual([..."PNG"].map((c) => c.charCodeAt(0)));
  const report = JSON.parse(await readFile(join(folder, "out.json"), "utf8"));
  expect(report).toMatchObject({
    model: "sam2-mini",
    device: { encoder: "wasm", decoder: "wasm" },
    image: { width: 480, height: 320 },
    timings_ms: { load: expect.any(Number), encode: expect.any(Number), decode: expect.any(Number) },
  });
  expect(report.masks).toHaveLength(3);
  const scores = report.masks.map(({ score }: { score: number }) => score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  for (const { rle, area, bbox } of report.masks) {
    const mask = decodeRle(rle);
    expect([maskArea(mask), maskBox(mask)]).toEqual([area, bbox]);
  }
});

test("everything in the picture", async () => {
  const args = [
    "--everything",
    "--points-per-side",
    "6",
    "--pred-iou-thresh",
    "0.3",
    "--stability-score-thresh",
    "0.6",
  ];
  const how = ["--device", "wasm", "--dtype", "int8"];
  const { stdout } = await run(PHOTO, ...args, ...how, "--out", "all.png", "--json", "all.json");
  const report = JSON.parse(await readFile(join(folder, "all.json"), "utf8"));
  expect(report.masks.length).toBeGreaterThan(3);
  expect(stdout).toContain(`${report.masks.length} masks → all.png`);
  expect(stdout).toContain("int8 was asked for, but these files are in fp16");
  for (const { rle, area, bbox } of report.masks) {
    const mask = decodeRle(rle);
    expect([maskArea(mask), maskBox(mask)]).toEqual([area, bbox]);
  }
});

test.each<[string, string[], RegExp]>([
  ["what is not understood", [PHOTO], /give at least one --point/],
  ["a point of one number", [PHOTO, "--point", "5,"], /expected 2 numbers with commas between/],
  [
    "what fails in the browser",
    [PHOTO, "--point", "1,1", "--model", "sam9"],
    /^UnknownModelError: expected .*got "sam9".*\n$/m,
  ],
  [
    "a folder that is missing",
    [PHOTO, "--point", "1,1", "--out", "no/bad.png"],
    /^OutputError: no\/bad.png: could not be written: .*\n$/m,
  ],
  [
    "masks that cannot be written",
    [PHOTO, "--point", "1,1", "--json", "no/bad.json"],
    /^OutputError: no\/bad.json: could not be written: .*\n$/m,
  ],
])("%s: says what is wrong, and writes nothing", async (_, args, message) => {
  await expect(run("--out", "bad.png", ...args)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(message),
  });
  expect((await readdir(folder)).filter((name) => name.includes("bad"))).toEqual([]);
});
