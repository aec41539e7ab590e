/** Where an embedding's file comes from. */
import { Sam2Error } from "sam2-contract";
import { isWebPage } from "../storage/fault.ts";

/** An embedding as a caller may give it: its file, or that file's address; in Node a path, too. */
export type EmbeddingSource = string | URL | Blob | Uint8Array;

/** Makes of a source what travels to the worker. @throws InvalidEmbeddingError for what is no source */
export function sentEmbedding(source: EmbeddingSource): string | Blob {
  if (source instanceof URL) return source.href;
  if (source instanceof Uint8Array) return new Blob([source as Uint8Array<ArrayBuffer>]);
  if (typeof source === "string" || source instanceof Blob) return source;
  throw new Sam2Error("InvalidEmbeddingError", `expected an embedding's file or its address, got ${typeof source}`);
}

/**
 * Fetches an embedding's file.
 *
 * @param base address that a relative one is resolved against
 * @throws DownloadError when the network fails or answers with an error or a web page
 */
export async function fetchEmbedding(address: string, base: string): Promise<Blob> {
  const failed = (what: string, cause?: unknown): Sam2Error =>
    new Sam2Error(
      "DownloadError",
      `${address}: expected an embedding, ${what}`,
      cause === undefined ? undefined : { cause },
    );
  try {
    const response = await fetch(new URL(address, base));
    if (response.ok && !isWebPage(response)) return await response.blob();
    await response.body?.cancel();
    throw failed(response.ok ? "got a web page" : `got status ${response.status}`);
  } catch (cause) {
    if (cause instanceof Sam2Error) throw cause;
    throw failed("the network failed", cause);
  }
}
