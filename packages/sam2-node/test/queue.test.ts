/** What a batch takes of a queue. Its worker is the test's own: it gives back which picture it read. */
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";
import { Redis as Client } from "ioredis";
import { CONTRACT_VERSION } from "sam2-contract";
import { digest, writeEmbedding } from "sam2-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REDIS, Redis } from "../../../e2e/faults/redis.ts";
import { type Asked, runOnQueue } from "../dist/queue/batch.js";
import { connectionTo } from "../dist/queue/connection.js";
import { jobId, type PictureDone, type PictureJob, queueOf, VERSION } from "../dist/queue/job.js";
import { serveMetrics, WorkerMetrics } from "../dist/queue/metrics.js";
import { startWorker } from "../dist/queue/worker.js";
import { run as runCommand } from "./run-command.ts";

const hashOf = (text: string): Promise<string> => digest(new TextEncoder().encode(text));

describe.skipIf(!REDIS)("a batch over a queue", () => {
  let folder: string;
  let redis: Redis;
  let queue: Queue<PictureJob, PictureDone>;
  let worker: Worker<PictureJob, PictureDone>;
  /** Where the worker sees the pictures. */
  let seen: string;
  const at = (...names: string[]): string => join(folder, ...names);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sam2-queue-"));
    seen = at("pictures");
    await Promise.all(["pictures", "elsewhere", "results"].map((name) => mkdir(at(name))));
    redis = await Redis.start(folder);
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    queue = new Queue(queueOf("model"), { connection });
    worker = new Worker<PictureJob, PictureDone>(
      queueOf("model"),
      async ({ data: { work, picture } }) => {
        const sha256 = await digest(await readFile(join(seen, picture)));
        if (work.kind === "embed") return { sha256, model: "model", result: `${picture}.safetensors`, known: true };
        await writeFile(at("results", `${sha256}.json`), JSON.stringify(sha256));
        return { sha256, model: "model", result: `${sha256}.json`, known: false };
      },
      { connection },
    );
  });
  afterAll(async () => {
    await worker.close();
    await queue.close();
    await redis.kill();
    await rm(folder, { recursive: true });
  });

  const asked = (key: string, picture: string): Asked => ({
    key,
    job: {
      work: { kind: "boxes", boxes: [[1, 2, 3, 4]] },
      folder: at("pictures"),
      picture,
      to: { folder: at("results") },
      model: "model",
      version: VERSION,
    },
  });
  /** What was kept of each picture, or why it failed. */
  const run = async (...pictures: Asked[]): Promise<Map<string, string>> => {
    const ended = new Map<string, string>();
    await runOnQueue<string>({
      url: redis.url,
      model: "model",
      pictures,
      log: () => undefined,
      keep: async (key, _, read) => void ended.set(key, await read()),
      onEnd: (key, error) => error !== null && ended.set(key, error),
    });
    return ended;
  };

  test("two that ask for the same both get it", async () => {
    await writeFile(at("pictures", "twice.png"), "twice");
    const hash = await hashOf("twice");
    expect(Object.fromEntries(await run(asked("1", "twice.png"), asked("2", "twice.png")))).toEqual({
      1: hash,
      2: hash,
    });
  });

  test("what an earlier run asked for and never took is asked for again: the picture may have changed", async () => {
    await writeFile(at("pictures", "changed.png"), "before");
    const { job } = asked("a", "changed.png");
    await queue.add("boxes", job, { jobId: jobId(job) });
    await expect.poll(() => queue.getJobState(jobId(job)), { timeout: 20_000 }).toBe("completed");
    await writeFile(at("pictures", "changed.png"), "after");
    const hash = await hashOf("after");
    expect(Object.fromEntries(await run(asked("a", "changed.png"), asked("b", "changed.png")))).toEqual({
      a: hash,
      b: hash,
    });
  });

  test("what the one queue of earlier releases has is asked for anew, and the rest stays there", async () => {
    await writeFile(at("pictures", "earlier.png"), "earlier");
    const { job } = asked("a", "earlier.png");
    const earlier = new Queue("sam2", { connection: { url: redis.url, maxRetriesPerRequest: null } });
    await earlier.add("boxes", job, { jobId: jobId(job) });
    await earlier.add("boxes", { ...job, picture: "rest.png" }, { jobId: "rest" });
    expect([...(await run(asked("a", "earlier.png")))]).toEqual([["a", await hashOf("earlier")]]);
    expect((await earlier.getWaiting()).map(({ id }) => id)).toEqual(["rest"]);
    await earlier.close();
  });

  test("a Redis whose memory is full ends the batch, and says so", async () => {
    await writeFile(at("pictures", "full.png"), "full");
    const client = new Client(redis.url);
    const limit = (bytes: string): Promise<unknown> => client.config("SET", "maxmemory", bytes);
    await limit("1");
    const ended = await run(asked("full", "full.png")).catch((error: Error) => error);
    await limit("0");
    client.disconnect();
    expect(ended).toMatchObject({
      name: "QueueError",
      message: expect.stringMatching(/^redis:.*: expected a Redis or Valkey that takes what it is told, got .*OOM /),
    });
  });

  test("of another picture of the same name no result is taken", async () => {
    await writeFile(at("pictures", "named.png"), "here");
    await writeFile(at("elsewhere", "named.png"), "there");
    await writeFile(at("elsewhere", "far.png"), "only there");
    seen = at("elsewhere");
    const ended = await run(asked("a", "named.png"), asked("b", "far.png"));
    seen = at("pictures");
    expect(Object.fromEntries(ended)).toEqual({
      a: expect.stringMatching(/^InvalidImageError: .*named.png: expected .* SHA-256/),
      // where it is not seen from here, nothing tells
      b: await hashOf("only there"),
    });
    expect([...(await run(asked("a", "named.png")))]).toEqual([["a", await hashOf("here")]]);
  });

  test("an embedding that is not in --out is told, though a worker knows it", async () => {
    await mkdir(at("out"));
    await mkdir(at("pictures", "few"));
    await writeFile(at("pictures", "few", "0.png"), "0");
    await writeFile(at("pictures", "few", "1.png"), "1");
    const info = { contract: CONTRACT_VERSION, model: "model", modelId: "toy", width: 4, height: 3 };
    const tensors = { embedding: { data: new Float32Array(1), dims: [1, 1, 1, 1] } };
    const other = await writeEmbedding(tensors, { ...info, sha256: await hashOf("other"), dtype: "fp16" });
    await writeFile(at("out", "1.png.safetensors"), other);
    seen = at("pictures", "few");
    const embed = () =>
      runCommand("embed", seen, "--out", at("out"), "--queue", redis.url, "--model", "model", "--json");
    const first = await embed();
    for (const name of ["0", "1"]) {
      const right = await writeEmbedding(tensors, { ...info, sha256: await hashOf(name), dtype: "fp16" });
      await writeFile(at("out", `${name}.png.safetensors`), right);
    }
    const second = await embed();
    seen = at("pictures");
    expect(first).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^0.png: DownloadError: .*ENOENT.*\n1.png: DownloadError: .* SHA-256/),
    });
    expect([second.code, JSON.parse(second.stdout)]).toMatchObject([0, { known: 2, failed: [] }]);
  });
});

test.each(["redis://:se/cret@queue:6379", "http://user:se@cret@queue"])("%s is refused without its password", (url) => {
  expect(() => connectionTo(url)).toThrow(/, got (?:redis|http):[/][/]…@queue(?::6379)?$/);
});

test.each<[string, () => Promise<never>]>([
  ["does not answer", () => new Promise(() => undefined)],
  ["answers with an error", () => Promise.reject(new Error("LOADING"))],
])("a worker's counts are told though Redis %s", async (_, lengths) => {
  const counts = new WorkerMetrics(lengths);
  counts.ended("done", 1);
  const server = await serveMetrics(counts, "127.0.0.1", 0);
  const ask = async (): Promise<string> =>
    (await fetch(`${server.url}/metrics`, { signal: AbortSignal.timeout(8000) })).text();
  for (const text of await Promise.all([ask(), ask()])) {
    expect(text).toContain('sam2_pictures_total{end="done",error=""} 1\n');
    expect(text).not.toContain("sam2_queue_pictures{");
  }
  server.close();
});

test("a Redis that wants a password is told by its own words", async () => {
  const refusal = "NOAUTH Authentication required.";
  const redis = createServer((socket) => {
    // one answer for each command
    socket.on("data", (data) => {
      socket.write(`-${refusal}\r\n`.repeat(data.toString().match(/^[*]\d+\r$/gm)?.length ?? 0));
    });
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(redis, "listening");
  const url = `redis://127.0.0.1:${(redis.address() as AddressInfo).port}`;
  const options = { model: "nowhere", segmenter: {}, workers: 1, takeOver: 1000, log: () => undefined };
  await expect(startWorker({ url, ...options })).rejects.toMatchObject({
    name: "QueueError",
    message: expect.stringMatching(
      /expected a Redis or Valkey that answers within 10 s, got NOAUTH Authentication required/,
    ),
  });
  redis.close();
}, 20_000);

test("a worker where no Redis answers ends, and says so", async () => {
  const options = { model: "nowhere", segmenter: {}, workers: 1, takeOver: 1000, log: () => undefined };
  await expect(startWorker({ url: "redis://127.0.0.1:1", ...options })).rejects.toMatchObject({ name: "QueueError" });
}, 20_000);
