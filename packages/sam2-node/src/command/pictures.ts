/** The pictures of a batch. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { Sam2Error } from "sam2-contract";
import type { SegmenterOptions } from "../segmenter.ts";

/** What a batch is about. */
export interface PicturesAndModel {
  /** Those that are not done yet, by any names. */
  readonly pictures: readonly string[];
  /** A picture's path in the folder; its name by default. */
  pathOf?(name: string): string;
  readonly folder: string;
  readonly segmenter: Pick<SegmenterOptions, "device" | "dtype"> & { readonly model: string };
}

/** Files that are looked at at a time. */
const AT_A_TIME = 16;

/**
 * What tells each picture's file from one that takes its place: its size, and when it was last changed. It is taken before
 * any work, so that a picture that changes meanwhile is seen to have changed. A file that cannot be read here has none:
 * workers on other machines may have it.
 */
export async function stampsOf(
  pictures: readonly string[],
  pathOf: (picture: string) => string,
): Promise<Map<string, string>> {
  const stamps = new Map<string, string>();
  const waiting = pictures.values();
  const look = async (): Promise<void> => {
    for (const picture of waiting) {
      const file = await stat(pathOf(picture)).catch(() => null);
      if (file) stamps.set(picture, `${file.size} bytes, ${file.mtimeMs}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, look));
  return stamps;
}

const PICTURES = /[.](?:jpe?g|png|webp|gif|avif)$/i;

/**
 * Finds the pictures in a folder and those in it, by their paths; links are followed.
 *
 * @param above the folders that it lies in, as they are without links: a link to one of them would lead round for ever
 * @throws InvalidImageError for a folder that cannot be read
 */
async function* filesIn(folder: string, path: string, above: readonly string[]): AsyncGenerator<string> {
  const place = join(folder, path);
  const unread = ({ message }: Error): never => {
    throw new Sam2Error("InvalidImageError", `${place}: expected a folder that can be read: ${message}`);
  };
  const real = await realpath(place).catch(unread);
  if (above.includes(real)) return;
  for (const entry of await readdir(place, { withFileTypes: true }).catch(unread)) {
    const inside = join(path, entry.name);
    // a link that leads nowhere is no folder; as a picture it fails by its name
    const found = entry.isSymbolicLink() ? await stat(join(folder, inside)).catch(() => null) : entry;
    if (found?.isDirectory()) yield* filesIn(folder, inside, [...above, real]);
    else if (PICTURES.test(entry.name) && found?.isFile() !== false) yield inside;
  }
}

/**
 * The pictures in a folder and its subfolders, by their paths in it, in alphabetical order.
 *
 * @throws InvalidImageError where there is no folder, or none in it, or one that cannot be read
 */
export async function picturesIn(folder: string): Promise<string[]> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new Sam2Error("InvalidImageError", `${folder}: expected a folder of pictures, found none`);
  const found: string[] = [];
  for await (const picture of filesIn(folder, "", [])) found.push(picture);
  if (found.length === 0) throw new Sam2Error("InvalidImageError", `${folder}: expected pictures in it, found none`);
  return found.sort();
}
