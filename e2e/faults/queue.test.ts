/**
 * Many pictures over many machines, as the guide says it: its own commands, with three workers of which one is killed and
 * one told to end, and a Redis that is killed too. Then each fault alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { encode } from "fast-png";
import { CONTRACT_VERSION } from "sam2-contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REDIS, Redis } from "./redis.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SAM2 = join(ROOT, "packages/sam2-node/dist/command/main.js");
const TOY = join(ROOT, "models/reference/fixtures/toy");
/** The queue of this model, as the guide names it. */
const QUEUE = `sam2-1.${CONTRACT_VERSION}-${encodeURIComponent(TOY)}`;
const PICTURES = 60;
/** What the toy model needs to find something, and little work. */
const EASY = ["--points-per-side", "6", "--pred-iou-thresh", "0", "--stability-score-thresh", "0"];

if (!REDIS)
  process.stderr.write(
    "\nSKIPPED: the queue is not tested, since neither redis-server nor valkey-server is installed\n\n",
  );

interface Coco {
  readonly images: readonly { readonly file_name: string }[];
  readonly annotations: readonly {
    readonly image_id: number;
    readonly bbox: number[];
    readonly segmentation?: object;
  }[];
}
interface Line {
  readonly event: string;
  readonly picture?: string;
  readonly error?: string;
  readonly queue?: string;
}

/** A command that runs. */
class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  #out = "";
  #err = "";

  constructor(args: readonly string[], cwd: string) {
    const env = { ...process.env, SAM2_CACHE: join(cwd, "cache") };
    this.child = spawn(process.execPath, [SAM2, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk) => (this.#out += chunk));
    this.child.stderr?.on("data", (chunk) => (this.#err += chunk));
    this.ended = once(this.child, "close").then(([code]) => code as number | null);
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** What it has logged. */
  get log(): Line[] {
    return this.#err
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Line);
  }

  events(name: string): Line[] {
    return this.log.filter(({ event }) => event === name);
  }
}

/** Waits for a state. */
const until = (holds: () => unknown): Promise<void> =>
  expect.poll(async () => Boolean(await holds()), { timeout: 60_000, interval: 10 }).toBe(true);

/** The guide's commands, by their first words. */
async function guide(): Promise<(start: string) => string[]> {
  const text = await readFile(join(ROOT, "docs/guides/a-million-pictures.md"), "utf8");
  const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) => block.trim().split("\n"));
  return (start) => {
    const found = lines.filter((line) => line.startsWith(start));
    expect(found, start).toHaveLength(1);
    return (found[0] as string).split(" ").slice(2);
  };
}

/** A picture that is no other's. */
function painted(seed: number): Uint8Array {
  const [width, height] = [96, 64];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => 127 + 120 * Math.sin(0.003 * (seed + 1) * i));
  return encode({ width, height, channels: 3, data });
}

describe.skipIf(!REDIS)("over many machines", () => {
  let folder: string;
  let redis: Redis;
  let queue: Queue;
  const started: Running[] = [];
  const sam2 = (...args: string[]): Running => {
    const running = new Running(args, folder);
    started.push(running);
    return running;
  };
  const here = (args: readonly string[]): string[] =>
    args.map((each) => (each === "redis://queue:6379" ? redis.url : each));
  const worker = (...args: string[]): Running =>
    sam2("worker", "--queue", redis.url, "--model", TOY, "--device", "cpu", "--workers", "1", ...args);
  const everything = (pictures: string, ...args: string[]): Running =>
    sam2("everything", pictures, "--queue", redis.url, "--model", TOY, ...EASY, ...args);
  const results = async (name: string): Promise<string[]> =>
    (await readdir(join(folder, name), { recursive: true }).catch(() => [])).filter((file) => file.endsWith(".json"));
  const coco = async (name: string): Promise<Coco> => JSON.parse(await readFile(join(folder, name), "utf8"));
  /** A folder of pictures. */
  const pictures = async (name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> => {
    await mkdir(join(folder, name));
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, name, file), content);
    return name;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sam2-queue-"));
    redis = await Redis.start(folder);
    queue = new Queue(QUEUE, { connection: { url: redis.url, maxRetriesPerRequest: null } });
    queue.on("error", () => undefined);
  });
  afterAll(async () => {
    for (const { child } of started) child.kill("SIGKILL");
    await Promise.all(started.map(({ ended }) => ended));
    await queue.close();
    await redis.kill();
    await rm(folder, { recursive: true });
  });

  test("the guide: every picture has exactly one right result, whatever ends meanwhile", async () => {
    const command = await guide();
    await pictures("photos", {
      ...Object.fromEntries(
        Array.from({ length: PICTURES - 2 }, (_, i) => [`${String(i).padStart(2, "0")}.png`, painted(i)]),
      ),
      "copy.png": painted(0),
      "torn.png": painted(1).slice(0, 1000),
    });
    const alone = sam2(...command("npx sam2 everything photos/ --out"), "--model", TOY, "--device", "cpu", ...EASY);
    expect([await alone.ended, alone.out]).toEqual([3, expect.stringContaining("60 pictures")]);

    const line = here(command("npx sam2 worker"));
    const few = ["--model", TOY, "--device", "cpu", "--workers", "1", "--take-over", "2", "--metrics", "0"];
    const [lost, told, last] = Array.from({ length: 3 }, () => sam2(...line, ...few)) as [Running, Running, Running];
    await until(() => [lost, told, last].every(({ log }) => log.some(({ event }) => event === "working")));
    const many = sam2(...here(command("npx sam2 everything photos/ --queue")), "--model", TOY, ...EASY);

    await until(() => lost.events("picture done").length >= 3);
    // killed while it has a picture, and not between two
    const has = async (): Promise<boolean> =>
      (await queue.getActive()).some(({ processedBy = "" }) => processedBy.endsWith(`:${lost.child.pid}`));
    await until(async () => {
      lost.child.kill("SIGSTOP");
      if (await has()) return true;
      lost.child.kill("SIGCONT");
      return false;
    });
    lost.child.kill("SIGKILL");
    told.child.kill("SIGTERM");
    expect(await told.ended).toBe(0);
    await redis.kill();
    await until(() => last.events("redis lost").length > 0);
    await redis.startAgain();

    expect([await many.ended, many.err]).toEqual([3, expect.stringContaining("torn.png: InvalidImageError")]);
    expect(await coco("coco-many.json")).toEqual(await coco("coco.json"));
    const { images, annotations } = await coco("coco-many.json");
    expect([images.length, new Set(images.map(({ file_name }) => file_name)).size]).toEqual([59, 59]);
    expect(annotations.length).toBeGreaterThan(59);
    // the copy has the result of its original
    expect(await results("results")).toHaveLength(58);
    expect(last.events("redis back")).toHaveLength(1);
    expect([...told.events("taken over"), ...last.events("taken over")].length).toBeGreaterThan(0);

    const [{ metrics = "" } = {}] = last.events("working") as { metrics?: string }[];
    const counts = await (await fetch(`${metrics}/metrics`)).text();
    expect(counts).toMatch(/sam2_pictures_total\{end="done",error=""\} \d+/);
    expect(counts).toMatch(/sam2_queue_pictures\{queue="sam2-[^"]*",state="failed"\} 1\n/);
    last.child.kill("SIGTERM");
    expect(await last.ended).toBe(0);
  }, 120_000);

  test("what failed is tried again by the next run, and what is done is not", async () => {
    await writeFile(join(folder, "photos/torn.png"), painted(1));
    const run = everything("photos", "--results", "results", "--out", "coco-many.json", "--json");
    const mending = worker("--take-over", "2");
    expect(await run.ended).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ pictures: 60, known: 59, failed: [] });
    // it is as the second one now
    expect(mending.events("picture known")).toHaveLength(1);

    // boxes, and embeddings that this machine knows again
    const { images, annotations } = await coco("coco.json");
    const boxes = annotations.slice(0, 20).map(({ bbox, image_id }, id) => ({ id, image_id, bbox, category_id: 1 }));
    await writeFile(join(folder, "boxes.json"), JSON.stringify({ images, annotations: boxes }));
    const many = ["--queue", redis.url, "--model", TOY];
    const masks = sam2(
      "boxes",
      "boxes.json",
      "--images",
      "photos",
      "--results",
      "results",
      "--out",
      "masks.json",
      ...many,
    );
    const embeddings = sam2("embed", "photos", "--out", "embeddings", "--json", ...many);
    expect(await Promise.all([masks.ended, embeddings.ended])).toEqual([0, 0]);
    const found = (await coco("masks.json")).annotations;
    expect(found.map(({ segmentation }) => segmentation)).toHaveLength(20);
    for (const [i, { segmentation, bbox }] of found.entries()) {
      expect([segmentation, bbox]).toEqual([expect.objectContaining({ size: [64, 96] }), boxes[i]?.bbox]);
    }
    expect(JSON.parse(embeddings.out)).toMatchObject({ pictures: 60, known: 0, failed: [] });
    mending.child.kill("SIGTERM");
    await mending.ended;
    const again = sam2("embed", "photos", "--out", "embeddings", "--json", "--model", TOY, "--device", "cpu");
    expect([await again.ended, JSON.parse(again.out)]).toMatchObject([0, { pictures: 60, known: 60 }]);
  }, 60_000);

  test("a worker of another model or version takes no pictures; a full disk is tried again; addresses are put to", async () => {
    const kept = new Map<string, string>();
    let refusals = 1;
    const bucket = createServer(async (request, response) => {
      const { pathname } = new URL(request.url ?? "", "http://bucket");
      if (request.method === "GET") return response.end(kept.get(pathname));
      let body = "";
      for await (const chunk of request) body += chunk;
      if (refusals-- > 0) return response.writeHead(403).end();
      kept.set(pathname, body);
      response.end();
    }).listen(0, "127.0.0.1");
    await once(bucket, "listening");
    const at = `http://127.0.0.1:${(bucket.address() as AddressInfo).port}`;
    const puts = Object.fromEntries(
      ["a.png", "b.png"].map((name) => [name, { put: `${at}/${name}?key=secret`, get: `${at}/${name}` }]),
    );
    await writeFile(join(folder, "puts.json"), JSON.stringify(puts));
    await pictures("few", { "a.png": painted(3), "b.png": painted(4) });
    // no folder can be made where a file is
    await writeFile(join(folder, "full"), "");
    const earlier = new Queue("sam2", { connection: { url: redis.url, maxRetriesPerRequest: null } });
    await earlier.add("everything", { picture: "a.png", model: TOY, version: "0" });
    // the same weights under another name: another model for whoever asks
    const other = sam2("worker", "--queue", redis.url, "--model", `${TOY}/`, "--device", "cpu", "--workers", "1");
    await until(() => other.events("no worker").some((line) => line.queue === "sam2"));
    const runs = [
      everything("few", "--puts", "puts.json", "--out", "put.json", "--json"),
      everything("few", "--results", "full", "--out", "full.json", "--json"),
    ];
    await until(() => runs.every((run) => run.events("no worker").some((line) => line.queue === QUEUE)));
    expect(other.log.map(({ event }) => event)).toEqual(["working", "no worker"]);
    other.child.kill("SIGTERM");
    const right = worker();
    await until(() =>
      right.events("picture failed").some(({ error }) => error?.startsWith("OutputError") && error.includes("full/")),
    );
    await rm(join(folder, "full"));
    await Promise.all(runs.map(({ ended }) => ended));
    expect(runs.map(({ out }) => JSON.parse(out).failed)).toEqual([[], []]);
    expect(await earlier.getWaitingCount()).toBe(1);
    await earlier.close();
    expect([...kept.keys()].sort()).toEqual(["/a.png", "/b.png"]);
    expect((await coco("put.json")).annotations).toEqual((await coco("full.json")).annotations);
    // the refused one was tried again, and the signature is nowhere
    expect(right.err).toContain(`OutputError: ${at}/`);
    expect(right.err).not.toContain("secret");
    bucket.close();
    right.child.kill("SIGTERM");
    expect(await right.ended).toBe(0);
  }, 60_000);

  test("addresses that are no Redis's are named", async () => {
    const wrong = sam2("worker", "--queue", "http://:secret@127.0.0.1/", "--model", TOY);
    expect([await wrong.ended, wrong.err]).toEqual([
      1,
      expect.stringMatching(/^QueueError: .*redis:\/\/127.*http:\/\/…@/),
    ]);
  });
});
