/**
 * Where files are kept: in the origin private file system; in the Cache API if that cannot be written to; nowhere
 * if the page has no storage.
 */

/** A kept file. */
export interface StoredFile {
  readonly key: string;
  readonly bytes: number;
}

const FOLDER = "sam2-web";

/** Files by key. */
export interface Store {
  read(key: string): Promise<Uint8Array | null>;
  write(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  list(): Promise<StoredFile[]>;
}

class FileSystemStore implements Store {
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
      if ((error as Error).name === "NotFoundError") return null;
      throw error;
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
    await this.#folder.removeEntry(encodeURIComponent(key)).catch((error: Error) => {
      if (error.name !== "NotFoundError") throw error;
    });
  }

  async list(): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
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
  write: async () => undefined,
  remove: async () => undefined,
  list: async () => [],
};

let opened: Promise<Store> | undefined;

/** The best store that is available to this page. */
export function openStore(): Promise<Store> {
  opened ??= FileSystemStore.open()
    .catch(async () => new CacheApiStore(await caches.open(FOLDER)))
    .catch(() => NOWHERE);
  return opened;
}
