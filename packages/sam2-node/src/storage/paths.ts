/** Files by their paths: those that lie in a folder, and those that may be addresses, too. */
import { openAsBlob } from "node:fs";
import { open, readlink, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Sam2Error } from "sam2-contract";

/** Where a path leads in a folder; null where it leads out of it. */
export function pathWithin(folder: string, path: string): string | null {
  const plain = normalize(path);
  return isAbsolute(plain) || /^[.][.](?:[/\\]|$)/.test(plain) ? null : join(folder, plain);
}

/** Where a path leads when links are followed, also where nothing is there yet. */
export async function realPath(path: string): Promise<string> {
  const found = await realpath(path).catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? null : resolve(path),
  );
  if (found !== null) return found;
  const folder = await realPath(dirname(resolve(path)));
  const link = await readlink(path).catch(() => null);
  return link === null ? join(folder, basename(path)) : realPath(resolve(folder, link));
}

/**
 * Opens a file that can be read. A Blob alone tells only when it is read that its path leads to a folder, or to a file that
 * others may not read, and not which.
 *
 * @throws the system's own error
 */
export async function openFile(path: string): Promise<Blob> {
  // first: whoever opens a pipe waits for someone to write to it
  if (!(await stat(path)).isFile()) throw new Error("it is no regular file");
  await (await open(path)).close();
  return openAsBlob(path);
}

/** Opens an embedding's file by its path or its `file:` address; null for other addresses. @throws DownloadError */
export async function openPath(source: string): Promise<Blob | null> {
  if (/^(?:https?|data|blob):/.test(source)) return null;
  const path = source.startsWith("file:") ? fileURLToPath(source) : resolve(source);
  try {
    return await openFile(path);
  } catch (cause) {
    throw new Sam2Error("DownloadError", `${path}: expected an embedding, got a file that cannot be read`, { cause });
  }
}
