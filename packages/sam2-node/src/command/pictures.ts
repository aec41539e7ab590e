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
