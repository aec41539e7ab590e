/** What is kept between runs, in a folder: one file a key. */
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import envPaths from "env-paths";
import lockfile from "proper-lockfile";
import { digest, type Store, type StoredFile } from "sam2-core";
import { removeForsaken, writeWhole } from "./whole-file.ts";

/** The user's cache folder, unless the environment variable SAM2_CACHE names another. */
export function cacheFolder(): string {
  return process.env.SAM2_CACHE ?? envPaths("sam2", { suffix: "" }).cache;
}

/** Ends of the names of files that are being written, and of locks: they hold nothing that is kept. */
const PASSING = /[.](?:aside|lock)$/;

/**
 * Bytes of a name: file systems refuse more than 255, of which a file that is being written has 43 for itself. The parts of a
 * longer name are folders in one another.
 */
const PARTS = /.{1,212}/g;

/** End of the names of such folders; no name that is URI-encoded has it. */
const GOES_ON = "+";

/** Null in place of the error of a file that is missing. */
function missing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

/** Files in a folder, which is made when the first is written. */
export class FolderStore implements Store {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #path(key: string): string {
    const parts = encodeURIComponent(key).match(PARTS) ?? [];
    return join(this.#folder, parts.join(GOES_ON + sep));
  }

  async read(key: string): Promise<Uint8Array | null> {
    return readFile(this.#path(key)).catch(missing);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    await mkdir(dirname(path), { recursive: true });
    await removeForsaken(this.#folder);
    await writeWhole(path, bytes);
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async list(): Promise<StoredFile[]> {
    const files = (await this.#paths()).map(async (path) => {
      const file = await stat(join(this.#folder, path)).catch(missing);
      const name = path.replaceAll(GOES_ON + sep, "");
      return file?.isFile() ? [{ key: decodeURIComponent(name), bytes: file.size }] : [];
    });
    return (await Promise.all(files)).flat();
  }

  /** Where files are in the folder, those of long names, too. */
  async #paths(inside = ""): Promise<string[]> {
    const names = (await readdir(join(this.#folder, inside)).catch(missing)) ?? [];
    const paths = names
      .filter((name) => !PASSING.test(name))
      .map(async (name) => (name.endsWith(GOES_ON) ? this.#paths(join(inside, name)) : [join(inside, name)]));
    return (await Promise.all(paths)).flat();
  }

  async alone<T>(name: string, task: () => Promise<T>): Promise<T> {
    // a hash, since a file system refuses long names
    const lock = join(this.#folder, await digest(new TextEncoder().encode(name)));
    const release = await this.#locked(lock);
    try {
      return await task();
    } finally {
      await release?.().catch(() => undefined);
    }
  }

  /** Waits for a lock; null in a folder that cannot be written: at worst a file is then downloaded twice. */
  async #locked(lock: string): Promise<(() => Promise<void>) | null> {
    for (let wait = 50; ; wait = Math.min(2 * wait, 1000)) {
      try {
        await mkdir(this.#folder, { recursive: true });
        // a process that is stopped for a while loses its lock, likewise
        return await lockfile.lock(lock, { realpath: false, onCompromised: () => undefined });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ELOCKED") return null;
      }
      await pause(wait);
    }
  }
}
