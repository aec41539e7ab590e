/**
 * Where files are kept: in the origin private file system; in the Cache API if that cannot be written to; nowhere
 * if the page has no storage.
 */

import { ModelCache, type Store, type StoredFile } from "sam2-core";

const FOLDER = "sam2-web";

/** Runs a task under a lock of this name, which all pages of the origin share. */
function alone<T>(name: string, task: () => Promise<T>): Promise<T> {
  return navigator.locks.request(`${FOLDER}/${name}`, task) as Promise<T>;
}

/** Null for a file that is not there; other errors are thrown again. */
function missing(error: unknown): null {
  if ((error as Error).name === "NotFoundError") return null;
  throw error;
}

class FileSystemStore implements Store {
  readonly alone = alone;
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  static async open(): Promise<FileSystemStore> {
    // Safari before 26 has the file system, but no writable streams
    if (!("createWritable" in FileSystemFileHandle.prototype)) throw new Error("files cannot be written");
    const root = await navigator.storage.getDirectory();
    return new FileSystemStore(await root.getDirectoryHandle(FOLDER, { create: true }));
  }

  async read(key: string): Promise<Uint8Array | null> {
    try {
      const handle = await this.#folder.getFileHandle(encodeURIComponent(key));
      const file = await handle.getFile();
      // an empty file is left behind when the page closes during `write`, which fills the file only at its end
      return file.size === 0 ? null : new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      return missing(error);
    }
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const handle = await this.#folder.getFileHandle(encodeURIComponent(key), { create: true });
    // the stream's content becomes the file's content only when it is closed
    const stream = await handle.createWritable();
    await stream.write(bytes as Uint8Array<ArrayBuffer>);
    await stream.close();
  }

  async remove(key: string): Promise<void> {
    await this.#folder.removeEntry(encodeURIComponent(key)).catch(missing);
  }

  async list(): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    for await (const [name, handle] of this.#folder.entries()) {
      if (handle.kind !== "file") continue;
      // another page may have deleted it meanwhile
      const file = await (handle as FileSystemFileHandle).getFile().catch(missing);
      if (file && file.size > 0) files.push({ key: decodeURIComponent(name), bytes: file.size });
    }
    return files;
  }
}

class CacheApiStore implements Store {
  readonly alone = alone;
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  #address(key: string): string {
    // whole: a worker whose script is of another origin starts from a `blob:`, against which nothing can be resolved
    return new URL(`/${FOLDER}/${encodeURIComponent(key)}`, globalThis.origin).href;
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

  async list(): Promise<StoredFile[]> {
    return Promise.all(
      (await this.#cache.keys()).map(async (request) => {
        const response = await this.#cache.match(request);
        const key = decodeURIComponent(new URL(request.url).pathname.slice(FOLDER.length + 2));
        return { key, bytes: (await response?.blob())?.size ?? 0 };
      }),
    );
  }
}

/** For pages without storage: those without https, and some private windows. */
const NOWHERE: Store = {
  read: async () => null,
  write: async () => {
    throw new Error("nothing can be kept here");
  },
  remove: async () => undefined,
  list: async () => [],
  // nothing is shared; and pages without https have no locks
  alone: (_, task) => task(),
};

let opened: Promise<ModelCache> | undefined;

/** What is kept for this page, in the best store that it has. */
export function openCache(): Promise<ModelCache> {
  opened ??= FileSystemStore.open()
    .catch(async () => new CacheApiStore(await caches.open(FOLDER)))
    .catch(() => NOWHERE)
    .then((store) => new ModelCache(store));
  return opened;
}
