/** The page's side of the service worker: answers the requests that it passes on. */
import { type ForwardedAnswer, type ForwardedRequest, QUESTION } from "./service-worker.ts";

/**
 * Answers requests that a service worker with `handleHosted` passes on. Call it once the page is
 * controlled by the worker.
 *
 * @param hostedFetch from `createHostedFetch`
 * @returns a function that ends it
 *
 * @example
 * ```ts
 * await navigator.serviceWorker.register("sw.js", { type: "module" });
 * const stop = serveHosted(createHostedFetch(segmenter));
 * ```
 */
export function serveHosted(hostedFetch: typeof fetch): () => void {
  const listen = ({ data, ports: [port] }: MessageEvent): void => {
    if (data !== QUESTION || !port) return;
    const stop = new AbortController();
    port.onmessage = ({ data: sent }: MessageEvent<ForwardedRequest | "abort">) => {
      if (sent === "abort") stop.abort();
      else void answer(sent, stop.signal, port, hostedFetch);
    };
    port.postMessage("ready" satisfies ForwardedAnswer);
  };
  navigator.serviceWorker.addEventListener("message", listen);
  navigator.serviceWorker.startMessages();
  return () => navigator.serviceWorker.removeEventListener("message", listen);
}

async function answer(
  { url, method, headers, body }: ForwardedRequest,
  signal: AbortSignal,
  port: MessagePort,
  hostedFetch: typeof fetch,
): Promise<void> {
  const send = (part: ForwardedAnswer): void => port.postMessage(part);
  const named = headers.map(([name, value]): [string, string] => [name, value]);
  try {
    const response = await hostedFetch(url, { method, headers: named, body, signal });
    send({ part: "head", status: response.status, headers: [...response.headers] });
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      send({ part: "chunk", bytes: next.value });
    }
    send({ part: "end" });
  } catch (error) {
    send({ part: "failed", reason: (error as Error).message });
  }
}
