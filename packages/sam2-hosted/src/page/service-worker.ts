/**
 * For a service worker: requests to the services are answered by a page that holds a segmenter, so that
 * a plain `fetch("https://…")` needs no change.
 *
 * A service worker cannot start workers itself, so it passes each request on to a page that has called
 * `serveHosted`, and streams its answer back.
 *
 * ```js
 * // sw.js
 * import { handleHosted } from "sam2-hosted/service-worker";
 * self.addEventListener("fetch", handleHosted);
 * self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim())); // pages of a first visit, too
 * ```
 *
 * @module
 */
import { serviceOf } from "../http/addresses.ts";
import { ERROR_FORMS, type ErrorForm } from "../http/error-forms.ts";
import { answerOf } from "../http/problem.ts";

/** The question that every page gets, with a port; one that serves answers "ready" through it. */
export const QUESTION = "sam2-hosted: who serves?";

/** What the first page that is ready gets. */
export interface ForwardedRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: ArrayBuffer | null;
}

/** The request, then "more" for each chunk that there is room for, or "abort" when nobody waits any more. */
export type FromWorker = ForwardedRequest | "more" | "abort";

/** What comes back through the port, in this order. */
export type ForwardedAnswer =
  | "ready"
  | { readonly part: "head"; readonly status: number; readonly headers: readonly (readonly [string, string])[] }
  | { readonly part: "chunk"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly part: "end" }
  | { readonly part: "failed"; readonly reason: string };

/** The parts of the platform's `FetchEvent` and of its global scope that are used here. */
interface FetchEventLike extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ClientLike {
  readonly id: string;
  postMessage(message: unknown, transfer: Transferable[]): void;
}
interface ServiceWorkerScope {
  readonly clients: {
    matchAll(options: { type: "window" }): Promise<readonly ClientLike[]>;
    get(id: string): Promise<ClientLike | undefined>;
  };
}

const { clients } = globalThis as unknown as ServiceWorkerScope;

/** A page that serves says so within this time, in milliseconds. */
const SILENCE = 5_000;

/** How often it is asked whether the page that serves is still there, in milliseconds. */
const WATCH = 1_000;

/**
 * A listener for `fetch` events: takes the requests to the services, and leaves all others alone.
 *
 * @example
 * ```ts
 * self.addEventListener("fetch", handleHosted);
 * ```
 */
export function handleHosted(event: Event): void {
  const { request } = event as FetchEventLike;
  const service = serviceOf(request.url);
  if (service) (event as FetchEventLike).respondWith(forward(request, ERROR_FORMS[service]));
}

async function forward(request: Request, form: ErrorForm): Promise<Response> {
  const unavailable = (message: string): Response => answerOf(form(503, message));
  const page = await servingPage();
  if (!page) return unavailable("no open page serves this request: call serveHosted in one");
  const { id, port } = page;
  const message: ForwardedRequest = {
    url: request.url,
    method: request.method,
    headers: [...request.headers],
    body: ["GET", "HEAD"].includes(request.method) ? null : await request.arrayBuffer(),
  };
  return new Promise((resolve) => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    const send = (message: FromWorker): void => port.postMessage(message);
    const end = (): void => {
      clearInterval(watch);
      port.close();
    };
    const abort = (): void => {
      send("abort");
      end();
    };
    request.signal.addEventListener("abort", abort, { once: true });
    const fail = (reason: string): void => {
      end();
      // a 503, or, where the answer has begun already, a body that breaks off
      resolve(unavailable(reason));
      controller?.error(new TypeError(reason));
    };
    const watch = setInterval(async () => {
      if (!(await clients.get(id))) fail("the page that served this request was closed");
    }, WATCH);
    port.onmessage = ({ data }: MessageEvent<Exclude<ForwardedAnswer, "ready">>) => {
      if (data.part === "chunk") controller?.enqueue(data.bytes);
      if (data.part === "end") {
        end();
        controller?.close();
      }
      if (data.part === "failed") fail(data.reason);
      if (data.part === "head") {
        const headers = data.headers.map(([name, value]): [string, string] => [name, value]);
        const bodiless = data.status === 204 || data.status === 304;
        if (bodiless) end();
        const start = (given: ReadableStreamDefaultController<Uint8Array>): void => {
          controller = given;
        };
        const body = bodiless ? null : new ReadableStream({ start, pull: () => send("more"), cancel: abort });
        resolve(new Response(body, { status: data.status, headers }));
      }
    };
    send(message);
  });
}

/** The first page that is ready and the port to it, or null where there is none. */
async function servingPage(): Promise<{ readonly id: string; readonly port: MessagePort } | null> {
  const pages = await clients.matchAll({ type: "window" });
  const asked = pages.map((page) => ({ page, channel: new MessageChannel() }));
  const ready = await new Promise<(typeof asked)[number] | null>((resolve) => {
    setTimeout(() => resolve(null), pages.length > 0 ? SILENCE : 0);
    for (const one of asked) {
      one.channel.port1.onmessage = () => resolve(one);
      one.page.postMessage(QUESTION, [one.channel.port2]);
    }
  });
  for (const { channel } of asked) if (channel !== ready?.channel) channel.port1.close();
  return ready && { id: ready.page.id, port: ready.channel.port1 };
}
