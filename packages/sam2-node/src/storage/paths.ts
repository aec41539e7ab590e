/** Opens files by their paths, where addresses are taken, too. */
import { openAsBlob } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Sam2Error } from "sam2-contract";

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
