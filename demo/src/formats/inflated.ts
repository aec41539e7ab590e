/** What deflated data unpacks to, found out in little memory: a small file may unpack to any size. */
import { Unzlib } from "fflate";

/** Bytes that are unpacked at a time: at most a thousand times as many come of them. */
const PIECE = 2 ** 14;

/**
 * How many bytes zlib's data unpacks to; more than `most` are not unpacked.
 *
 * @throws Error for data that is damaged
 */
export function inflatedSize(parts: readonly Uint8Array[], most: number): number {
  let size = 0;
  const stream = new Unzlib((piece) => {
    size += piece.length;
  });
  for (const part of parts) {
    for (let at = 0; at < part.length && size <= most; at += PIECE) stream.push(part.subarray(at, at + PIECE));
  }
  return size;
}
