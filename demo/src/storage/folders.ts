/**
 * Folders whose files are read where they are: the browser lets the page keep a handle of a folder that the person has
 * chosen, and asks the person again on later visits whether the page may read it.
 */
import { type DBSchema, openDB } from "idb";
import { v4 as randomId } from "uuid";

/** Where a file is: a folder that is kept, and the path in it. */
export interface Place {
  readonly folder: string;
  readonly path: string;
}

/** A file of a folder, and its path there. */
export interface FoundFile {
  readonly name: string;
  readonly blob: File;
}

/** The parts of a folder's handle that are used; TypeScript does not know all of them yet. */
export interface FolderHandle extends FileSystemDirectoryHandle {
  queryPermission?(): Promise<PermissionState>;
  requestPermission?(): Promise<PermissionState>;
}

/** A folder that is kept. */
export interface Folder {
  readonly id: string;
  readonly handle: FolderHandle;
  /** Whether embeddings are in it, which are looked for again when it is opened. */
  readonly hasEmbeddings: boolean;
}

/** Where folders are kept between visits. */
export interface Shelf {
  all(): Promise<readonly Folder[]>;
  put(folder: Folder): Promise<void>;
  clear(): Promise<void>;
}

interface Schema extends DBSchema {
  folders: { key: string; value: Folder };
}

/** A shelf in IndexedDB. @throws DOMException when the browser cannot keep anything */
export async function openShelf(): Promise<Shelf> {
  const database = await openDB<Schema>("sam2-web-folders", 1, {
    upgrade: (opened) => void opened.createObjectStore("folders", { keyPath: "id" }),
  });
  return {
    all: () => database.getAll("folders"),
    put: async (folder) => void (await database.put("folders", folder)),
    clear: () => database.clear("folders"),
  };
}

/** How long folders are waited for, in milliseconds. */
const PATIENCE = 3000;

/** The folders that are kept. Where nothing can be, no folder is: then pictures are copied. */
export class Folders {
  readonly #folders = new Map<string, Folder>();
  readonly #opening: Promise<Shelf | null>;

  constructor(shelf: Promise<Shelf> = openShelf()) {
    const late = new Promise<null>((resolve) => setTimeout(resolve, PATIENCE, null));
    const filled = shelf.then(async (opened) => {
      for (const folder of await opened.all()) this.#folders.set(folder.id, folder);
      return opened;
    });
    this.#opening = Promise.race([filled.catch(() => null), late]);
  }

  /**
   * Keeps a folder.
   *
   * @returns its id; null when it cannot be kept
   */
  async keep(handle: FolderHandle, hasEmbeddings: boolean): Promise<string | null> {
    const shelf = await this.#opening;
    if (!shelf) return null;
    try {
      let id = randomId();
      let known = false;
      for (const folder of this.#folders.values()) {
        if (await folder.handle.isSameEntry(handle)) [id, known] = [folder.id, folder.hasEmbeddings];
      }
      const folder = { id, handle, hasEmbeddings: hasEmbeddings || known };
      await shelf.put(folder);
      this.#folders.set(id, folder);
      return id;
    } catch {
      return null;
    }
  }

  /** Names of the folders that may not be read before the person has agreed again. */
  async closed(): Promise<string[]> {
    await this.#opening;
    const all = [...this.#folders.values()];
    const states = await Promise.all(all.map(({ handle }) => stateOf(handle)));
    return all.filter((_, i) => states[i] !== "granted").map(({ handle }) => handle.name);
  }

  /** Asks the person for the folders that may not be read; to be called when a button is pressed. */
  async ask(): Promise<void> {
    for (const { handle } of this.#folders.values()) {
      if ((await stateOf(handle)) === "granted") continue;
      // a browser that may not ask now, such as a second time for one press, leaves the folder closed
      await handle.requestPermission?.().catch(() => undefined);
    }
  }

  /** The files of the folders with embeddings, as far as they may be read now. */
  async embeddings(): Promise<FoundFile[]> {
    await this.#opening;
    const found: FoundFile[] = [];
    for (const { handle, hasEmbeddings } of this.#folders.values()) {
      if (!hasEmbeddings || (await stateOf(handle)) !== "granted") continue;
      try {
        for await (const file of filesIn(handle)) if (isEmbedding(file.name)) found.push(file);
      } catch {
        // a folder that is gone has none
      }
    }
    return found;
  }

  /** Forgets all folders: nothing of them is used any more. */
  async forget(): Promise<void> {
    const shelf = await this.#opening;
    this.#folders.clear();
    await shelf?.clear().catch(() => undefined);
  }

  /** The file at a place; undefined when it is not there, or may not be read now. */
  async file({ folder: id, path }: Place): Promise<File | undefined> {
    await this.#opening;
    const folder = this.#folders.get(id);
    if (!folder || (await stateOf(folder.handle)) !== "granted") return undefined;
    const names = path.split("/");
    const last = names.pop() as string;
    try {
      let at: FileSystemDirectoryHandle = folder.handle;
      for (const name of names) at = await at.getDirectoryHandle(name);
      return await (await at.getFileHandle(last)).getFile();
    } catch {
      return undefined;
    }
  }
}

/** The files of a folder, and of the folders in it; their names are the paths in it. */
export async function* filesIn(folder: FileSystemDirectoryHandle, path = ""): AsyncGenerator<FoundFile> {
  for await (const handle of folder.values()) {
    const name = path + handle.name;
    if (handle.kind === "directory") yield* filesIn(handle as FileSystemDirectoryHandle, `${name}/`);
    else yield { name, blob: await (handle as FileSystemFileHandle).getFile() };
  }
}

/** Whether a file may be that of an embedding, by its name. */
export function isEmbedding(name: string): boolean {
  return name.endsWith(".safetensors");
}

/** Browsers that do not ask let the page read. */
async function stateOf(handle: FolderHandle): Promise<PermissionState> {
  return (await handle.queryPermission?.()) ?? "granted";
}
