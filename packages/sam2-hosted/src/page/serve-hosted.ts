/** The page's side of the service worker: answers the requests that it passes on. */
import { Sam2Error } from "sam2-web";
import { type ForwardedAnswer, type ForwardedRequest, type FromWorker, QUESTION } from "./service-worker.ts";

/**
 * Answers requests that a service worker with `handleHosted` passes on. Call it once the page is
 * controlled by the worker.
 *
 * @param hostedFetch from `createHostedFetch`
 * @returns a function that ends it
 * @throws DeviceError where the page has no service workers
 * @example
 * ```ts
 * await navigator.serviceWorker.register("sw.js", { type: "module" });
 * const stop = serveHosted(createHostedFetch(segmenter));
 * ```
 */
export function serveHosted(hostedFetch: typeof fetch): () => void {
  const workers: ServiceWorkerContainer | undefined = globalThis.navigator?.serviceWorker;
  if (!workers) {
    throw new Sam2Error("DeviceError", "expected a page with service workers: one from https: or localhost");
  }
  const listen = ({ data, ports: [port] }: MessageEvent): void => {
    if (data === QUESTION && port) serve(port, hostedFetch);
  };
  workers.addEventListener("message", listen);
  workers.startMessages();
  return () => workers.removeEventListener("message", listen);
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
