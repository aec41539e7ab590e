/** Files by their paths: those that lie in a folder, and those that may be addresses, too. */
import { openAsBlob } from "node:fs";
import { isAbsolute, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Sam2Error } from "sam2-contract";

/** Where a path leads in a folder; null where it leads out of it. */
export function pathWithin(folder: string, path: string): string | null {
  const plain = normalize(path);
  return isAbsolute(plain) || /^[.][.](?:[/\\]|$)/.test(plain) ? null : join(folder, plain);
}

/** Opens an embedding's file by its path or its `file:` address; null for other addresses. @throws DownloadError */
export async function openPath(source: string): Promise<Blob | null> {
  if (/^(?:https?|data|blob):/.test(source)) return null;
  const path = source.startsWith("file:") ? fileURLToPath(source) : resolve(source);
  try {
    return await openAsBlob(path);
  } catch (cause) {
    throw new Sam2Error("DownloadError", `${path}: expected an embedding, got a file that cannot be read`, { cause });
  }
}
