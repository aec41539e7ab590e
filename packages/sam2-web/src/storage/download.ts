/**
 * Downloads that are kept. A file counts only when its size and SHA-256 are what was promised; where
 * nothing was promised, they must be what they were the first time. Whatever goes wrong with keeping, the
 * file is fetched.
 */
import { Sam2Error } from "sam2-contract";
import { forget, keep, readKept } from "./cache.ts";
import { digest } from "./digest.ts";
import { forgetPart, joined, type Part, PartWriter, readPart } from "./parts.ts";

/** A file to fetch. `key` names it in the cache. */
export interface RemoteFile {
  readonly key: string;
  readonly url: string;
  readonly bytes?: number | undefined;
  readonly sha256?: string | undefined;
}

/** How far a download is; `total` is null where nobody told. */
export interface DownloadProgress {
  /** Address that is downloaded. */
  readonly url: string;
  /** Bytes that have arrived, those of an earlier try included. */
  readonly loaded: number;
  /** Bytes there will be, or null. */
  readonly total: number | null;
}

/** How to fetch. */
export interface FetchOptions {
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Whether a file that is no longer what it was the first time is taken, and is what counts from then on. */
  readonly acceptChanges: boolean;
}

/** A file, and its hash. */
export interface FetchedFile {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/**
 * Reads a file from the cache, or downloads and keeps it. Kept bytes are checked again; those that are
 * not what they should be are fetched anew.
 *
 * A download that breaks off is resumed by the next call, unless the file has changed in between. Two
 * pages that want the same file download it once: the second waits for the first.
 *
 * @throws DownloadError when the network fails or answers with an error or a web page,
 *   IntegrityError for a wrong size or hash
 */
export function fetchCached(file: RemoteFile, options: FetchOptions): Promise<FetchedFile> {
  return alone(`sam2-web/${file.key}`, async () => {
    const pinKey = `pin/${file.url}`;
    const pinned = file.sha256 ? null : await readText(pinKey);
    const expected = { ...file, sha256: file.sha256 ?? pinned ?? undefined };
    const kept = await readKept(file.key);
    if (kept) {
      const sha256 = await digest(kept);
      if (isAsPromised(expected, kept, sha256)) {
        options.onProgress({ url: file.url, loaded: kept.length, total: kept.length });
        return { bytes: kept, sha256 };
      }
      await forget(file.key);
    }
    const bytes = await download(file, await readPart(file.key), options.onProgress);
    await forgetPart(file.key);
    const sha256 = await digest(bytes);
    check(expected, bytes, sha256, pinned !== null && options.acceptChanges);
    await keep(file.key, bytes);
    if (!file.sha256) await keep(pinKey, new TextEncoder().encode(sha256));
    return { bytes, sha256 };
  });
}

/** Does a task while no other page of this origin does one of the same name. */
function alone<T>(name: string, task: () => Promise<T>): Promise<T> {
  // pages without https have no locks, and nothing that is kept either
  const { locks } = navigator as Partial<Navigator>;
  return locks ? (locks.request(name, task) as Promise<T>) : task();
}

async function readText(key: string): Promise<string | null> {
  const kept = await readKept(key);
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
    `${file.url}: expected SHA-256 ${file.sha256}, got ${sha256}. The file is not the one that was promised, or not the one that it was when it was first downloaded; acceptChanges takes it nevertheless`,
  );
}

function failed(url: string, message: string, cause?: unknown): Sam2Error {
  return new Sam2Error("DownloadError", `${url}: ${message}`, cause === undefined ? undefined : { cause });
}

/** ETag or date; empty where the server tells none. */
function versionOf({ headers }: Response): string {
  return headers.get("etag") ?? headers.get("last-modified") ?? "";
}

/** Where the answer begins and how long the whole file is, as far as the server tells. */
function rangeOf({ headers }: Response): { readonly start: number; readonly total: number | null } | null {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (start === undefined) return null;
  return { start: Number(start), total: total === "*" ? null : Number(total) };
}

/** Whether what is kept can be the beginning of the file: the whole is checked only where its hash is known. */
function isResumable(file: RemoteFile, begun: Part): boolean {
  if (file.bytes !== undefined && begun.length >= file.bytes) return false;
  return file.sha256 !== undefined || begun.version !== "";
}

/** Whether an answer to a request for the rest is that rest, of the same file. */
function isTheRest(file: RemoteFile, begun: Part, response: Response): boolean {
  const range = rangeOf(response);
  const startsThere = range ? range.start === begun.length : file.sha256 !== undefined;
  const sameFile = file.sha256 !== undefined || versionOf(response) === begun.version;
  const sameSize = range?.total == null || file.bytes === undefined || range.total === file.bytes;
  return startsThere && sameFile && sameSize;
}

async function download(
  file: RemoteFile,
  begun: Part | null,
  onProgress: FetchOptions["onProgress"],
): Promise<Uint8Array> {
  const resumed = begun && isResumable(file, begun) ? begun : null;
  const response = await fetch(file.url, {
    // kept here or not at all: the browser would keep it twice, and errors too
    cache: "no-store",
    headers: resumed ? { Range: `bytes=${resumed.length}-` } : {},
  }).catch((cause: unknown) => {
    throw failed(file.url, "the network failed", cause);
  });
  const partial = resumed !== null && response.status === 206;
  // 416: there is nothing after what is here
  if (resumed && (response.status === 416 || (partial && !isTheRest(file, resumed, response)))) {
    await response.body?.cancel();
    return download(file, null, onProgress);
  }
  if (!response.ok) throw failed(file.url, `got status ${response.status}`);
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    await response.body?.cancel();
    throw failed(file.url, "expected a model file, got a web page");
  }
  const reader = response.body?.getReader();
  if (!reader) throw failed(file.url, "the answer has no body");
  const start = partial ? resumed : null;
  const chunks: Uint8Array[] = [...(start?.bytes ?? [])];
  let loaded = start?.length ?? 0;
  const total = file.bytes ?? totalOf(response, loaded);
  const writer = new PartWriter(file.key, versionOf(response), start);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      await writer.add(value);
      onProgress({ url: file.url, loaded, total });
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

/** How many bytes there will be in all, where the server tells. */
function totalOf(response: Response, loaded: number): number | null {
  const range = rangeOf(response);
  if (range?.total != null) return range.total;
  const length = response.headers.get("content-length");
  // a compressed answer tells the compressed length
  if (length === null || response.headers.get("content-encoding") !== null) return null;
  return loaded + Number(length);
}
