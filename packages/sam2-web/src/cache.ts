/**
 * Downloads that are kept: in the origin's private file system, in the Cache API where there is none
 * to write to, and nowhere on pages that may keep nothing. A file is kept only when its size and
 * SHA-256 are what was promised, and where there is room for it. Whatever goes wrong with keeping, the
 * file is fetched.
 */
import { digest } from "./digest.ts";
import { Sam2Error } from "./errors.ts";

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

/** A cached file. */
export interface CachedFile {
  /** Model id, precision, part and hash. */
  readonly key: string;
  /** Size. */
  readonly bytes: number;
}

const FOLDER = "sam2-web";
/** What is being downloaded ends in this, and is resumed. */
const PART = ".part";

/** Where finished files and unfinished parts lie. */
interface Store {
  read(key: string): Promise<Uint8Array | null>;
  write(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  list(): Promise<CachedFile[]>;
}

class FileSystemStore implements Store {
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  static async open(): Promise<FileSystemStore> {
    // Safari before 26 has private files that a stream cannot write
    if (!("createWritable" in FileSystemFileHandle.prototype)) throw new Error("files cannot be written");
    const root = await navigator.storage.getDirectory();
    return new FileSystemStore(await root.getDirectoryHandle(FOLDER, { create: true }));
  }

  async read(key: string): Promise<Uint8Array | null> {
    try {
      const handle = await this.#folder.getFileHandle(encodeURIComponent(key));
      const file = await handle.getFile();
      // a page that was closed while it wrote leaves an empty file: what is written counts when it is whole
      return file.size === 0 ? null : new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      if ((error as Error).name === "NotFoundError") return null;
      throw error;
    }
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const handle = await this.#folder.getFileHandle(encodeURIComponent(key), { create: true });
    // a writable stream replaces the file only when it is closed
    const stream = await handle.createWritable();
    await stream.write(bytes as Uint8Array<ArrayBuffer>);
    await stream.close();
  }

  async remove(key: string): Promise<void> {
    await this.#folder.removeEntry(encodeURIComponent(key)).catch((error: Error) => {
      if (error.name !== "NotFoundError") throw error;
    });
  }

  async list(): Promise<CachedFile[]> {
    const files: CachedFile[] = [];
    for await (const [name, handle] of this.#folder.entries()) {
      if (handle.kind !== "file") continue;
      const { size } = await (handle as FileSystemFileHandle).getFile();
      if (size > 0) files.push({ key: decodeURIComponent(name), bytes: size });
    }
    return files;
  }
}

class CacheApiStore implements Store {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  #address(key: string): string {
    return `/${FOLDER}/${encodeURIComponent(key)}`;
  }

  async read(key: string): Promise<Uint8Array | null> {
    const response = await this.#cache.match(this.#address(key));
    return response ? new Uint8Array(await response.arrayBuffer()) : null;
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await this.#cache.put(this.#address(key), new Response(bytes as Uint8Array<ArrayBuffer>));
  }

  async remove(key: string): Promise<void> {
    await this.#cache.delete(this.#address(key));
  }

  async list(): Promise<CachedFile[]> {
    return Promise.all(
      (await this.#cache.keys()).map(async (request) => {
        const response = await this.#cache.match(request);
        const key = decodeURIComponent(new URL(request.url).pathname.slice(FOLDER.length + 2));
        return { key, bytes: (await response?.blob())?.size ?? 0 };
      }),
    );
  }
}

/** For pages that may keep nothing: those without https, and some private windows. */
const NOWHERE: Store = {
  read: async () => null,
  write: async () => undefined,
  remove: async () => undefined,
  list: async () => [],
};

let opened: Promise<Store> | undefined;

function store(): Promise<Store> {
  opened ??= FileSystemStore.open()
    .catch(async () => new CacheApiStore(await caches.open(FOLDER)))
    .catch(() => NOWHERE);
  return opened;
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
  if (begun) await (await store()).remove(part);
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

/** Keeps bytes, where there is room for them: without it they are fetched or made again the next time. */
export async function keep(key: string, bytes: Uint8Array): Promise<void> {
  await (await store()).write(key, bytes).catch(() => undefined);
}

/** Keeps what was found out about a model, as JSON. */
export function keepNote(key: string, note: unknown): Promise<void> {
  return keep(key, new TextEncoder().encode(JSON.stringify(note)));
}

/** Reads what `keepNote` kept, or null. */
export async function readNote<T>(key: string): Promise<T | null> {
  const kept = await readKept(key);
  return kept && (JSON.parse(new TextDecoder().decode(kept)) as T);
}

/** Reads a kept file; null where there is none, or none that can be read. */
export async function readKept(key: string): Promise<Uint8Array | null> {
  return (await store()).read(key).catch(() => null);
}

/** The finished files in the cache. */
export async function listCached(): Promise<CachedFile[]> {
  return (await (await store()).list()).filter(({ key }) => !key.endsWith(PART));
}

/** Deletes the files whose key begins with `prefix`; all without one. */
export async function deleteCached(prefix = ""): Promise<void> {
  const files = await store();
  for (const { key } of await files.list()) {
    if (key.startsWith(prefix)) await files.remove(key);
  }
}
