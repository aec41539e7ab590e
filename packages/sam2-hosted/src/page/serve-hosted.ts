/** The page's side of the service worker: answers the requests that it passes on. */
import { Sam2Error } from "sam2-web";
import { type ForwardedAnswer, type ForwardedRequest, type FromWorker, QUESTION } from "./service-worker.ts";

/**
 * Answers requests that a service worker with `handleHosted` passes on. Resolves when a service worker controls this
 * page: **a request that the page makes earlier goes to the service itself**.
 *
 * On a first visit a worker takes a page over only if it calls `clients.claim()` when it is activated, as below.
 *
 * @param hostedFetch from `createHostedFetch`
 * @returns a function that ends it
 * @throws DeviceError where the page has no service workers, or none that controls it; nothing is answered then
 * @example
 * ```ts
 * // sw.js: self.addEventListener("fetch", handleHosted);
 * //        self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
 * await navigator.serviceWorker.register("sw.js", { type: "module" });
 * const stop = await serveHosted(createHostedFetch(segmenter));
 * ```
 */
export async function serveHosted(hostedFetch: typeof fetch): Promise<() => void> {
  const workers: ServiceWorkerContainer | undefined = globalThis.navigator?.serviceWorker;
  if (!workers) {
    throw new Sam2Error("DeviceError", "expected a page with service workers: one from https: or localhost");
  }
  const listen = ({ data, ports: [port] }: MessageEvent): void => {
    if (data === QUESTION && port) serve(port, hostedFetch);
  };
  const stop = (): void => workers.removeEventListener("message", listen);
  workers.addEventListener("message", listen);
  workers.startMessages();
  await controlled(workers).catch((error) => {
    stop();
    throw error;
  });
  return stop;
}

/** How long after its activation a worker may take a page over, in milliseconds. */
const CLAIM = 1_000;

/** Waits until a service worker controls this page; refuses where none is going to. */
async function controlled(workers: ServiceWorkerContainer): Promise<void> {
  if (workers.controller) return;
  const taken = new Promise<void>((resolve) => {
    workers.addEventListener("controllerchange", () => resolve(), { once: true });
  });
  const registration = await workers.getRegistration();
  const worker = registration?.active ?? registration?.waiting ?? registration?.installing;
  if (!worker) {
    throw new Sam2Error("DeviceError", "expected a service worker with handleHosted, got none: call register() first");
  }
  const claimed = settled(worker).then(() => new Promise<void>((resolve) => setTimeout(resolve, CLAIM)));
  await Promise.race([taken, claimed]);
  if (workers.controller) return;
  throw new Sam2Error(
    "DeviceError",
    "expected a page that its service worker controls: call clients.claim() in its activate event, or reload the page",
  );
}

/** Waits until a service worker is activated, or given up. */
function settled(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (worker.state === "activated" || worker.state === "redundant") resolve();
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

/** Answers the one request that comes through a port, in chunks, each when it is asked for. */
function serve(port: MessagePort, hostedFetch: typeof fetch): void {
  const send = (part: ForwardedAnswer): void => port.postMessage(part);
  const failed = (error: unknown): void => send({ part: "failed", reason: (error as Error).message });
  const stop = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  const begin = async ({ url, method, headers, body }: ForwardedRequest): Promise<void> => {
    const named = headers.map(([name, value]): [string, string] => [name, value]);
    const response = await hostedFetch(url, { method, headers: named, body, signal: stop.signal });
    reader = response.body?.getReader();
    send({ part: "head", status: response.status, headers: [...response.headers] });
  };
  const next = async (): Promise<void> => {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    send(done ? { part: "end" } : { part: "chunk", bytes: value });
  };
  port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data === "abort") {
      stop.abort();
      reader?.cancel().catch(() => undefined);
    } else if (data === "more") next().catch(failed);
    else begin(data).catch(failed);
  };
  send("ready");
}
