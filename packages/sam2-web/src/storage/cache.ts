/**
 * What is kept on this device between visits. Keeping may fail, for want of room or of permission;
 * whoever asks for it then fetches or makes anew what is missing.
 */
import { openStore } from "./store.ts";

/** What is being downloaded has a key that ends in this. */
export const PART = ".part";

/** A cached file. */
export interface CachedFile {
  /** Model id, precision, part and hash. */
  readonly key: string;
  /** Size. */
  readonly bytes: number;
}

/** Keeps bytes, where there is room for them: without it they are fetched or made again the next time. */
export async function keep(key: string, bytes: Uint8Array): Promise<void> {
  await (await openStore()).write(key, bytes).catch(() => undefined);
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
  return (await openStore()).read(key).catch(() => null);
}

/** The finished files in the cache. */
export async function listCached(): Promise<CachedFile[]> {
  return (await (await openStore()).list()).filter(({ key }) => !key.endsWith(PART));
}

/** Deletes the files whose key begins with `prefix`; all without one. */
export async function deleteCached(prefix = ""): Promise<void> {
  const files = await openStore();
  for (const { key } of await files.list()) {
    if (key.startsWith(prefix)) await files.remove(key);
  }
}

/** Forgets a kept file. */
export async function removeKept(key: string): Promise<void> {
  await (await openStore()).remove(key);
}
