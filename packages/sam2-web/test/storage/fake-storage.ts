/** What a browser keeps for an origin, in memory: private files, the Cache API and locks, as far as the library uses them. */
import { vi } from "vitest";

/** Where a browser lets a page keep files. */
export type Kind = "private files" | "the Cache API" | "nowhere";

/** The storage of one origin. It outlives its pages. */
export class FakeStorage {
  /** Private files and cached answers by their names; names are as the library writes them. */
  readonly files = new Map<string, Uint8Array>();
  /** Called before each write with its number; throws where there is no room, and never resolves where the page ends. */
  beforeWrite: (count: number) => Promise<void> | void = () => undefined;
  writes = 0;
  /** Called before a file is read. */
  beforeRead: (name: string) => void = () => undefined;
  readonly #queues = new Map<string, Promise<unknown>>();

  /** Puts this storage in the place of the browser's. */
  constructor(kind: Kind) {
    const locks = {
      request: (name: string, task: () => Promise<unknown>): Promise<unknown> => {
        const result = (this.#queues.get(name) ?? Promise.resolve()).then(task);
        this.#queues.set(
          name,
          result.catch(() => undefined),
        );
        return result;
      },
    };
    const folder = this.#folder();
    const storage = { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) };
    vi.stubGlobal("navigator", { locks, storage });
    vi.stubGlobal(
      "FileSystemFileHandle",
      kind === "private files"
        ? class {
            createWritable(): void {}
          }
        : class {},
    );
    const refuse = async (): Promise<never> => {
      throw new DOMException("no storage here", "SecurityError");
    };
    vi.stubGlobal("origin", "http://127.0.0.1");
    vi.stubGlobal("caches", { open: kind === "the Cache API" ? async () => this.#cache() : refuse });
  }

  /** The locks of pages that ended are free. */
  freeLocks(): void {
    this.#queues.clear();
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    await this.beforeWrite(this.writes++);
    this.files.set(name, bytes);
  }

  #folder(): object {
    const { files } = this;
    const missing = (): never => {
      throw new DOMException("no such file", "NotFoundError");
    };
    const handle = (name: string) => ({
      kind: "file",
      getFile: async () => {
        this.beforeRead(name);
        return new Blob([(files.get(name) ?? missing()) as Uint8Array<ArrayBuffer>]);
      },
      createWritable: async () => {
        const chunks: Uint8Array[] = [];
        return {
          write: async (chunk: Uint8Array) => void chunks.push(chunk.slice()),
          close: () => this.#write(name, Buffer.concat(chunks)),
        };
      },
    });
    return {
      async getFileHandle(name: string, { create = false } = {}) {
        if (!files.has(name)) create ? files.set(name, new Uint8Array()) : missing();
        return handle(name);
      },
      async removeEntry(name: string) {
        if (!files.delete(name)) missing();
      },
      async *entries() {
        for (const name of [...files.keys()]) yield [name, handle(name)];
      },
    };
  }

  #cache(): object {
    const { files } = this;
    // whole addresses only: in a worker that was started from a `blob:`, others cannot be resolved
    const path = (request: string | { url: string }): string =>
      new URL(typeof request === "string" ? request : request.url).pathname;
    return {
      match: async (request: string | { url: string }) => {
        const bytes = files.get(path(request));
        return bytes && new Response(bytes as Uint8Array<ArrayBuffer>);
      },
      put: async (address: string, response: Response) =>
        this.#write(path(address), new Uint8Array(await response.arrayBuffer())),
      delete: async (address: string) => files.delete(path(address)),
      keys: async () => [...files.keys()].map((address) => ({ url: `http://127.0.0.1${address}` })),
    };
  }
}
