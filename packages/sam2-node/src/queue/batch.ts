/** Many pictures over many machines: asks workers for them, and waits for what comes of each. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Job } from "bullmq";
import { Sam2Error } from "sam2-contract";
import { digest } from "sam2-core";
import type { Log } from "../command/log.ts";
import { Connectedness, connectionTo, firstAnswer, refusedBy } from "./connection.ts";
import { jobId, type PictureDone, type PictureJob } from "./job.ts";
import { isTaken, Queues } from "./queues.ts";

/** A picture to ask for, and where its result can be read where it was put to an address. */
export interface Asked {
  /** Its name here. */
  readonly key: string;
  readonly job: PictureJob;
  readonly get?: string | undefined;
}

/** Options of `runOnQueue`. */
export interface QueueBatch<T> {
  readonly url: string;
  /** Which model all of the pictures are for. */
  readonly model: string;
  readonly pictures: Iterable<Asked>;
  readonly log: Log;
  /** Keeps what came of a picture. */
  keep(key: string, done: PictureDone, read: () => Promise<T>): Promise<void>;
  /** Told of each picture when it is done, and when it failed why. */
  onEnd(key: string, error: string | null): void;
}

/** Pictures that are in the queue at a time, so that Redis stays small however many there are. */
const ABREAST = 1000;
/** Milliseconds between two looks at what came of them. */
const LOOK = 500;
/** Milliseconds between two looks at whether any worker takes them. */
const LOOK_FOR_WORKERS = 10_000;
/** What came of so many is read at a time: a share takes a while to answer. */
const AT_A_TIME = 8;
/** How often a picture is tried, with twice the pause each time. */
const TRIES = { attempts: 5, backoff: { type: "exponential", delay: 1000, jitter: 0.5 } } as const;

/**
 * Has workers work on pictures. It may be ended at any time: what is done is done, and another run takes it.
 *
 * @throws QueueError where no Redis answers, or where it refuses what it is told
 */
export async function runOnQueue<T>(batch: QueueBatch<T>): Promise<void> {
  const { url, pictures, log, keep, onEnd } = batch;
  const state = new Connectedness(log);
  const queues = new Queues(connectionTo(url), batch.model, state.lost);
  const queue = queues.own;
  /** Pictures that ask for the same are one job. */
  const asked = new Map<string, Asked[]>();
  const waiting = pictures[Symbol.iterator]();
  let model: string | undefined;
  const collect = async ({ data, returnvalue: done }: Job<PictureJob, PictureDone>, each: Asked): Promise<void> => {
    model ??= done.model;
    if (done.model !== model) {
      throw new Sam2Error(
        "InvalidModelError",
        "expected all workers to have the same files of the model, got a result of one that has others",
      );
    }
    await checkPicture(data, done);
    await keep(each.key, done, () => readResult<T>(data, done, each.get));
  };
  /** Takes what came of a job that has ended, for each that asked for it. */
  const end = async (job: Job<PictureJob, PictureDone>, those: readonly Asked[], isFailed: boolean): Promise<void> => {
    for (const each of those) {
      const error = isFailed
        ? job.failedReason
        : await collect(job, each).then(
            () => null,
            ({ name, message }: Error) => `${name}: ${message}`,
          );
      onEnd(each.key, error);
    }
    // what failed is kept for whoever wants to know why
    if (!isFailed) await job.remove();
  };
  let [isAttended, lookAgain] = [true, 0];
  /** Tells when no worker is there for what is asked, and when one has come: it is waited for, however long. */
  const lookForWorkers = async (): Promise<void> => {
    if (performance.now() < lookAgain) return;
    const isNow = await isTaken(queue);
    const about = { queue: queue.name, waiting: asked.size };
    if (isNow !== isAttended) log(isNow ? "info" : "warn", isNow ? "worker there" : "no worker", about);
    isAttended = isNow;
    lookAgain = performance.now() + LOOK_FOR_WORKERS;
  };
  try {
    await firstAnswer(url, queue.waitUntilReady(), state);
    for (;;) {
      const next = takeUpTo(waiting, ABREAST - asked.size);
      await Promise.all(next.map(({ job }) => forgetEnded(queues, jobId(job))));
      await ask(queues, next);
      for (const each of next) {
        const id = jobId(each.job);
        asked.set(id, [...(asked.get(id) ?? []), each]);
      }
      if (asked.size === 0) return;
      await lookForWorkers();
      const all = asked.entries();
      const look = async (): Promise<void> => {
        for (const [id, those] of all) {
          // first the state: what is read of a job that has ended does not change any more
          const at = await queue.getJobState(id);
          state.back();
          // a Redis that was restarted may have lost what it was told last
          if (at === "unknown") await ask(queues, those);
          const job = at === "completed" || at === "failed" ? await queue.getJob(id) : undefined;
          if (!job) continue;
          await end(job, those, at === "failed");
          asked.delete(id);
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, look));
      await pause(LOOK);
    }
  } catch (error) {
    throw refusedBy(url, error);
  } finally {
    await queues.close();
  }
}

function takeUpTo<T>(from: Iterator<T>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = from.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

async function ask(queues: Queues, asked: readonly Asked[]): Promise<void> {
  if (asked.length === 0) return;
  await queues.note();
  await queues.own.addBulk(
    asked.map(({ job }) => ({ name: job.work.kind, data: job, opts: { ...TRIES, jobId: jobId(job) } })),
  );
}

/**
 * What failed in an earlier run may be mended by now, and the picture of what was done may have changed: in a folder, a
 * result that is still right is known to the worker.
 */
async function forgetEnded(queues: Queues, id: string): Promise<void> {
  await queues.removeEarlier(id);
  const job = await queues.own.getJob(id);
  if (job?.finishedOn !== undefined && (job.failedReason || "folder" in job.data.to)) await job.remove();
}

/**
 * Checks that a result is of the picture that is in the folder here, where it can be read: on the worker's machine another
 * folder may have one of the same name.
 *
 * @throws InvalidImageError
 */
async function checkPicture({ folder, picture }: PictureJob, { sha256 }: PictureDone): Promise<void> {
  const path = join(folder, picture);
  const file = await readFile(path).catch(() => null);
  const here = file && (await digest(file));
  if (here === null || here === sha256) return;
  throw new Sam2Error(
    "InvalidImageError",
    `${path}: expected a result of the picture with the SHA-256 ${here}, got one of ${sha256}: the worker's --pictures is another folder, or the picture has changed meanwhile`,
  );
}

/** Reads a result. @throws DownloadError */
async function readResult<T>({ to }: PictureJob, { result }: PictureDone, get: string | undefined): Promise<T> {
  try {
    if ("folder" in to && result !== null) return JSON.parse(await readFile(join(to.folder, result), "utf8")) as T;
    const response = await fetch(get ?? "");
    if (!response.ok) throw new Error(`expected status 200, got ${response.status}`);
    return (await response.json()) as T;
  } catch (cause) {
    const place = "folder" in to ? join(to.folder, result ?? "") : get?.replace(/[?].*/, "");
    throw new Sam2Error("DownloadError", `${place}: the result could not be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}
