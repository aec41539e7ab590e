/**
 * Downloads files and keeps them. A file is accepted only if its size and SHA-256 are the expected ones; if no
 * hash is given for it, it must be the same as when it was first downloaded. If the cache fails, the file is
 * downloaded without it.
 */
import { Sam2Error, seeGuide } from "sam2-contract";
import type { ModelCache } from "./cache.ts";
import { digest } from "./digest.ts";
import { isWebPage } from "./fault.ts";
import { forgetPart, joined, type Part, PartWriter, readPart } from "./parts.ts";

/** A file to fetch. `key` names it in the cache. */
export interface RemoteFile {
  readonly key: string;
  readonly url: string;
  readonly bytes?: number | undefined;
  readonly sha256?: string | undefined;
}

/** Progress of a download. */
export interface DownloadProgress {
  /** Address of the file. */
  readonly url: string;
  /** Bytes that have arrived, including those of an earlier attempt. */
  readonly loaded: number;
  /** Size of the file in bytes; null if the server does not tell. */
  readonly total: number | null;
}

/** How to fetch. */
export interface FetchOptions {
  /** Where files are kept. */
  readonly cache: ModelCache;
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Whether to accept a file that has changed since it was first downloaded; later downloads must then equal it. */
  readonly acceptChanges: boolean;
}

/** A file, and its hash. */
export interface FetchedFile {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/**
 * Reads a file from the cache, or downloads and keeps it. Bytes from the cache are checked again, and downloaded
 * again if they are wrong.
 *
 * A download that breaks off is resumed by the next call, unless the file has changed in between. Two
 * pages that want the same file download it once: the second waits for the first.
 *
 * @throws DownloadError when the network fails or answers with an error or a web page,
 *   IntegrityError for a wrong size or hash
 */
export function fetchCached(file: RemoteFile, options: FetchOptions): Promise<FetchedFile> {
  const { cache } = options;
  return cache.alone(file.key, async () => {
    const pinKey = `pin/${file.url}`;
    const pinned = file.sha256 ? null : await readText(cache, pinKey);
    const expected = { ...file, sha256: file.sha256 ?? pinned ?? undefined };
    const kept = await cache.read(file.key);
    if (kept) {
      const sha256 = await digest(kept);
      if (isAsPromised(expected, kept, sha256)) {
        options.onProgress({ url: file.url, loaded: kept.length, total: kept.length });
        return { bytes: kept, sha256 };
      }
      await cache.forget(file.key);
    }
    const bytes = await download(file, await readPart(cache, file.key), options);
    await forgetPart(cache, file.key);
    const sha256 = await digest(bytes);
    check(expected, bytes, sha256, pinned !== null && options.acceptChanges);
    await cache.keep(file.key, bytes);
    if (!file.sha256) await cache.keep(pinKey, new TextEncoder().encode(sha256));
    return { bytes, sha256 };
  });
}

async function readText(cache: ModelCache, key: string): Promise<string | null> {
  const kept = await cache.read(key);
  return kept && new TextDecoder().decode(kept);
}

function isAsPromised(file: RemoteFile, bytes: Uint8Array, sha256: string): boolean {
  return (file.bytes ?? bytes.length) === bytes.length && (file.sha256 ?? sha256) === sha256;
}

function check(file: RemoteFile, bytes: Uint8Array, sha256: string, acceptChange: boolean): void {
  if (isAsPromised(file, bytes, sha256) || acceptChange) return;
  if (file.bytes !== undefined && bytes.length !== file.bytes) {
    throw new Sam2Error("IntegrityError", `${file.url}: expected ${file.bytes} bytes, got ${bytes.length}`);
  }
  throw new Sam2Error(
    "IntegrityError",
    `${file.url}: expected SHA-256 ${file.sha256}, got ${sha256}: the file is damaged, or has changed since it was first downloaded; acceptChanges: true accepts a changed checkpoint`,
  );
}

function failed(url: string, message: string, cause?: unknown): Sam2Error {
  return new Sam2Error("DownloadError", `${url}: ${message}`, cause === undefined ? undefined : { cause });
}

/** The error for an answer that is not a model's file. */
export function refused(url: string, response: Response): Sam2Error {
  const got = response.ok ? "a web page" : `status ${response.status}`;
  return failed(url, `expected a file of a model, got ${got}. ${seeGuide("the-model-is-not-found")}`);
}

/** The error for a file of a model that brought no answer; why, browsers do not tell a script. */
export function unreachable(url: string, cause: unknown): Sam2Error {
  const reasons = "there is no connection, or the other host or this page's policy does not allow it";
  const got = `the network failed: ${reasons}`;
  return failed(url, `expected a file of a model, ${got}. ${seeGuide("the-model-is-not-found")}`, cause);
}

/** The ETag or the date of a file; empty if the server sends neither. */
function versionOf({ headers }: Response): string {
  return headers.get("etag") ?? headers.get("last-modified") ?? "";
}

/** Where a partial answer begins in the file, and the size of the whole file (null if unknown). */
function rangeOf({ headers }: Response): { readonly start: number; readonly total: number | null } | null {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (start === undefined) return null;
  return { start: Number(start), total: total === "*" ? null : Number(total) };
}

/** Whether to resume: only if the hash or the server's version can show that the rest is of the same file. */
function isResumable(file: RemoteFile, begun: Part): boolean {
  if (file.bytes !== undefined && begun.length >= file.bytes) return false;
  return file.sha256 !== undefined || begun.version !== "";
}

/** Whether a partial answer continues exactly where the kept part ends, and is of the same file. */
function isTheRest(file: RemoteFile, begun: Part, response: Response): boolean {
  const range = rangeOf(response);
  // another origin's server may hide where the answer begins: then the hash of the whole tells
  const isHidden = file.sha256 !== undefined && !response.headers.has("content-range");
  const startsThere = isHidden || range?.start === begun.length;
  const sameFile = file.sha256 !== undefined || versionOf(response) === begun.version;
  const sameSize = range?.total == null || file.bytes === undefined || range.total === file.bytes;
  return startsThere && sameFile && sameSize;
}

async function download(file: RemoteFile, begun: Part | null, options: FetchOptions): Promise<Uint8Array> {
  const resumed = begun && isResumable(file, begun) ? begun : null;
  const response = await fetch(file.url, {
    // this module keeps the file: the browser's HTTP cache would keep a second copy, and error pages too
    cache: "no-store",
    headers: resumed ? { Range: `bytes=${resumed.length}-` } : {},
  } as RequestInit).catch((cause: unknown) => {
    throw unreachable(file.url, cause);
  });
  const partial = resumed !== null && response.status === 206;
  // 416: the server has no bytes after the kept part, so the part is not of this file
  if (resumed && (response.status === 416 || (partial && !isTheRest(file, resumed, response)))) {
    await response.body?.cancel();
    return download(file, null, options);
  }
  if (!response.ok || isWebPage(response)) {
    await response.body?.cancel();
    throw refused(file.url, response);
  }
  if (response.status === 206 && !partial) {
    await response.body?.cancel();
    throw failed(file.url, "expected the whole file, got a part of it that was not asked for");
  }
  const reader = response.body?.getReader();
  if (!reader) throw failed(file.url, "the answer has no body");
  const start = partial ? resumed : null;
  const chunks: Uint8Array[] = [...(start?.bytes ?? [])];
  let loaded = start?.length ?? 0;
  const total = file.bytes ?? totalOf(response, loaded);
  const writer = new PartWriter(options.cache, file.key, versionOf(response), start);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      await writer.add(value);
      options.onProgress({ url: file.url, loaded, total });
    }
  } catch (cause) {
    await writer.flush();
    throw failed(file.url, `broke off after ${loaded} bytes`, cause);
  }
  if (total !== null && loaded < total) {
    await writer.flush();
    throw failed(file.url, `broke off after ${loaded} of ${total} bytes`);
  }
  return joined(chunks, loaded);
}

/** Size of the whole file in bytes; null if the server does not tell. */
function totalOf(response: Response, loaded: number): number | null {
  const range = rangeOf(response);
  if (range?.total != null) return range.total;
  const length = response.headers.get("content-length");
  // of a compressed answer, content-length is the compressed size
  if (length === null || response.headers.get("content-encoding") !== null) return null;
  return loaded + Number(length);
}
