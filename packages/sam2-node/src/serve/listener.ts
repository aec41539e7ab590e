/** Between Node's HTTP and a function that answers as `fetch` does. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";

/** Answers a request. */
export type Answer = (request: Request) => Promise<Response>;

/**
 * A listener for `createServer`. The request's signal is aborted when whoever asked is gone.
 *
 * @param onSent called when an answer was sent, or could not be sent any more
 */
export function listenerOf(answer: Answer, onSent: (request: Request) => void): RequestListener {
  return (incoming, outgoing) => void respond(incoming, outgoing, answer, onSent);
}

async function respond(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Answer,
  onSent: (request: Request) => void,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort(new DOMException("whoever asked is gone", "AbortError"));
  });
  let request: Request;
  try {
    request = toRequest(incoming, gone.signal);
  } catch {
    // a method or an address that no Request can have
    outgoing.writeHead(400).end();
    return;
  }
  try {
    const { status, headers, body } = await answer(request);
    outgoing.writeHead(status, [...headers].flat());
    if (body) await pipeline(Readable.fromWeb(body as NodeStream), outgoing, { signal: gone.signal });
    else outgoing.end();
  } catch {
    // what is half sent cannot be taken back: the connection says that it is not whole
    outgoing.destroy();
  } finally {
    skipRest(incoming);
    onSent(request);
  }
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  const bodiless = method === "GET" || method === "HEAD";
  // the host is only a place: which one was asked for is in the headers
  const address = new URL(`http://server${url.startsWith("/") ? "" : "/"}${url}`);
  return new Request(address, {
    method,
    headers,
    signal,
    ...(bodiless ? {} : { body: bodyOf(incoming), duplex: "half" }),
  });
}

/** The body, as it is read. Unlike `Readable.toWeb`, giving it up leaves the connection open for the answer. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        incoming.on("data", (chunk: Uint8Array) => {
          controller.enqueue(chunk);
          incoming.pause();
        });
        incoming.once("end", () => {
          if (incoming.listenerCount("data") > 0) controller.close();
        });
        incoming.once("error", (error) => controller.error(error));
        incoming.pause();
      },
      pull: () => void incoming.resume(),
      cancel: () => skipRest(incoming),
    },
    { highWaterMark: 0 },
  );
}

/** Reads what nobody wants, so that the connection can be used again. */
function skipRest(incoming: IncomingMessage): void {
  incoming.removeAllListeners("data");
  incoming.resume();
}
