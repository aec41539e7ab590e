/** `sam2 worker`: takes pictures from the queue until it is told to end. */
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Job, UnrecoverableError, Worker } from "bullmq";
import { isSam2Error, Sam2Error } from "sam2-contract";
import { digest } from "sam2-core";
import type { Log } from "../command/log.ts";
import type { Segmenter, SegmenterOptions } from "../segmenter.ts";
import { SegmenterPool } from "../serve/pool.ts";
import { pathWithin } from "../storage/paths.ts";
import { segmentBoxes } from "../work/boxes.ts";
import { embedPicture, isEmbedded } from "../work/embed.ts";
import { findEverything } from "../work/everything.ts";
import { Connectedness, connectionTo, firstAnswer } from "./connection.ts";
import { identify, type PictureDone, type PictureJob, resultPath, type Work } from "./job.ts";
import { type MetricsServer, serveMetrics, WorkerMetrics } from "./metrics.ts";
import { Queues } from "./queues.ts";
import { hasResult, putResult, writeResult } from "./results.ts";

/** Options of `startWorker`. */
export interface WorkerOptions {
  readonly url: string;
  /** Which model's pictures it takes. */
  readonly model: string;
  readonly segmenter: SegmenterOptions;
  /** Pictures at a time. */
  readonly workers: number;
  /** Where the folder of the pictures is on this machine; where whoever asks sees it by default. */
  readonly pictures?: string | undefined;
  /** Where the folder of the results is on this machine; likewise. */
  readonly results?: string | undefined;
  /** Milliseconds after which the picture of a worker that is gone is taken over. */
  readonly takeOver: number;
  /** Where metrics are asked for; nowhere by default. */
  readonly metrics?: { readonly host: string; readonly port: number } | undefined;
  readonly log: Log;
}

/** A worker that takes pictures. */
export interface RunningWorker {
  /** Where metrics are asked for. */
  readonly metricsUrl: string | null;
  /** Takes no more pictures, ends those that it has, and ends. */
  close(): Promise<void>;
}

/** A picture that takes its worker down so often is set aside: it may be what ends them. */
const MOST_STALLED = 3;

/** Errors that another try gives again. */
const POISON = ["InvalidImageError", "InvalidPromptError", "UnknownOptionError", "UnsupportedPromptError"] as const;

/** Opens the model, and begins. @throws what `createSegmenter` throws, QueueError, OutputError */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { url, takeOver, log } = options;
  const connection = connectionTo(url);
  const state = new Connectedness(log);
  const queues = new Queues(connection, options.model, state.lost);
  let counts: WorkerMetrics;
  let server: MetricsServer | null = null;
  let pool: SegmenterPool;
  try {
    await firstAnswer(url, queues.own.waitUntilReady(), state);
    counts = new WorkerMetrics(() => queues.lengths());
    server = options.metrics ? await serveMetrics(counts, options.metrics.host, options.metrics.port) : null;
    pool = await SegmenterPool.open(options.segmenter, options.workers);
  } catch (error) {
    server?.close();
    await queues.close();
    throw error;
  }
  const model = identify(pool.fingerprint, pool.device.dtype);
  const worker = new Worker<PictureJob, PictureDone>(
    queues.own.name,
    (job) => take(job, { ...options, pool, counts, modelHash: model }),
    {
      connection,
      // kept with each job that it takes
      name: `${hostname()}:${process.pid}`,
      concurrency: options.workers,
      lockDuration: takeOver,
      stalledInterval: takeOver,
      maxStalledCount: MOST_STALLED,
    },
  );
  worker.on("error", state.lost);
  worker.on("active", state.back);
  worker.on("stalled", (id) => log("warn", "taken over", { job: id }));
  log("info", "working", { model: options.model, device: pool.device, workers: pool.size, metrics: server?.url });
  void tellUntaken(queues, log);
  return {
    metricsUrl: server?.url ?? null,
    async close() {
      await worker.close();
      await queues.close();
      await pool.dispose();
      server?.close();
    },
  };
}

/** Tells what waits in other queues, where nobody takes it: pictures for another model, or of another version. */
async function tellUntaken(queues: Queues, log: Log): Promise<void> {
  // a Redis that is lost is told of elsewhere
  const untaken = await queues.untaken().catch(() => []);
  for (const [queue, waiting] of untaken) log("warn", "no worker", { queue, waiting });
}

interface Taking extends WorkerOptions {
  readonly pool: SegmenterPool;
  readonly counts: WorkerMetrics;
  readonly modelHash: string;
}

/** Works on one picture, and tells what came of it. */
async function take(
  job: Job<PictureJob, PictureDone>,
  { pool, counts, modelHash, ...options }: Taking,
): Promise<PictureDone> {
  const { picture } = job.data;
  const { log } = options;
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  try {
    const done = await pool.borrow((segmenter) => workOn(job.data, segmenter, modelHash, options));
    counts.ended(done.known ? "known" : "done", seconds());
    log("info", done.known ? "picture known" : "picture done", { picture, seconds: seconds() });
    return done;
  } catch (error) {
    const { name, message } = error as Error;
    const isPoison = POISON.some((poison) => isSam2Error(error, poison));
    const isLast = isPoison || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    counts.ended(isLast ? "set aside" : "retried", seconds(), name);
    log(isLast ? "error" : "warn", isLast ? "picture set aside" : "picture failed", {
      picture,
      error: `${name}: ${message}`,
      attempt: job.attemptsMade + 1,
    });
    // the reason is kept with the job as this text
    throw isPoison ? new UnrecoverableError(`${name}: ${message}`) : new Error(`${name}: ${message}`);
  }
}

async function workOn(
  job: PictureJob,
  segmenter: Segmenter,
  model: string,
  { pictures, results }: WorkerOptions,
): Promise<PictureDone> {
  const { work, folder, picture, to } = job;
  const file = await readPicture(pictures ?? folder, picture);
  const sha256 = await digest(file);
  if ("put" in to) {
    await putResult(to.put, await resultOf(work, segmenter, file));
    return { sha256, model, result: null, known: false };
  }
  const place = results ?? to.folder;
  const result = resultPath(job, model, sha256);
  // the same picture under another name, or a job that ended just when its worker did
  const known =
    work.kind === "embed"
      ? await isEmbedded(segmenter, file, join(place, result), work.dtype)
      : await hasResult(place, result);
  if (!known) await writeResult(place, result, await resultOf(work, segmenter, file));
  return { sha256, model, result, known };
}

async function readPicture(folder: string, picture: string): Promise<Uint8Array> {
  const path = pathWithin(folder, picture);
  if (path === null) {
    throw new Sam2Error("InvalidImageError", `${picture}: expected a path in the folder of the pictures`);
  }
  try {
    return await readFile(path);
  } catch (cause) {
    // not the picture's fault: a share may come back
    throw new Sam2Error("DownloadError", `${path}: ${(cause as Error).message}`, { cause });
  }
}

async function resultOf(work: Work, segmenter: Segmenter, file: Uint8Array): Promise<string | Uint8Array> {
  switch (work.kind) {
    case "everything":
      return JSON.stringify(await findEverything(segmenter, file, work.options));
    case "boxes":
      return JSON.stringify(await segmentBoxes(segmenter, file, work.boxes, work));
    case "embed":
      return (await embedPicture(segmenter, file, work)).bytes;
    default:
      return work satisfies never;
  }
}
