/** Where files are kept: what a platform brings. */

/** A kept file. */
export interface StoredFile {
  readonly key: string;
  readonly bytes: number;
}

/** Files by key. */
export interface Store {
  /** Null if the file is missing. */
  read(key: string): Promise<Uint8Array | null>;
  /** Writes a file whole, or not at all. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  list(): Promise<StoredFile[]>;
  /** Runs a task alone among all that use this store under this name, in other pages and processes too. */
  alone<T>(name: string, task: () => Promise<T>): Promise<T>;
}
