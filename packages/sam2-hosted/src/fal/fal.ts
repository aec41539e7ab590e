/**
 * fal.ai's protocol for `fal-ai/sam2/auto-segment`: at once (`fal.run`), through the queue (`queue.fal.run`), and the
 * storage that its client uploads files to (`rest.fal.ai`, `v3.fal.media`).
 */
import { isSam2Error } from "sam2-contract";
import { checkOptions, type OptionNames } from "sam2-core";
import { FAL_APPLICATION, type FalRequestAddress, falRequest } from "../http/addresses.ts";
import { jsonBody, type RequestReading, requestBody } from "../http/body.ts";
import type { HeldBytes } from "../http/byte-budget.ts";
import { asProblem, falError } from "../http/error-forms.ts";
import { answerOf, json, Problem } from "../http/problem.ts";
import type { HostedService } from "../http/service.ts";
import { type PictureAccess, readPicture, UnreadablePicture } from "../picture/picture.ts";
import { type AutoSegment, type AutoSegmentOutput, readInput } from "./auto-segment.ts";
import { Files } from "./files.ts";
import { AlreadyCompleted, Queue, type QueuedRequest, QueueFull, type TaskContext, timeOut } from "./queue.ts";

/** Options of the fal part. */
export interface FalOptions {
  /** Key that must come as `Authorization: Key …`; none is asked for by default. */
  readonly key?: string | undefined;
  /**
   * Where a server that answers for the service is reached: its answers then refer to `${origin}/queue.fal.run/…` and
   * `${origin}/v3.fal.media/…`, which it must answer like the addresses of the service.
   */
  readonly origin?: string | undefined;
}

const NAMES: OptionNames<FalOptions> = { key: true, origin: true };

/** How fal names what is wrong with a picture. */
const PICTURE_ERRORS: Readonly<Record<UnreadablePicture["reason"], string>> = {
  download: "file_download_error",
  format: "image_load_error",
  bytes: "file_too_large",
  pixels: "image_too_large",
};

type FalRequest = QueuedRequest<AutoSegmentOutput>;

const NO_OBJECT = Problem.unprocessable([
  { loc: ["body"], msg: "Input should be a valid dictionary", type: "dict_type" },
]);

/** Answers for the service. */
export class FalService implements HostedService {
  readonly #autoSegment: AutoSegment;
  readonly #options: FalOptions;
  readonly #access: PictureAccess;
  readonly #files: Files;
  readonly #queue: Queue<AutoSegmentOutput>;

  constructor(autoSegment: AutoSegment, options: FalOptions, access: PictureAccess) {
    checkOptions("HostedOptions.fal", options, NAMES);
    const { limits } = access;
    this.#autoSegment = autoSegment;
    this.#options = options;
    this.#access = access;
    this.#files = new Files(limits.keptBytes, (id) => this.#queue.forget(id));
    this.#queue = new Queue(limits, (id) => this.#files.freeOf(id));
  }

  async answer(request: Request, url: URL): Promise<Response> {
    const { hostname, pathname, searchParams } = url;
    if (hostname === "v3.fal.media") return this.#file(request, url.href);
    const { key } = this.#options;
    if (key !== undefined && request.headers.get("Authorization") !== `Key ${key}`) {
      throw falError(401, "Cannot access application 'fal-ai/sam2'. Authentication is required.");
    }
    if (hostname.startsWith("rest.")) return this.#reserve(request, pathname);
    const known = falRequest(pathname);
    if (known) return this.#about(known, request, searchParams.get("logs") === "1");
    if (request.method !== "POST") throw Problem.method("POST", { detail: "Method Not Allowed" });
    const submitted = await this.#submitted(request);
    if (hostname === "queue.fal.run") return json(this.#describe(submitted));
    // nobody can ask for the result of a request that was not queued: it ends with the connection
    const cancel = (): void => void this.#cancel(submitted.id, request.signal.reason);
    if (request.signal.aborted) cancel();
    request.signal.addEventListener("abort", cancel, { once: true });
    const { answerTime } = this.#access.limits;
    const timer = setTimeout(() => this.#cancel(submitted.id, timeOut(answerTime)), answerTime);
    return this.#result(submitted).finally(() => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", cancel);
    });
  }

  close(reason: unknown): void {
    this.#queue.close(reason);
    this.#files.clear();
  }

  /** An address of the service as whoever asks can reach it. */
  #outward(address: string): string {
    const { origin } = this.#options;
    return origin === undefined ? address : address.replace(/^https:[/]/, origin);
  }

  /** The same, back. */
  #inward(address: string): string {
    const { origin } = this.#options;
    return origin !== undefined && address.startsWith(`${origin}/`)
      ? `https:/${address.slice(origin.length)}`
      : address;
  }

  #reading({ signal }: Request, held: HeldBytes): RequestReading {
    return { limits: this.#access.limits, held, signal, error: falError };
  }

  /** A request in the queue; what it brought is held until it has ended. */
  async #submitted(request: Request): Promise<FalRequest> {
    const held = this.#access.budget.hold();
    try {
      const body = await jsonBody(request, this.#reading(request, held), NO_OBJECT);
      return this.#queue.submit((context) =>
        this.#run(body, held, context)
          .catch((error: Error) => {
            context.log(error.message, "ERROR");
            throw error;
          })
          .finally(() => held.release()),
      );
    } catch (error) {
      held.release();
      throw error instanceof QueueFull ? falError(429, error.message) : error;
    }
  }

  async #run(
    body: Readonly<Record<string, unknown>>,
    held: HeldBytes,
    { id, signal, log, turn }: TaskContext,
  ): Promise<AutoSegmentOutput> {
    const input = readInput(body);
    const refuse = (msg: string, type: string): Problem =>
      Problem.unprocessable([{ loc: ["body", "image_url"], msg, type }]);
    const uploaded = this.#files.get(this.#inward(input.image_url));
    const access: PictureAccess = uploaded
      ? { ...this.#access, download: () => Promise.resolve(new Response(uploaded)) }
      : this.#access;
    const { file } = await readPicture(input.image_url, access, held, signal).catch((error: Error) => {
      throw error instanceof UnreadablePicture ? refuse(error.message, PICTURE_ERRORS[error.reason]) : error;
    });
    await turn();
    const publish = (picture: Blob, name: string): string => this.#outward(this.#files.publish(picture, name, id));
    const output = await this.#autoSegment(file, input, { signal, log, publish }).catch((error: Error) => {
      throw isSam2Error(error, "InvalidImageError") ? refuse(error.message, PICTURE_ERRORS.format) : error;
    });
    signal.throwIfAborted();
    if (input.sync_mode) this.#files.hold(lengthOf(output), id);
    return output;
  }

  async #about({ id, action }: FalRequestAddress, request: Request, logs: boolean): Promise<Response> {
    const queued = this.#queue.get(id);
    if (!queued) throw falError(404, `Request ${id} not found`);
    switch (action) {
      case "status":
        return json(this.#describe(queued, logs), queued.state === "COMPLETED" ? 200 : 202, idHeader(queued));
      case "status/stream":
        return this.#stream(queued, logs);
      case "cancel":
        if (request.method !== "PUT") throw Problem.method("PUT", { detail: "Method Not Allowed" });
        if (!this.#cancel(id, canceled())) throw new Problem(400, { status: "ALREADY_COMPLETED" });
        return json({ status: "CANCELLATION_REQUESTED" }, 202);
      case "result":
        if (queued.state !== "COMPLETED") throw falError(400, "Request is still in progress");
        return this.#result(queued);
      default:
        return action satisfies never;
    }
  }

  /** Whether there was anything to cancel. */
  #cancel(id: string, reason: unknown): boolean {
    try {
      this.#queue.cancel(id, reason);
      return true;
    } catch (error) {
      if (error instanceof AlreadyCompleted) return false;
      throw error;
    }
  }

  /** Waits for the end of a request, and answers with what came of it. */
  async #result(queued: FalRequest): Promise<Response> {
    try {
      return json(await queued.result, 200, idHeader(queued));
    } catch (error) {
      const aborted = (error as Error).name === "AbortError";
      const problem = aborted ? falError(499, "Request was cancelled") : asProblem(error, falError);
      return answerOf(problem, idHeader(queued));
    }
  }

  #describe(queued: FalRequest, logs = false): object {
    const address = this.#outward(`https://queue.fal.run${FAL_APPLICATION}/requests/${queued.id}`);
    return {
      status: queued.state,
      request_id: queued.id,
      response_url: address,
      status_url: `${address}/status`,
      cancel_url: `${address}/cancel`,
      ...(queued.state === "IN_QUEUE" ? { queue_position: this.#queue.position(queued) } : {}),
      ...(queued.state !== "IN_QUEUE" ? { logs: logs ? queued.logs : null } : {}),
      ...(queued.state === "COMPLETED" ? { metrics: { inference_time: queued.seconds } } : {}),
    };
  }

  /** Server-sent events: the status each time that it has changed, until the end. */
  #stream(queued: FalRequest, logs: boolean): Response {
    const encoder = new TextEncoder();
    let told = "";
    let timer: ReturnType<typeof setInterval>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const tell = (): void => {
          const now = JSON.stringify(this.#describe(queued, logs));
          if (now !== told) controller.enqueue(encoder.encode(`data: ${now}\n\n`));
          told = now;
          if (queued.state !== "COMPLETED") return;
          clearInterval(timer);
          controller.close();
        };
        timer = setInterval(tell, 100);
        tell();
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream", ...idHeader(queued) } });
  }

  /** The first step of the client's upload: says where to put the file, which is also where it will be. */
  async #reserve(request: Request, pathname: string): Promise<Response> {
    if (pathname !== "/storage/upload/initiate") {
      throw falError(413, `files are taken whole and up to ${this.#access.limits.bodyBytes} bytes, not in parts`);
    }
    const { file_name, content_type } = await this.#access.budget.holding((held) =>
      jsonBody(request, this.#reading(request, held), NO_OBJECT),
    );
    const text = (value: unknown): string => (typeof value === "string" ? value : "");
    const address = this.#outward(this.#files.reserve(text(file_name), text(content_type)));
    return json({ upload_url: address, file_url: address });
  }

  async #file(request: Request, address: string): Promise<Response> {
    const missing = falError(404, "File not found");
    if (request.method === "PUT") {
      // from then on it counts among the files
      const file = await this.#access.budget.holding((held) => requestBody(request, this.#reading(request, held)));
      if (!this.#files.put(address, file)) throw missing;
      return new Response(null);
    }
    const file = this.#files.get(address);
    if (!file) throw missing;
    return new Response(file);
  }
}

/** Characters of the pictures that an answer holds as data URIs, of a byte each. */
function lengthOf({ combined_mask, individual_masks }: AutoSegmentOutput): number {
  return [combined_mask, ...individual_masks].reduce((length, { url }) => length + url.length, 0);
}

function idHeader({ id }: FalRequest): Record<string, string> {
  return { "x-fal-request-id": id };
}

function canceled(): DOMException {
  return new DOMException("the request was canceled", "AbortError");
}
