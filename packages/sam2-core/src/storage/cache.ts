/**
 * What is kept on this device between visits. Writing may fail, for lack of room or of permission; callers then
 * download or compute what is missing.
 *
 * The first part of a key says what is kept: `model/ID/…` a model's files (of a
 * checkpoint, the form that it was converted to), `part/…` unfinished downloads,
 * `pin/…` the hash that a file had when it was first downloaded (if no hash was given for it), `manifest/…`
 * model.json, and `note/…` measurements and verdicts about a model.
 */
import type { Store } from "./store.ts";

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

/** What is kept in a store. */
export class ModelCache {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Keeps bytes; false if that is not possible. */
  keep(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#store.write(key, bytes).then(
      () => true,
      () => false,
    );
  }

  /** Reads a kept file; null if it is missing or cannot be read. */
  read(key: string): Promise<Uint8Array | null> {
    return this.#store.read(key).catch(() => null);
  }

  /** Deletes a kept file. */
  async forget(key: string): Promise<void> {
    await this.#store.remove(key).catch(() => undefined);
  }

  /** Deletes every kept file whose key begins with `prefix`. */
  async forgetAll(prefix: string): Promise<void> {
    for (const { key } of await this.#store.list().catch(() => [])) {
      if (key.startsWith(prefix)) await this.#store.remove(key).catch(() => undefined);
    }
  }

  /** Keeps a note about a model, as JSON; false if that is not possible. */
  keepNote(name: string, note: unknown): Promise<boolean> {
    return this.keep(`note/${name}`, new TextEncoder().encode(JSON.stringify(note)));
  }

  /** Deletes a note. */
  forgetNote(name: string): Promise<void> {
    return this.forget(`note/${name}`);
  }

  /** Reads a note of `keepNote`; null if it is missing or cannot be read. */
  async readNote<T>(name: string): Promise<T | null> {
    const kept = await this.read(`note/${name}`);
    try {
      return kept && (JSON.parse(new TextDecoder().decode(kept)) as T);
    } catch {
      return null;
    }
  }

  /** The models with files in the cache. Unfinished downloads and notes are not listed. */
  async listModels(): Promise<CachedModel[]> {
    const sizes = new Map<string, number>();
    for (const { key, bytes } of await this.#store.list()) {
      const [kind, id] = key.split("/");
      if (kind !== "model" || id === undefined) continue;
      const name = decodeURIComponent(id);
      sizes.set(name, (sizes.get(name) ?? 0) + bytes);
    }
    return [...sizes].map(([id, bytes]) => ({ id, bytes })).sort((a, b) => a.id.localeCompare(b.id));
  }

  /**
   * Deletes the files of a model, and what arrived of unfinished downloads; without an id, those of all models and the notes
   * about them. The hashes of downloaded files are kept, so that a changed file is noticed when it is downloaded again.
   */
  async deleteModels(id?: string): Promise<void> {
    const prefixes =
      id === undefined
        ? ["model/", "part/", "manifest/", "note/"]
        : [modelKey(id), `part/${encodeURIComponent(modelKey(id))}`];
    for (const prefix of prefixes) await this.forgetAll(prefix);
  }

  /** Runs a task alone among all that share this cache under this name. */
  alone<T>(name: string, task: () => Promise<T>): Promise<T> {
    return this.#store.alone(name, task);
  }
}
