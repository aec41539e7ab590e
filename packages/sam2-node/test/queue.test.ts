/** What a batch takes of a queue. Its worker is the test's own: it gives back which picture it read. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";
import { digest } from "sam2-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REDIS, Redis } from "../../../e2e/faults/redis.ts";
import { type Asked, runOnQueue } from "../src/queue/batch.ts";
import { jobId, type PictureDone, type PictureJob, QUEUE, VERSION } from "../src/queue/job.ts";
import { startWorker } from "../src/queue/worker.ts";

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
    queue = new Queue(QUEUE, { connection });
    worker = new Worker<PictureJob, PictureDone>(
      QUEUE,
      async ({ data: { picture } }) => {
        const sha256 = await digest(await readFile(join(seen, picture)));
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
});

test("a worker where no Redis answers ends, and says so", async () => {
  const options = { model: "nowhere", segmenter: {}, workers: 1, takeOver: 1000, log: () => undefined };
  await expect(startWorker({ url: "redis://127.0.0.1:1", ...options })).rejects.toMatchObject({ name: "QueueError" });
}, 20_000);
