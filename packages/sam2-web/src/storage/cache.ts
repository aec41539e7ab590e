/**
 * What is kept on this device between visits. Writing may fail, for lack of room or of permission; callers then
 * download or compute what is missing.
 *
 * The first part of a key says what is kept: `model/ID/…` a model's files, `part/…` unfinished downloads,
 * `pin/…` the hash that a file had when it was first downloaded (if no hash was given for it), `manifest/…`
 * model.json, and `note/…` measurements and verdicts about a model.
 */
import { openStore } from "./store.ts";

/** A model with files in the cache. */
export interface CachedModel {
  /** Name of the model, as `deleteCached` takes it. */
  readonly id: string;
  /** Total size of its files. */
  readonly bytes: number;
}

/** The prefix of the keys of a model's files. */
export function modelKey(id: string): string {
  return `model/${encodeURIComponent(id)}/`;
}

/** Keeps bytes; false if that is not possible. */
export async function keep(key: string, bytes: Uint8Array): Promise<boolean> {
  return (await openStore()).write(key, bytes).then(
    () => true,
    () => false,
  );
}

/** Reads a kept file; null if it is missing or cannot be read. */
export async function readKept(key: string): Promise<Uint8Array | null> {
  return (await openStore()).read(key).catch(() => null);
}

/** Deletes a kept file. */
export async function forget(key: string): Promise<void> {
  await (await openStore()).remove(key).catch(() => undefined);
}

/** Deletes every kept file whose key begins with `prefix`. */
export async function forgetAll(prefix: string): Promise<void> {
  const store = await openStore();
  for (const { key } of await store.list().catch(() => [])) {
    if (key.startsWith(prefix)) await store.remove(key).catch(() => undefined);
  }
}

/** Keeps a note about a model, as JSON. */
export async function keepNote(name: string, note: unknown): Promise<void> {
  await keep(`note/${name}`, new TextEncoder().encode(JSON.stringify(note)));
}

/** Reads a note of `keepNote`; null if it is missing or cannot be read. */
export async function readNote<T>(name: string): Promise<T | null> {
  const kept = await readKept(`note/${name}`);
  try {
    return kept && (JSON.parse(new TextDecoder().decode(kept)) as T);
  } catch {
    return null;
  }
}

/** The models with files in the cache. Unfinished downloads and notes are not listed. */
export async function listCached(): Promise<CachedModel[]> {
  const sizes = new Map<string, number>();
  for (const { key, bytes } of await (await openStore()).list()) {
    const [kind, id] = key.split("/");
    if (kind !== "model" || id === undefined) continue;
    const name = decodeURIComponent(id);
    sizes.set(name, (sizes.get(name) ?? 0) + bytes);
  }
  return [...sizes].map(([id, bytes]) => ({ id, bytes })).sort((a, b) => a.id.localeCompare(b.id));
}

/**
 * Deletes the files of a model; without an id, the files of all models and the notes about them. The hashes of
 * downloaded files are kept, so that a changed file is noticed when it is downloaded again.
 */
export async function deleteCached(id?: string): Promise<void> {
  const prefixes = id === undefined ? ["model/", "part/", "manifest/", "note/"] : [modelKey(id)];
  for (const prefix of prefixes) await forgetAll(prefix);
}
