/**
 * JSON that is too large to be one text: a list in it is read element by element, so that memory holds one of them, however
 * long the list is. The bytes are only told apart into pieces here; each piece is parsed by the browser.
 */
import { ImportError } from "./errors.ts";

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const SPACE = 0x20;

/**
 * Reads a JSON object.
 *
 * @param list the name of a field of it, whose elements are given to `take` one by one, or passed over if that is null
 * @param onProgress called with the bytes that were read so far
 * @returns its fields, of which the list is empty; null if the file holds no object
 * @throws ImportError for JSON that is damaged
 */
export async function readPieces(
  file: Blob,
  list: string,
  take: ((element: unknown) => void) | null,
  onProgress?: (done: number, total: number) => void,
): Promise<Record<string, unknown> | null> {
  const fields: [string, unknown][] = [];
  const decoder = new TextDecoder();
  /** The bytes of a piece that earlier chunks have; null between pieces. */
  let begun: Uint8Array[] | null = null;
  let key: string | null = null;
  let [depth, isText, isEscaped, isList, done] = [0, false, false, false, 0];
  const reader = file.stream().getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const chunk = read.value;
    let start = 0;
    const begin = (at: number): void => {
      if (begun || depth !== (isList ? 2 : 1) || (isList && !take)) return;
      begun = [];
      start = at;
    };
    const end = (at: number): unknown => {
      const parts = [...(begun ?? []), chunk.subarray(start, at)];
      begun = null;
      const text = parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new ImportError(`expected JSON: ${(error as Error).message}`);
      }
    };
    const endPiece = (at: number): void => {
      if (!begun) return;
      const value = end(at);
      if (isList) take?.(value);
      else fields.push([key ?? "", value]);
    };
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isText = false;
      } else if (byte === QUOTE) {
        begin(i);
        isText = true;
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (depth === 0 && byte === OPEN_LIST) {
          await reader.cancel();
          return null;
        }
        if (depth === 1 && byte === OPEN_LIST && key === list && !begun) {
          isList = true;
          fields.push([list, []]);
        } else if (depth > 0) begin(i);
        depth++;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        if (depth === 1 || (isList && depth === 2)) endPiece(i);
        depth--;
        if (depth === 1) isList = false;
      } else if (byte === COLON && depth === 1 && key === null && begun) {
        key = String(end(i));
      } else if (byte === COMMA && depth === (isList ? 2 : 1)) {
        endPiece(i);
        if (!isList) key = null;
      } else if (byte > SPACE) {
        begin(i);
      }
    }
    if (begun) (begun as Uint8Array[]).push(chunk.subarray(start));
    done += chunk.length;
    onProgress?.(done, file.size);
  }
  if (depth !== 0 || isText) throw new ImportError("expected JSON that is whole: the file ends too early");
  return Object.fromEntries(fields);
}
