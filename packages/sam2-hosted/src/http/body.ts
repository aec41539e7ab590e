/** Reads bodies up to a limit, so that no sender decides how much memory is taken. */
import type { HeldBytes } from "./byte-budget.ts";
import type { ErrorForm } from "./error-forms.ts";
import type { HostedLimits } from "./limits.ts";
import type { Problem } from "./problem.ts";
import { within } from "./within.ts";

/** A body went over its limit. */
export class BodyTooLarge extends Error {
  constructor(limit: number) {
    super(`expected at most ${limit} bytes, got more`);
  }
}

/**
 * Reads all of a body, or gives it up.
 *
 * @param held counts its bytes as they come
 * @throws BodyTooLarge as soon as it is over `limit` bytes; NoRoomError; the signal's reason when it is aborted
 */
export async function readBody(
  message: Request | Response,
  limit: number,
  held: HeldBytes,
  signal: AbortSignal,
): Promise<Blob> {
  const type = message.headers.get("Content-Type") ?? "";
  // Firefox has no `body` of a Request: what a page sends is in memory there anyway
  const stream: ReadableStream<Uint8Array> | null = message.body ?? (await message.blob()).stream();
  const reader = stream.getReader();
  const stop = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    if (Number(message.headers.get("Content-Length")) > limit) throw new BodyTooLarge(limit);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.length;
      if (size > limit) throw new BodyTooLarge(limit);
      held.take(next.value.length);
      parts.push(next.value as Uint8Array<ArrayBuffer>);
    }
    signal.throwIfAborted();
    return new Blob(parts, { type });
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** How a request's body is read. */
export interface RequestReading {
  readonly limits: Pick<HostedLimits, "bodyBytes" | "downloadTime">;
  readonly held: HeldBytes;
  readonly signal: AbortSignal;
  readonly error: ErrorForm;
}

/** All of a request's body. @throws Problem 408 or 413; NoRoomError */
export async function requestBody(request: Request, { limits, held, signal, error }: RequestReading): Promise<Blob> {
  const { bodyBytes, downloadTime } = limits;
  try {
    return await within(downloadTime, signal, (limited) => readBody(request, bodyBytes, held, limited));
  } catch (reason) {
    signal.throwIfAborted();
    if (reason instanceof BodyTooLarge) throw error(413, `request body: ${reason.message}`);
    if ((reason as Error).name !== "TimeoutError") throw reason;
    throw error(408, `request body: expected all of it within ${downloadTime} ms`);
  }
}

/** A JSON object. @throws Problem 408 or 413; `other` for anything else */
export async function jsonBody(
  request: Request,
  reading: RequestReading,
  other: Problem,
): Promise<Record<string, unknown>> {
  const text = await (await requestBody(request, reading)).text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // no JSON at all is answered like JSON that is no object
  }
  throw other;
}

/** A form; an empty one where the body is none, so that its fields are reported as missing. @throws Problem 408 or 413 */
export async function formBody(request: Request, reading: RequestReading): Promise<FormData> {
  const body = await requestBody(request, reading);
  // a Blob's own type has lost the boundary's capital letters
  const headers = { "Content-Type": request.headers.get("Content-Type") ?? "" };
  return new Response(body, { headers }).formData().catch(() => new FormData());
}
