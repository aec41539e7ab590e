/** Files that are written whole or not at all. */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, rmSync } from "node:fs";
import { open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Sam2Error } from "sam2-contract";
import { realPath } from "./paths.ts";

/** Files that are being written. */
const begun = new Set<string>();
process.on("exit", () => {
  for (const file of begun) rmSync(file, { force: true });
});

/** Deletes what a run that was killed left beside a file; nobody else may be writing it. */
export async function removeAside(path: string): Promise<void> {
  const place = await realPath(path);
  const begins = `${basename(place)}.`;
  const names = await readdir(dirname(place)).catch(() => []);
  const left = names.filter((name) => name.startsWith(begins) && name.endsWith(".aside"));
  await Promise.all(left.map((name) => rm(join(dirname(place), name), { force: true })));
}

/** A file that is being written is older than this, in milliseconds, only if its process has ended: a day. */
const FORSAKEN = 24 * 3600 * 1000;

/** Deletes what runs that were killed left in a folder and those in it, where others may be writing, too. */
export async function removeForsaken(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.filter((each) => each.endsWith(".aside"))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > FORSAKEN) await rm(path, { force: true });
  }
}

/** Sees to it that names in a folder outlast a power failure, where the system can. */
async function syncFolder(path: string): Promise<void> {
  // Windows opens no folder
  const folder = await open(path).catch(() => null);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

/** Where a file is written: a link stays, and leads to the new content. A device, a pipe or a folder is not replaced. */
async function placeOf(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (found && !found.isFile()) {
    const kind = found.isDirectory() ? "a folder" : "a device, a pipe or a socket";
    throw new Error(`expected a regular file or none, found ${kind}`);
  }
  return realPath(path);
}

/** Where a file is while it is being written. */
const asideOf = (place: string): string => `${place}.${randomUUID()}.aside`;

/** The error of a file that cannot be written. */
function notWritten(path: string, cause: Error): Sam2Error {
  // without the end of the message, which names the file that was to be renamed
  const reason = cause.message.replace(/, \w+ '.*$/s, "");
  return new Sam2Error("OutputError", `${path}: could not be written: ${reason}`, { cause });
}

/**
 * Checks whether a file can be written, before the work whose result it will hold.
 *
 * @throws OutputError
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const aside = asideOf(await placeOf(path));
    closeSync(openSync(aside, "wx"));
    rmSync(aside);
  } catch (cause) {
    throw notWritten(path, cause as Error);
  }
}

/** Writes a file beside its place, then renames it. */
async function writeAt(place: string, content: string | Uint8Array | AsyncIterable<string>): Promise<void> {
  const aside = asideOf(place);
  begun.add(aside);
  try {
    // created synchronously: an open that is pending at `process.exit` would make the file after the handler above has run
    closeSync(openSync(aside, "w"));
    const file = await open(aside, "r+");
    try {
      await writeFile(file, content);
      // else a power failure may leave the name without the content
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, place);
    await syncFolder(dirname(place));
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  } finally {
    begun.delete(aside);
  }
}

/**
 * Writes a file whole. If the process ends meanwhile, nothing is left; once it is written, it outlasts a power failure.
 *
 * @param content the whole, or its pieces as they are made
 *
 * @throws OutputError
 */
export async function writeWhole(path: string, content: string | Uint8Array | AsyncIterable<string>): Promise<void> {
  try {
    await writeAt(await placeOf(path), content);
  } catch (cause) {
    throw notWritten(path, cause as Error);
  }
}
