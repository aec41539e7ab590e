/**
 * The part of an unfinished download that has arrived. It is kept piece by piece, so that closing the page or
 * ending the worker loses at most the last piece.
 */
import type { ModelCache } from "./cache.ts";

/** Size of a piece, in bytes. */
const PIECE = 4 * 2 ** 20;

/** The version of the file that the pieces belong to: the server's ETag or date. */
interface Head {
  readonly version: string;
}

/** The kept part of a file. */
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

/** Deletes the kept part of a file. */
export function forgetPart(cache: ModelCache, key: string): Promise<void> {
  return cache.forgetAll(`part/${encodeURIComponent(key)}/`);
}

/** Reads the kept part of a file; null if there is none. */
export async function readPart(cache: ModelCache, key: string): Promise<Part | null> {
  const kept = await cache.read(head(key));
  if (!kept) return null;
  let version: string;
  try {
    ({ version } = JSON.parse(new TextDecoder().decode(kept)) as Head);
  } catch {
    return null;
  }
  const bytes: Uint8Array[] = [];
  let length = 0;
  for (let next = await cache.read(piece(key, 0)); next; next = await cache.read(piece(key, bytes.length))) {
    bytes.push(next);
    length += next.length;
  }
  return length === 0 ? null : { version, bytes, length };
}

/** Keeps a file's bytes as they arrive. */
export class PartWriter {
  readonly #cache: ModelCache;
  readonly #key: string;
  readonly #version: string;
  #pieces: number;
  #pending: Uint8Array[] = [];
  #pendingLength = 0;
  /** Becomes false when a piece could not be kept; from then on nothing is. */
  #hasRoom = true;

  /**
   * Continues after a kept part, or starts again.
   *
   * @param begun the kept part that the new bytes continue; null to start again
   */
  constructor(cache: ModelCache, key: string, version: string, begun: Part | null) {
    this.#cache = cache;
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
    this.#hasRoom = await this.#cache.keep(piece(this.#key, this.#pieces), bytes);
    this.#pieces++;
  }

  /** Forgets what was kept of another version. */
  async #begin(): Promise<void> {
    await forgetPart(this.#cache, this.#key);
    const text = JSON.stringify({ version: this.#version } satisfies Head);
    this.#hasRoom = await this.#cache.keep(head(this.#key), new TextEncoder().encode(text));
  }
}

/** Concatenates chunks. */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const result = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    result.set(chunk, at);
    at += chunk.length;
  }
  return result;
}
