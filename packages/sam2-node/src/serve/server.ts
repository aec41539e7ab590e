/** `sam2 serve`: the hosted APIs over HTTP. */
import { createServer } from "node:http";
import { BlockList, isIPv4 } from "node:net";
import {
  ByteBudget,
  createPublicFetch,
  type HostedOptions,
  hostedError,
  hostedFetchWith,
  isHosted,
} from "sam2-hosted/node";
import type { Log } from "../command/log.ts";
import { sharpCodec } from "../image/codec.ts";
import type { SegmenterOptions } from "../segmenter.ts";
import { answerEmbedding } from "./embeddings.ts";
import { Gate } from "./gate.ts";
import { listen } from "./listen.ts";
import { type Answer, listenerOf } from "./listener.ts";
import { ServerMetrics } from "./metrics.ts";
import { SegmenterPool } from "./pool.ts";

/** Options of `startServer`. */
export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly segmenter: SegmenterOptions;
  /** Pictures that are worked on at a time. */
  readonly workers: number;
  /** Requests that may be inside at a time; the others get a 429. */
  readonly waiting: number;
  /** Bytes of bodies and downloaded pictures that requests may hold together; those for which there is no room get a 429. */
  readonly heldBytes: number;
  /** Milliseconds until a request must be answered. */
  readonly timeLimit: number;
  /** How others reach this server; by default the address that it listens on. */
  readonly publicUrl?: string | undefined;
  /** What requests must bring, each service's own way; nothing by default. */
  readonly token?: string | undefined;
  readonly log: Log;
}

/** A server that listens. */
export interface RunningServer {
  /** Its address. */
  readonly url: string;
  /** Takes no more requests, answers those that are inside, and ends. */
  close(): Promise<void>;
}

/** Requests of fal's client come here when this is its `proxyUrl`; the address that they are for is in this header. */
const FAL_PROXY = { path: "/fal/proxy", header: "x-fal-target-url" } as const;

/** Bytes of embeddings that all workers keep together. */
const KEPT_EMBEDDINGS = 256e6;

/** Embeddings are made here. */
const EMBEDDINGS = "/v1/embeddings";

/**
 * Listens, then opens the model; until that is open, requests get a 503.
 *
 * @throws what `createSegmenter` throws, and OutputError where it cannot listen
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, waiting, timeLimit, workers, log } = options;
  const ending = new AbortController();
  const leave = new WeakMap<Request, () => void>();
  let answer: Answer = async () => Response.json({ status: "opening the model" }, { status: 503 });
  const server = createServer(
    // the longest that a request's head and body may take
    { headersTimeout: 15_000, requestTimeout: 60_000 },
    listenerOf(
      (request) => answer(request),
      (request) => leave.get(request)?.(),
    ),
  );
  // whoever does not read an answer does not hold its place for ever
  server.timeout = timeLimit + 60_000;
  const url = await listen(server, host, port);
  const pool = await SegmenterPool.open(
    { ...options.segmenter, embeddingBudget: KEPT_EMBEDDINGS / workers },
    workers,
  ).catch((error: Error) => {
    server.close().closeAllConnections();
    throw error;
  });
  const gate = new Gate(waiting, workers);
  const budget = new ByteBudget(options.heldBytes);
  const metrics = new ServerMetrics(gate);
  const origin = options.publicUrl?.replace(/[/]$/, "") ?? url;
  const hosted = hostedFetchWith(sharpCodec, pool, hostedOptions(options, origin, budget, ending.signal));
  const names = isLoopback(host) ? new Set([host, "localhost", "127.0.0.1", "::1", nameIn(origin)]) : null;

  /** Lets a request in, and answers it; `target` is the address that it would have at a service. */
  const letIn = async (target: string, request: Request, work: () => Promise<Response>): Promise<Response> => {
    // asking how far a request is costs nothing, what brings a picture does
    if (hasBody(request)) {
      const out = gate.enter();
      if (!out) {
        const after = String(gate.retryAfter);
        const message = `${gate.inside} requests are waiting already: try again in ${after} s`;
        return hostedError(target, 429, message, { "Retry-After": after });
      }
      leave.set(request, out);
    }
    return work();
  };
  const route = async (request: Request): Promise<readonly [service: string, response: Response]> => {
    const { pathname, search } = new URL(request.url);
    // a page may have its own name lead here: what it asks for would come from this machine
    const name = nameIn(`http://${request.headers.get("host")}`);
    if (names && !names.has(name)) {
      const detail = `expected a request to ${[...names].join(", ")}, got one to ${name || "no name"}`;
      return ["none", Response.json({ detail }, { status: 421 })];
    }
    if (pathname === "/health") {
      const { model, device } = pool;
      return ["health", Response.json({ status: "ok", model: model.id, device, inside: gate.inside })];
    }
    if (pathname === "/metrics") {
      const { registry } = metrics;
      return ["metrics", new Response(await registry.metrics(), { headers: { "Content-Type": registry.contentType } })];
    }
    if (pathname === EMBEDDINGS) {
      const { timeLimit, token } = options;
      const work = (): Promise<Response> => answerEmbedding(request, { pool, budget, timeLimit, token });
      return ["embeddings", await letIn(request.url, request, work)];
    }
    const proxied = pathname === FAL_PROXY.path;
    const target = proxied ? (request.headers.get(FAL_PROXY.header) ?? "") : `https:/${pathname}${search}`;
    if (URL.canParse(target) && isHosted(target)) {
      return [new URL(target).hostname, await letIn(target, request, () => hosted(target, forwarded(request)))];
    }
    return ["none", Response.json({ detail: "Not Found" }, { status: 404 })];
  };
  answer = async (request) => {
    const start = performance.now();
    const [service, response] = await route(request).catch((error: Error) => {
      // whoever is gone needs no answer
      request.signal.throwIfAborted();
      const { name, message } = error;
      log("error", "request failed", { error: `${name}: ${message}` });
      return ["none", Response.json({ detail: message }, { status: 500 })] as const;
    });
    metrics.answered(service, response.status, (performance.now() - start) / 1000);
    if (response.status >= 500) log("error", "request failed", { service, status: response.status });
    return response;
  };
  log("info", "listening", { url, model: pool.model.id, device: pool.device, workers });

  return {
    url,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // a connection that is kept alive is idle only once its answer was sent
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const limit = setTimeout(() => server.closeAllConnections(), timeLimit);
      await closed;
      clearInterval(idle);
      clearTimeout(limit);
      ending.abort(new DOMException("the server has ended", "AbortError"));
      await pool.dispose();
    },
  };
}

function hostedOptions(
  { host, timeLimit, token, waiting, workers }: ServerOptions,
  origin: string,
  budget: ByteBudget,
  signal: AbortSignal,
): HostedOptions {
  return {
    serving: "others",
    // who reaches only this machine may as well name its addresses
    download: isLoopback(host) ? fetch : createPublicFetch(),
    limits: { answerTime: timeLimit, waiting, abreast: workers },
    budget,
    livepeer: { bearerToken: token },
    fal: { key: token, origin },
    segmind: { apiKey: token },
    signal,
  };
}

function hasBody({ headers }: Request): boolean {
  return Number(headers.get("Content-Length")) > 0 || headers.has("Transfer-Encoding");
}

/** The request as it goes on to a service. */
function forwarded(request: Request): RequestInit {
  const { method, headers, body, signal } = request;
  return { method, headers, signal, ...(body ? { body, duplex: "half" } : {}) } as RequestInit;
}

/** The name in an address, without brackets. */
function nameIn(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname.replace(/^\[|\]$/g, "") : "";
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether only this machine reaches an address that is listened on. */
function isLoopback(host: string): boolean {
  return host === "localhost" || LOOPBACK.check(host, isIPv4(host) ? "ipv4" : "ipv6");
}
