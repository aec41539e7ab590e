/** COCO files that are too large to be one text: their annotations are read one by one. */
import { CocoReader, isCoco, type Progress } from "./coco.ts";
import { readPieces } from "./json-pieces.ts";
import type { ReadLabels } from "./labels-file.ts";

/** Bytes from which on a file is read this way: parsed at once, it would take about eight times as much memory. */
export const LARGE = 64e6;

/**
 * Reads such a file in two passes, since annotations may come before the images that they are of.
 *
 * @param onProgress called with the bytes of both passes
 * @returns null if it is no COCO file
 * @throws ImportError
 */
export async function fromLargeCoco(file: Blob, onProgress?: Progress): Promise<ReadLabels | null> {
  const total = 2 * file.size;
  const fields = await readPieces(file, "annotations", null, (done) => onProgress?.(done, total));
  if (!fields || !isCoco(fields)) return null;
  const reader = new CocoReader(fields);
  const add = (annotation: unknown): void => reader.add(annotation);
  await readPieces(file, "annotations", add, (done) => onProgress?.(file.size + done, total));
  return reader.read();
}
