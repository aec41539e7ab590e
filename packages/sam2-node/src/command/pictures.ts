/** The pictures of a batch. */
import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
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
 * The pictures in a folder and its subfolders, by their paths in it, in alphabetical order.
 *
 * @throws InvalidImageError where there is no folder, or none in it
 */
export async function picturesIn(folder: string): Promise<string[]> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new Sam2Error("InvalidImageError", `${folder}: expected a folder of pictures, found none`);
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = files
    .filter((file) => file.isFile() && PICTURES.test(file.name))
    .map((file) => relative(folder, join(file.parentPath, file.name)));
  if (found.length === 0) throw new Sam2Error("InvalidImageError", `${folder}: expected pictures in it, found none`);
  return found.sort();
}
