/** What is kept for fal: pictures that its client uploads, those that answers refer to, and those that answers hold. */
import { v4 as randomId } from "uuid";
import { FAL_FILES } from "../http/addresses.ts";

interface Kept {
  /** The request that made it; undefined for an upload. */
  readonly owner: string | undefined;
  readonly size: number;
  /** Null for an answer that holds its pictures itself. */
  readonly file: Blob | null;
}

/** What a file counts beside its bytes: without it, any number of empty files would be kept. */
const OVERHEAD = 1000;

/** Files by their address, and answers; the oldest ones make room for new ones. */
export class Files {
  readonly #budget: number;
  readonly #onForget: (owner: string) => void;
  readonly #kept = new Map<string, Kept>();
  #size = 0;

  /**
   * @param budget bytes that all files and answers together may have
   * @param onForget told of each request whose answer has to make room
   */
  constructor(budget: number, onForget: (owner: string) => void) {
    this.#budget = budget;
    this.#onForget = onForget;
  }

  /** Keeps a picture of an answer; the address can be shown by a page. */
  publish(file: Blob, name: string, owner: string): string {
    // in a page, images can show blob: addresses, and nothing answers for the service's own
    const inPage = typeof document !== "undefined";
    const address = inPage ? URL.createObjectURL(file) : newAddress(name);
    this.#keep(address, { owner, size: file.size, file });
    return address;
  }

  /** Counts the pictures that an answer holds itself, until its request is forgotten. */
  hold(size: number, owner: string): void {
    this.#keep(`answer:${owner}`, { owner, size, file: null });
  }

  /** An address to upload a file to. */
  reserve(name: string, type: string): string {
    const address = newAddress(name);
    this.#keep(address, { owner: undefined, size: 0, file: new Blob([], { type }) });
    return address;
  }

  /** Takes what is uploaded; false where the address was not reserved, or its file was freed. */
  put(address: string, file: Blob): boolean {
    const kept = this.#kept.get(address);
    if (!kept || kept.owner !== undefined) return false;
    this.#free(address);
    this.#keep(address, { owner: undefined, size: file.size, file });
    return true;
  }

  /** A file that is kept. */
  get(address: string): Blob | undefined {
    return this.#kept.get(address)?.file ?? undefined;
  }

  /** Frees what is kept of a request. */
  freeOf(owner: string): void {
    for (const [address, kept] of this.#kept) if (kept.owner === owner) this.#free(address);
  }

  /** Frees all files. */
  clear(): void {
    for (const address of this.#kept.keys()) this.#free(address);
  }

  #keep(address: string, kept: Kept): void {
    this.#kept.set(address, kept);
    this.#size += OVERHEAD + kept.size;
    for (const [oldest, { owner, file }] of this.#kept) {
      if (this.#size <= this.#budget || oldest === address) break;
      this.#free(oldest);
      if (file === null && owner !== undefined) this.#onForget(owner);
    }
  }

  #free(address: string): void {
    const kept = this.#kept.get(address);
    if (!kept) return;
    this.#kept.delete(address);
    this.#size -= OVERHEAD + kept.size;
    if (address.startsWith("blob:")) URL.revokeObjectURL(address);
  }
}

function newAddress(name: string): string {
  // only what needs no escape; the end of a name has its extension
  return `${FAL_FILES}${randomId()}/${name.replaceAll(/[^\w.-]+/g, "_").slice(-100)}`;
}
