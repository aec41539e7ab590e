/** Livepeer's answer as chunks of JSON text. */
import { type LivepeerSource, writeLivepeerJSON } from "sam2-core";

/** Characters of a chunk: few enough to be written in some milliseconds. */
const CHUNK = 2 ** 18;

/** The text of an answer, in chunks of UTF-8. */
export function* answerChunks(source: LivepeerSource): Generator<Uint8Array<ArrayBuffer>, void> {
  const encoder = new TextEncoder();
  let waiting: string[] = [];
  let length = 0;
  for (const piece of writeLivepeerJSON(source)) {
    waiting.push(piece);
    length += piece.length;
    if (length < CHUNK) continue;
    yield encoder.encode(waiting.join(""));
    waiting = [];
    length = 0;
  }
  yield encoder.encode(waiting.join(""));
}
