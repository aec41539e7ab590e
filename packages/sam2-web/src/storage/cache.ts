/**
 * What is kept on this device between visits. Keeping may fail, for want of room or of permission;
 * whoever asks for it then fetches or makes anew what is missing.
 *
 * Keys begin with what they are: `model/ID/…` for a model's files, `part/…` for downloads that are not
 * finished, `pin/…` for the hashes of files whose hash nobody promised, `manifest/…` for model.json, and
 * `note/…` for what was found out about a model.
 */
import { openStore } from "./store.ts";

/** A model of which files are kept. */
export interface CachedModel {
  /** Name of the model, as `deleteCached` takes it. */
  readonly id: string;
  /** Size of its files together. */
  readonly bytes: number;
}

/** The beginning of the keys of a model's files. */
export function modelKey(id: string): string {
  return `model/${encodeURIComponent(id)}/`;
}

/** Keeps bytes, where there is room for them; says whether there was. */
export async function keep(key: string, bytes: Uint8Array): Promise<boolean> {
  return (await openStore()).write(key, bytes).then(
    () => true,
    () => false,
  );
}

/** Reads what is kept; null where there is nothing, or nothing that can be read. */
export async function readKept(key: string): Promise<Uint8Array | null> {
  return (await openStore()).read(key).catch(() => null);
}

/** Forgets what is kept, under this key or under all that begin with it. */
export async function forget(prefix: string): Promise<void> {
  const store = await openStore();
  for (const { key } of await store.list().catch(() => [])) {
    if (key.startsWith(prefix)) await store.remove(key).catch(() => undefined);
  }
}

/** Keeps what was found out about a model, as JSON. */
export async function keepNote(name: string, note: unknown): Promise<void> {
  await keep(`note/${name}`, new TextEncoder().encode(JSON.stringify(note)));
}

/** Reads what `keepNote` kept; null where it is not there or cannot be read. */
export async function readNote<T>(name: string): Promise<T | null> {
  const kept = await readKept(`note/${name}`);
  try {
    return kept && (JSON.parse(new TextDecoder().decode(kept)) as T);
  } catch {
    return null;
  }
}

/** The models of which files are kept, by their names. */
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
 * Deletes the files of a model; without an id, of all models, and what was found out about them. What a
 * file's hash was stays known, so that a change of it is noticed.
 */
export async function deleteCached(id?: string): Promise<void> {
  const prefixes = id === undefined ? ["model/", "part/", "manifest/", "note/"] : [modelKey(id)];
  for (const prefix of prefixes) await forget(prefix);
}
