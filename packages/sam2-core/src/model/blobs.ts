/** Reads files that the caller passed as Blobs. */
import { Sam2Error } from "sam2-contract";

/** A file's bytes. */
export async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

/** Parses a file as JSON. @throws InvalidModelError, with `name` in its message */
export async function readJson(blob: Blob, name: string): Promise<unknown> {
  try {
    return JSON.parse(await blob.text());
  } catch (cause) {
    throw new Sam2Error("InvalidModelError", `${name}: expected JSON: ${(cause as Error).message}`, { cause });
  }
}
