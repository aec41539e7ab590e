/**
 * The beginning of a file whose download is not finished. It is kept in pieces while they arrive, so that
 * a page that is closed in the middle, or a worker that is ended, loses the last piece at most.
 */
import { forget, keep, readKept } from "./cache.ts";

/** Pieces of this many bytes are kept at a time. */
const PIECE = 4 * 2 ** 20;

/** What the server calls the version of the file that the pieces are of: an ETag or a date. */
interface Head {
  readonly version: string;
}

/** What is kept of a file. */
export interface Part {
  readonly version: string;
  readonly bytes: readonly Uint8Array[];
  readonly length: number;
}

function head(key: string): string {
  return `part/${encodeURIComponent(key)}/head`;
}

function piece(key: string, index: number): string {
  return `part/${encodeURIComponent(key)}/${index}`;
}

/** Forgets what is kept of a file. */
export function forgetPart(key: string): Promise<void> {
  return forget(`part/${encodeURIComponent(key)}/`);
}

/** Reads what is kept of a file; null where there is nothing. */
export async function readPart(key: string): Promise<Part | null> {
  const kept = await readKept(head(key));
  if (!kept) return null;
  let version: string;
  try {
    ({ version } = JSON.parse(new TextDecoder().decode(kept)) as Head);
  } catch {
    return null;
  }
  const bytes: Uint8Array[] = [];
  let length = 0;
  for (let next = await readKept(piece(key, 0)); next; next = await readKept(piece(key, bytes.length))) {
    bytes.push(next);
    length += next.length;
  }
  return length === 0 ? null : { version, bytes, length };
}

/** Keeps a file's bytes as they arrive. */
export class PartWriter {
  readonly #key: string;
  readonly #version: string;
  #pieces: number;
  #pending: Uint8Array[] = [];
  #pendingLength = 0;
  /** Whether there is room; once there is none, nothing more is kept. */
  #hasRoom = true;

  /**
   * Goes on after what is kept, or begins anew.
   *
   * @param begun what is kept, where the bytes to come are the rest of it
   */
  constructor(key: string, version: string, begun: Part | null) {
    this.#key = key;
    this.#version = version;
    this.#pieces = begun?.bytes.length ?? 0;
  }

  /** Takes the next bytes. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingLength += bytes.length;
    if (this.#pendingLength >= PIECE) await this.flush();
  }

  /** Keeps what has arrived since the last piece. */
  async flush(): Promise<void> {
    if (this.#pendingLength === 0) return;
    const bytes = joined(this.#pending, this.#pendingLength);
    this.#pending = [];
    this.#pendingLength = 0;
    if (this.#pieces === 0) await this.#begin();
    if (!this.#hasRoom) return;
    this.#hasRoom = await keep(piece(this.#key, this.#pieces), bytes);
    this.#pieces++;
  }

  /** Forgets what was kept of another version. */
  async #begin(): Promise<void> {
    await forgetPart(this.#key);
    const text = JSON.stringify({ version: this.#version } satisfies Head);
    this.#hasRoom = await keep(head(this.#key), new TextEncoder().encode(text));
  }
}

/** Chunks in one piece. */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const result = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    result.set(chunk, at);
    at += chunk.length;
  }
  return result;
}
