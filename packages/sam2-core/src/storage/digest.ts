/** SHA-256 of bytes. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** SHA-256 in hexadecimal; computed in JavaScript on pages without https, which have no `crypto.subtle`. */
export async function digest(bytes: Uint8Array): Promise<string> {
  const { subtle } = crypto as Partial<typeof crypto>;
  const given = bytes as Uint8Array<ArrayBuffer>;
  return bytesToHex(subtle ? new Uint8Array(await subtle.digest("SHA-256", given)) : sha256(given));
}
