/** SHA-256 of bytes. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/**
 * SHA-256 in hexadecimal, by which files are known: a picture's is that of its embedding's `sha256`.
 * Computed in JavaScript on pages without https, which have no `crypto.subtle`.
 *
 * @example
 * ```ts
 * const { sha256 } = await readEmbeddingInfo(await (await fetch("truck.jpg.safetensors")).blob());
 * const isOfPicture = sha256 === (await digest(new Uint8Array(await file.arrayBuffer())));
 * ```
 */
export async function digest(bytes: Uint8Array): Promise<string> {
  const { subtle } = crypto as Partial<typeof crypto>;
  const given = bytes as Uint8Array<ArrayBuffer>;
  return bytesToHex(subtle ? new Uint8Array(await subtle.digest("SHA-256", given)) : sha256(given));
}
