/**
 * fal.ai's `fal-ai/sam2/auto-segment`, at once (`fal.run`) and through the queue (`queue.fal.run`), with the
 * storage that its client uploads files to (`rest.fal.ai`).
 */
import {
  decodeRle,
  drawMask,
  drawOverlay,
  type EverythingMask,
  exportCanvas,
  isSam2Error,
  type Mask,
  type Rle,
  type Segmenter,
} from "sam2-web";
import { v4 as randomId } from "uuid";
import { Fields } from "./fields.ts";
import { readPicture, UnreadablePicture } from "./picture.ts";
import { json, jsonBody, Problem } from "./problem.ts";

/** Options of the fal part. */
export interface FalOptions {
  /** Key that must come as `Authorization: Key …`; none is asked for by default. */
  readonly key?: string | undefined;
}

/** Hosts of the service. */
export const FAL_HOSTS: readonly string[] = [
  "fal.run",
  "queue.fal.run",
  "rest.fal.ai",
  "rest.alpha.fal.ai",
  "v3.fal.media",
];

const ENDPOINT = "/fal-ai/sam2/auto-segment";
/** Requests lie under the application, without the endpoint's last part. */
const REQUEST = /^\/fal-ai\/sam2\/requests\/([^/]+)(\/status|\/status\/stream|\/cancel)?$/;
/** Finished requests that are remembered. */
const REMEMBERED = 64;

/** A picture in an answer. */
interface FalImage {
  readonly url: string;
  readonly content_type: string;
  readonly file_name: string;
  readonly file_size: number;
  readonly width: number;
  readonly height: number;
}

interface Log {
  readonly message: string;
  readonly level: "INFO" | "ERROR";
  readonly source: "USER";
  readonly timestamp: string;
}

interface Job {
  readonly id: string;
  readonly stop: AbortController;
  readonly logs: Log[];
  state: "IN_QUEUE" | "IN_PROGRESS" | "COMPLETED";
  answer: Promise<Response>;
  seconds: number | null;
}

interface Settings {
  readonly image_url: string;
  readonly sync_mode: boolean;
  readonly output_format: "png" | "jpeg";
  readonly points_per_side: number;
  readonly pred_iou_thresh: number;
  readonly stability_score_thresh: number;
  readonly min_mask_region_area: number;
}

function readSettings(body: Readonly<Record<string, unknown>>): Settings {
  const fields = new Fields(body);
  fields.required("image_url");
  const share = { least: 0, greatest: 1 };
  const settings = {
    image_url: fields.text("image_url") ?? "",
    sync_mode: fields.boolean("sync_mode", false),
    output_format: fields.choice("output_format", "png", ["jpeg", "png"] as const),
    points_per_side: fields.number("points_per_side", 32, { least: 1, greatest: 256 }, true),
    pred_iou_thresh: fields.number("pred_iou_thresh", 0.88, share),
    stability_score_thresh: fields.number("stability_score_thresh", 0.95, share),
    min_mask_region_area: fields.number("min_mask_region_area", 100, { least: 0, greatest: 1e9 }, true),
  };
  fields.check();
  return settings;
}

/** Answers for the service; keeps its queue and its files. */
export class FalService {
  readonly #segmenter: Segmenter;
  readonly #options: FalOptions;
  readonly #fallback: typeof fetch;
  readonly #jobs = new Map<string, Job>();
  readonly #files = new Map<string, Blob>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(segmenter: Segmenter, options: FalOptions, fallback: typeof fetch) {
    this.#segmenter = segmenter;
    this.#options = options;
    this.#fallback = fallback;
  }

  /** Answers a request, or gives null for what this part does not know. @throws Problem */
  async answer(request: Request, url: URL): Promise<Response | null> {
    const { hostname, pathname } = url;
    if (hostname === "v3.fal.media") return this.#file(request, url);
    const { key } = this.#options;
    if (key !== undefined && request.headers.get("Authorization") !== `Key ${key}`) {
      throw new Problem(401, { detail: "Cannot access application 'fal-ai/sam2'. Authentication is required." });
    }
    if (hostname.startsWith("rest.")) return pathname === "/storage/upload/initiate" ? this.#upload(request) : null;
    if (pathname === ENDPOINT) {
      if (request.method !== "POST") throw new Problem(405, { detail: "Method Not Allowed" }, { Allow: "POST" });
      const body = await jsonBody(request);
      if (hostname === "queue.fal.run") return json(this.#describe(this.#submit(body)));
      const job = this.#submit(body);
      request.signal.addEventListener("abort", () => job.stop.abort(request.signal.reason), { once: true });
      return (await job.answer).clone();
    }
    const [, id, action] = REQUEST.exec(pathname) ?? [];
    if (hostname !== "queue.fal.run" || id === undefined) return null;
    const job = this.#jobs.get(id);
    if (!job) throw new Problem(404, { detail: `Request ${id} not found` });
    return this.#about(job, action, request, url.searchParams.get("logs") === "1");
  }

  async #about(job: Job, action: string | undefined, request: Request, logs: boolean): Promise<Response> {
    switch (action) {
      case "/status":
        return json(this.#describe(job, logs), job.state === "COMPLETED" ? 200 : 202, { "x-fal-request-id": job.id });
      case "/status/stream":
        return this.#stream(job, logs);
      case "/cancel": {
        if (request.method !== "PUT") throw new Problem(405, { detail: "Method Not Allowed" }, { Allow: "PUT" });
        if (job.state === "COMPLETED") throw new Problem(400, { status: "ALREADY_COMPLETED" });
        job.stop.abort(new DOMException("the request was cancelled", "AbortError"));
        return json({ status: "CANCELLATION_REQUESTED" }, 202);
      }
      default:
        if (job.state !== "COMPLETED") throw new Problem(400, { detail: "Request is still in progress" });
        return (await job.answer).clone();
    }
  }

  /** Puts a request at the end of the queue. */
  #submit(body: Readonly<Record<string, unknown>>): Job {
    const job: Job = {
      id: randomId(),
      stop: new AbortController(),
      logs: [],
      state: "IN_QUEUE",
      answer: Promise.resolve(new Response()),
      seconds: null,
    };
    job.answer = this.#last.then(() => this.#run(job, body));
    this.#last = job.answer;
    this.#jobs.set(job.id, job);
    for (const [id, { state }] of this.#jobs) {
      if (this.#jobs.size <= REMEMBERED) break;
      if (state === "COMPLETED") this.#jobs.delete(id);
    }
    return job;
  }

  async #run(job: Job, body: Readonly<Record<string, unknown>>): Promise<Response> {
    const headers = { "x-fal-request-id": job.id };
    const start = performance.now();
    const log = (message: string, level: Log["level"] = "INFO"): void => {
      job.logs.push({ message, level, source: "USER", timestamp: new Date().toISOString() });
    };
    job.state = "IN_PROGRESS";
    try {
      job.stop.signal.throwIfAborted();
      return json(await this.#segment(readSettings(body), job.stop.signal, log), 200, headers);
    } catch (error) {
      log((error as Error).message, "ERROR");
      if (error instanceof Problem) return json(error.body, error.status, headers);
      if (job.stop.signal.aborted) return json({ detail: "Request was cancelled" }, 499, headers);
      return json({ detail: (error as Error).message }, 500, headers);
    } finally {
      job.state = "COMPLETED";
      job.seconds = (performance.now() - start) / 1000;
    }
  }

  async #segment(
    settings: Settings,
    signal: AbortSignal,
    log: (message: string) => void,
  ): Promise<{ combined_mask: FalImage; individual_masks: FalImage[] }> {
    const refuse = (msg: string, type: string): Problem =>
      Problem.unprocessable([{ loc: ["body", "image_url"], msg, type }]);
    const fetchPicture = (address: string): Promise<Response> => {
      const own = this.#files.get(address);
      return own ? Promise.resolve(new Response(own)) : this.#fallback(address, { signal });
    };
    const picture = await readPicture(settings.image_url, fetchPicture, signal).catch((error: Error) => {
      throw error instanceof UnreadablePicture ? refuse(error.message, "file_download_error") : error;
    });
    const image = await this.#segmenter.setImage(picture, { signal }).catch((error: Error) => {
      throw isSam2Error(error, "InvalidImageError") ? refuse(error.message, "image_load_error") : error;
    });
    try {
      const { points_per_side, pred_iou_thresh, stability_score_thresh, min_mask_region_area } = settings;
      const found = await this.#segmenter.segmentEverything(image, {
        points_per_side,
        pred_iou_thresh,
        stability_score_thresh,
        min_mask_region_area,
        signal,
        onProgress: ({ done, total, masks }) => log(`${done} of ${total} points, ${masks.length} masks`),
      });
      const masks = largestFirst(found);
      const individual_masks: FalImage[] = [];
      for (const [index, mask] of masks.entries()) {
        individual_masks.push(await this.#image(drawMask(mask), `mask_${index}`, settings));
      }
      const ground = drawMask({ data: new Uint8Array(image.width * image.height), ...sizeOf(image) });
      const combined = drawOverlay(ground, { masks, opacity: 1, edge: 0 });
      return { combined_mask: await this.#image(combined, "combined_mask", settings), individual_masks };
    } finally {
      await image.release();
    }
  }

  async #image(canvas: OffscreenCanvas, name: string, { output_format, sync_mode }: Settings): Promise<FalImage> {
    const content_type = `image/${output_format}` as const;
    const blob = await exportCanvas(canvas, "blob", { type: content_type });
    const file_name = `${name}.${output_format}`;
    const url = sync_mode
      ? await exportCanvas(canvas, "data-url", { type: content_type })
      : this.#publish(blob, file_name);
    return { url, content_type, file_name, file_size: blob.size, width: canvas.width, height: canvas.height };
  }

  /** An address for a file: one that the page can show, or, inside a service worker, the service's own. */
  #publish(blob: Blob, name: string): string {
    if (typeof URL.createObjectURL === "function" && typeof document !== "undefined") return URL.createObjectURL(blob);
    const url = `https://v3.fal.media/files/${randomId()}/${name}`;
    this.#files.set(url, blob);
    return url;
  }

  /** The first step of the client's upload: says where to put the file, and where it will be. */
  async #upload(request: Request): Promise<Response> {
    const { file_name, content_type } = await jsonBody(request);
    const url = `https://v3.fal.media/files/${randomId()}/${encodeURIComponent(String(file_name ?? "file"))}`;
    this.#files.set(url, new Blob([], { type: String(content_type ?? "") }));
    return json({ upload_url: url, file_url: url });
  }

  async #file(request: Request, { href }: URL): Promise<Response | null> {
    const kept = this.#files.get(href);
    if (!kept) return null;
    if (request.method === "PUT") this.#files.set(href, await request.blob());
    return request.method === "PUT" ? new Response(null) : new Response(kept);
  }

  #describe(job: Job, logs = false): object {
    const address = `https://queue.fal.run/fal-ai/sam2/requests/${job.id}`;
    const waiting = [...this.#jobs.values()].filter(({ state }) => state === "IN_QUEUE");
    return {
      status: job.state,
      request_id: job.id,
      response_url: address,
      status_url: `${address}/status`,
      cancel_url: `${address}/cancel`,
      ...(job.state === "IN_QUEUE" ? { queue_position: Math.max(0, waiting.indexOf(job)) } : {}),
      ...(job.state !== "IN_QUEUE" ? { logs: logs ? job.logs : null } : {}),
      ...(job.state === "COMPLETED" ? { metrics: { inference_time: job.seconds } } : {}),
    };
  }

  /** Server-sent events: the status as often as it changes, until the end. */
  #stream(job: Job, logs: boolean): Response {
    const encoder = new TextEncoder();
    let told = "";
    let timer: ReturnType<typeof setInterval>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const tell = (): void => {
          const now = JSON.stringify(this.#describe(job, logs));
          if (now !== told) controller.enqueue(encoder.encode(`data: ${now}\n\n`));
          told = now;
          if (job.state !== "COMPLETED") return;
          clearInterval(timer);
          controller.close();
        };
        timer = setInterval(tell, 100);
        tell();
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream", "x-fal-request-id": job.id } });
  }
}

function sizeOf({ width, height }: { readonly width: number; readonly height: number }) {
  return { width, height };
}

function largestFirst(found: readonly EverythingMask[]): Mask[] {
  return [...found].sort((a, b) => b.area - a.area).map(({ segmentation }) => decodeRle(segmentation as Rle));
}
