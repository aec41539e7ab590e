/** The files of fal's storage: pictures that its client uploads, and those that answers refer to. */
import { v4 as randomId } from "uuid";
import { FAL_FILES } from "../http/addresses.ts";

interface Kept {
  /** The request that made it; undefined for an upload. */
  readonly owner: string | undefined;
  file: Blob;
}

/** What a file counts beside its bytes: without it, any number of empty files would be kept. */
const OVERHEAD = 1000;

/** Files by their address; the oldest ones make room for new ones. */
export class Files {
  readonly #budget: number;
  readonly #kept = new Map<string, Kept>();
  #size = 0;

  /** @param budget bytes that all files together may have */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** Keeps a picture of an answer; the address can be shown by a page. */
  publish(file: Blob, name: string, owner: string): string {
    // in a page, images can show blob: addresses, and nothing answers for the service's own
    const inPage = typeof document !== "undefined";
    const address = inPage ? URL.createObjectURL(file) : newAddress(name);
    this.#keep(address, { owner, file });
    return address;
  }

  /** An address to upload a file to. */
  reserve(name: string, type: string): string {
    const address = newAddress(name);
    this.#keep(address, { owner: undefined, file: new Blob([], { type }) });
    return address;
  }

  /** Takes what is uploaded; false where the address was not reserved, or its file was freed. */
  put(address: string, file: Blob): boolean {
    const kept = this.#kept.get(address);
    if (!kept || kept.owner !== undefined) return false;
    this.#free(address);
    this.#keep(address, { owner: undefined, file });
    return true;
  }

  /** A file that is kept. */
  get(address: string): Blob | undefined {
    return this.#kept.get(address)?.file;
  }

  /** Frees the files of a request. */
  freeOf(owner: string): void {
    for (const [address, kept] of this.#kept) if (kept.owner === owner) this.#free(address);
  }

  /** Frees all files. */
  clear(): void {
    for (const address of this.#kept.keys()) this.#free(address);
  }

  #keep(address: string, kept: Kept): void {
    this.#kept.set(address, kept);
    this.#size += OVERHEAD + kept.file.size;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= this.#budget || oldest === address) break;
      this.#free(oldest);
    }
  }

  #free(address: string): void {
    const kept = this.#kept.get(address);
    if (!kept) return;
    this.#kept.delete(address);
    this.#size -= OVERHEAD + kept.file.size;
    if (address.startsWith("blob:")) URL.revokeObjectURL(address);
  }
}

function newAddress(name: string): string {
  // only what needs no escape; the end of a name has its extension
  return `${FAL_FILES}${randomId()}/${name.replaceAll(/[^\w.-]+/g, "_").slice(-100)}`;
}
