/** Batches that are ended at any moment, and started again: nothing is done twice, nothing is half written. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FIXTURES, PHOTO } from "./reference.ts";

const MAIN = fileURLToPath(new URL("../dist/command/main.js", import.meta.url));
const NAMES = Array.from({ length: 24 }, (_, i) => `${i % 3}/${i}.png`);
const LIMITS = ["--points-per-side", "6", "--pred-iou-thresh", "0.01", "--stability-score-thresh", "0.01"];
/** Chosen anew each time; a failure names it. */
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1e6);

/** Numbers from 0 to below 1, the same for the same seed (Mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-kill-"));
  const images: object[] = [];
  for (const [i, name] of NAMES.entries()) {
    const [width, height] = [200 + i, 140 - i];
    await mkdir(join(folder, "pictures", `${i % 3}`), { recursive: true });
    await sharp(PHOTO)
      .extract({ left: 10 * i, top: 4 * i, width, height })
      .toFile(join(folder, "pictures", name));
    images.push({ id: i, file_name: name, width, height });
  }
  const annotations = NAMES.flatMap((_, i) => [
    { id: 2 * i, image_id: i, bbox: [10, 10, 90, 80] },
    { id: 2 * i + 1, image_id: i, bbox: [40, 30, 60, 50] },
  ]);
  await writeFile(join(folder, "boxes.json"), JSON.stringify({ images, annotations }));
});
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  readonly end: number | NodeJS.Signals | null;
  readonly stdout: string;
}

/** Runs a command; `meanwhile` may end it, and is told when it has ended. */
async function run(
  args: readonly string[],
  meanwhile?: (kill: (signal: NodeJS.Signals) => void, isOver: () => boolean) => Promise<void>,
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code, signal) => resolve({ end: code ?? signal, stdout })),
  );
  await meanwhile?.(
    (signal) => void child.kill(signal),
    () => child.exitCode !== null,
  );
  return ended;
}

/** The files below a folder of results, or the file of results and what lies beside it, by what follows its name. */
async function namesOf(out: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => name.startsWith(out))
    .map((name) => name.slice(out.length));
}

/** The same, with their contents. */
async function filesOf(out: string): Promise<Map<string, string>> {
  const names = await namesOf(out);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, out + name), "base64")] as const)),
  );
}

/** A result that is being written when its process is killed has no other name than this. */
const isAside = (name: string): boolean => name.endsWith(".aside");

interface Batch {
  args(out: string): string[];
  /** What is done, each by its name. */
  done(out: string): Promise<Map<string, string>>;
}

/** By its journal: the whole lines but the first, each of one picture. */
const journaled = async (out: string): Promise<Map<string, string>> => {
  const text = await readFile(join(folder, `${out}.journal`), "utf8").catch(() => "");
  const lines = text.split("\n").slice(1, -1);
  const byPicture = new Map(lines.map((line) => [JSON.parse(line).picture as string, line]));
  expect(byPicture.size).toBe(lines.length);
  return byPicture;
};

/** By its files: when each was written. */
const written = async (out: string): Promise<Map<string, string>> => {
  const names = (await namesOf(out)).filter((name) => !isAside(name));
  const times = names.map(async (name) => [name, `${(await stat(join(folder, out + name))).mtimeMs}`] as const);
  return new Map(await Promise.all(times));
};

const BATCHES: Readonly<Record<string, Batch>> = {
  embed: { args: (out) => ["embed", "pictures", "--out", out], done: written },
  boxes: {
    args: (out) => ["boxes", "boxes.json", "--images", "pictures", "--out", out, "--masks", `${out}-masks`],
    done: journaled,
  },
  everything: {
    args: (out) => ["everything", "pictures", ...LIMITS, "--out", out, "--masks", `${out}-masks`, "--label-map"],
    done: journaled,
  },
};

/** Exit codes of the signals that tell a process to end. */
const TOLD = { SIGINT: 130, SIGTERM: 143 } as const;

test.each<[string, keyof typeof TOLD]>([
  ["embed", "SIGINT"],
  ["boxes", "SIGTERM"],
  ["everything", "SIGINT"],
])(`sam2 %s, killed twice, ended by %s, and started again; KILL_SEED=${SEED}`, async (name, signal) => {
  const { args, done } = BATCHES[name] as Batch;
  const command = (out: string): string[] => [...args(out), "--model", `${FIXTURES}toy`, "--device", "cpu", "--json"];
  const [whole, out] = [`${name}-whole`, `${name}-ended`];
  const undisturbed = await run(command(whole));
  expect([undisturbed.end, JSON.parse(undisturbed.stdout)]).toMatchObject([0, { known: 0, failed: [] }]);
  const expected = await filesOf(whole);
  const next = random(SEED);

  let before = new Map<string, string>();
  let aside = new Set<string>();
  for (const by of ["SIGKILL", "SIGKILL", signal] as const) {
    const count = before.size + Math.floor(3 * next());
    const { end } = await run(command(out), async (kill, isOver) => {
      while (!isOver() && (await done(out)).size < count) await new Promise((resolve) => setTimeout(resolve, 2));
      await new Promise((resolve) => setTimeout(resolve, 20 * next()));
      kill(by);
    });
    // the first one may come before a signal is listened to
    expect([by, by in TOLD ? TOLD[by as keyof typeof TOLD] : by]).toContain(end);
    const files = await filesOf(out);
    // a result is whole, or it is not there
    for (const [file, content] of files) {
      if (file !== ".journal" && !isAside(file)) expect(content, file).toBe(expected.get(file));
    }
    const left = new Set([...files.keys()].filter(isAside));
    if (by !== "SIGKILL") expect([...left].filter((file) => !aside.has(file))).toEqual([]);
    aside = left;
    // what was done is not done again
    const after = await done(out);
    for (const [picture, what] of before) expect(after.get(picture), picture).toBe(what);
    before = after;
  }

  // what a kill left in a folder may be another run's work, so it stays for a day
  if (name !== "embed") await writeFile(join(folder, `${out}.of-a-kill.aside`), "half");
  const { end, stdout } = await run(command(out));
  const { pictures, known, failed } = JSON.parse(stdout);
  expect([end, pictures, known, failed]).toEqual([0, NAMES.length, before.size, []]);
  const files = await filesOf(out);
  expect([...files.keys()]).not.toContain(".of-a-kill.aside");
  expect(new Map([...files].filter(([file]) => !isAside(file)))).toEqual(expected);
  if (name === "embed") expect(Object.fromEntries(await done(out))).toMatchObject(Object.fromEntries(before));
});
