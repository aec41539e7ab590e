/**
 * Downloads that are kept. A file is kept only when its size and SHA-256 are what was promised, and
 * where there is room for it. Whatever goes wrong with keeping, the file is fetched.
 */
import { Sam2Error } from "sam2-contract";
import { keep, PART, readKept, removeKept } from "./cache.ts";
import { digest } from "./digest.ts";

/** A file to fetch. `key` names it in the cache and must change with its content. */
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

async function verify(file: RemoteFile, bytes: Uint8Array): Promise<void> {
  if (file.bytes !== undefined && bytes.length !== file.bytes) {
    throw new Sam2Error("IntegrityError", `${file.url}: expected ${file.bytes} bytes, got ${bytes.length}`);
  }
  const hash = file.sha256 === undefined ? undefined : await digest(bytes);
  if (hash !== file.sha256) {
    throw new Sam2Error("IntegrityError", `${file.url}: expected SHA-256 ${file.sha256}, got ${hash}`);
  }
}

/**
 * Reads a file from the cache, or downloads and keeps it.
 *
 * A download that breaks off is kept aside and resumed by the next call, unless the file has changed
 * in between. What is not as promised is thrown away.
 *
 * @throws DownloadError when the network fails or answers with an error or a web page,
 *   IntegrityError for a wrong size or hash, the signal's reason when aborted
 */
export async function fetchCached(
  file: RemoteFile,
  onProgress: (progress: DownloadProgress) => void,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const kept = await readKept(file.key);
  if (kept) {
    onProgress({ url: file.url, loaded: kept.length, total: kept.length });
    return kept;
  }
  const part = file.key + PART;
  const begun = await readKept(part);
  let bytes: Uint8Array;
  try {
    bytes = await download(file, begun && unpacked(begun), onProgress, signal);
  } catch (error) {
    if (error instanceof Interrupted) {
      if (error.part.bytes.length > 0) await keep(part, packed(error.part));
      throw error.reason;
    }
    throw error;
  }
  if (begun) await removeKept(part);
  await verify(file, bytes);
  await keep(file.key, bytes);
  return bytes;
}

/** The beginning of a file, and what the server calls the version of the file that it is of. */
interface Part {
  readonly bytes: Uint8Array;
  /** ETag or date; empty where the server tells none. */
  readonly version: string;
}

/** A part as it is kept, in one piece: the version, a line break, the bytes. */
function packed({ bytes, version }: Part): Uint8Array {
  const line = new TextEncoder().encode(`${version}\n`);
  return joined([line, bytes], line.length + bytes.length);
}

function unpacked(kept: Uint8Array): Part {
  const end = kept.indexOf("\n".charCodeAt(0));
  return { version: new TextDecoder().decode(kept.subarray(0, end)), bytes: kept.subarray(end + 1) };
}

function versionOf({ headers }: Response): string {
  return headers.get("etag") ?? headers.get("last-modified") ?? "";
}

/** A download that broke off, with what had arrived. */
class Interrupted extends Error {
  readonly part: Part;
  readonly reason: unknown;

  constructor(part: Part, reason: unknown) {
    super("interrupted");
    this.part = part;
    this.reason = reason;
  }
}

async function download(
  file: RemoteFile,
  begun: Part | null,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const failed = (message: string, cause?: unknown): Sam2Error =>
    new Sam2Error("DownloadError", `${file.url}: ${message}`, cause === undefined ? undefined : { cause });
  // without a promised hash, only a version tells that the rest belongs to what is here
  const resumes =
    begun !== null &&
    (file.bytes === undefined || begun.bytes.length < file.bytes) &&
    (file.sha256 !== undefined || begun.version !== "");
  const response = await fetch(file.url, {
    // kept here or not at all: the browser would keep it twice, and errors too
    cache: "no-store",
    ...(signal ? { signal } : {}),
    headers: resumes ? { Range: `bytes=${begun.bytes.length}-` } : {},
  }).catch((cause: unknown) => {
    if (signal?.aborted) throw signal.reason;
    throw failed("the network failed", cause);
  });
  const version = versionOf(response);
  const changed = response.status === 206 && file.sha256 === undefined && version !== begun?.version;
  // 416: there is nothing after what is here
  if (resumes && (changed || response.status === 416)) {
    await response.body?.cancel();
    return download(file, null, onProgress, signal);
  }
  if (!response.ok) throw failed(`got status ${response.status}`);
  if (response.headers.get("content-type")?.startsWith("text/html"))
    throw failed("expected a model file, got a web page");
  const partial = resumes && response.status === 206;
  const chunks: Uint8Array[] = partial ? [begun.bytes] : [];
  let loaded = partial ? begun.bytes.length : 0;
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  // a compressed answer tells the compressed length
  const encoded = response.headers.get("content-encoding") !== null;
  const total = file.bytes ?? (encoded || Number.isNaN(length) ? null : loaded + length);
  const reader = response.body?.getReader();
  if (!reader) throw failed("the answer has no body");
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      onProgress({ url: file.url, loaded, total });
    }
  } catch (cause) {
    const reason = signal?.aborted ? signal.reason : failed(`broke off after ${loaded} bytes`, cause);
    throw new Interrupted({ bytes: joined(chunks, loaded), version }, reason);
  }
  if (total !== null && loaded < total) {
    const reason = failed(`broke off after ${loaded} of ${total} bytes`);
    throw new Interrupted({ bytes: joined(chunks, loaded), version }, reason);
  }
  return joined(chunks, loaded);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const result = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    result.set(chunk, at);
    at += chunk.length;
  }
  return result;
}
