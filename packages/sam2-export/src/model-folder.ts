/**
 * Writes a model's files into a folder that may hold others.
 *
 * The files are first written to a temporary folder inside the target, and then moved into place together. So every file
 * in place is complete and of the same model as the others, other files are left alone, and on failure the old model is kept.
 */
import { randomUUID } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { open, readdir, realpath, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { Sam2Error } from "sam2-contract";

/** The path with links resolved; its last parts need not exist yet. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(async () => {
    const parent = dirname(path);
    return parent === path ? path : join(await realPath(parent), relative(parent, path));
  });
}

function holds(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way !== ".." && !way.startsWith(`..${sep}`);
}

/**
 * Refuses an output folder that is the checkpoint's folder, inside it or around it, so that original files and
 * results are not mixed up or overwritten.
 *
 * @throws OutputError
 */
export async function checkApart(checkpointFolder: string, outFolder: string): Promise<void> {
  const [checkpoint, out] = [await realPath(resolve(checkpointFolder)), await realPath(resolve(outFolder))];
  const place = checkpoint === out ? "is" : holds(checkpoint, out) ? "is inside of" : "is around";
  if (!holds(checkpoint, out) && !holds(out, checkpoint)) return;
  throw new Sam2Error(
    "OutputError",
    `${outFolder}: expected a folder apart from the checkpoint, got one that ${place} ${checkpointFolder}`,
  );
}

/** The OutputError for what could not be done. */
function failed(what: string, cause: Error): Sam2Error {
  // without the end of the message, which may name a temporary folder
  const reason = cause.message.replace(/, \w+ '.*$/s, "");
  return new Sam2Error("OutputError", `${what}: ${reason}`, { cause });
}

/** Turns a failed write into an OutputError. */
async function output<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw failed(what, cause as Error);
  }
}

/** The bytes of a file, piece by piece. */
type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Writes the pieces of one file, in order; errors name the `place` that the file is for. */
async function writePieces(path: string, pieces: Pieces, place: string): Promise<void> {
  const handle = await output(`${place}: cannot be written`, () => open(path, "w"));
  try {
    for await (const piece of pieces) {
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await output(`${place}: cannot be written`, () => handle.write(piece, done));
        done += bytesWritten;
      }
    }
  } finally {
    await handle.close();
  }
}

/**
 * Makes `folder` and those around it, one by one: where one cannot be made, as in /proc, `recursive` never ends in Node 20.
 *
 * @param made those that were made are added to it
 */
function makeFolder(folder: string, made: string[]): void {
  const isThere = (): boolean => statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isThere()) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder), made);
  try {
    mkdirSync(folder);
    made.push(folder);
  } catch (error) {
    // another process may have made it
    if (!isThere()) throw error;
  }
}

/** Removes those of the folders, each inside of the one before, that are empty. */
function removeEmpty(folders: readonly string[]): void {
  try {
    for (const folder of folders.toReversed()) rmdirSync(folder);
  } catch {
    // not empty: it stays
  }
}

/** The names of temporary folders. */
const ASIDE = /^[.]sam2-export-[\da-f-]{36}[.]aside$/;

/** In milliseconds. A temporary folder that is older was left by a killed process: no export takes a day. */
const FORSAKEN = 24 * 3600 * 1000;

/** Deletes the temporary folders that killed processes left in `target`. */
async function removeForsaken(target: string): Promise<void> {
  const names = await readdir(target).catch(() => []);
  for (const name of names.filter((each) => ASIDE.test(each))) {
    const path = join(target, name);
    const found = await stat(path).catch(() => undefined);
    if (!found || Date.now() - found.mtimeMs < FORSAKEN) continue;
    // one that cannot be deleted is left
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * Moves a file to `path`, and what was there to `old`.
 *
 * @returns what undoes it
 */
function replace(path: string, old: string, file: string): () => void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new Error("expected a file or nothing, got a folder");
  if (found) renameSync(path, old);
  const undo = (): void => {
    if (found) renameSync(old, path);
  };
  try {
    renameSync(file, path);
  } catch (error) {
    undo();
    throw error;
  }
  return () => {
    renameSync(path, file);
    undo();
  };
}

/**
 * Moves the files `names` from `aside` into `target`: all or none. It does not wait, so that no signal ends the process
 * in between.
 *
 * @throws OutputError
 */
function replaceAll(target: string, names: readonly string[], aside: string): void {
  const undos: (() => void)[] = [];
  for (const name of names) {
    const path = join(target, name);
    try {
      undos.push(replace(path, join(aside, `old-${name}`), join(aside, name)));
    } catch (cause) {
      for (const undo of undos.reverse()) undo();
      throw failed(`${path}: cannot be replaced`, cause as Error);
    }
  }
}

/**
 * Lets `write` fill a temporary folder by `put`, then moves the files `names` into `target`, which is made if it does not exist.
 * If the process exits meanwhile, `target` is as it was.
 *
 * @throws OutputError, and what `write` throws; `target` is then as it was
 */
export async function replaceFiles<T>(
  target: string,
  names: readonly string[],
  write: (put: (name: string, pieces: Pieces) => Promise<void>, aside: string) => Promise<T>,
): Promise<T> {
  const found = await stat(target).catch(() => undefined);
  if (found && !found.isDirectory()) {
    throw new Sam2Error("OutputError", `${target}: expected a folder, got a file`);
  }
  const made: string[] = [];
  const aside = join(resolve(target), `.sam2-export-${randomUUID()}.aside`);
  const clear = (): void => {
    // a write that an exit found under way may still add a file
    if (existsSync(aside)) rmSync(aside, { recursive: true, force: true, maxRetries: 3 });
    removeEmpty(made);
  };
  process.once("exit", clear);
  try {
    await output(`${target}: cannot be made`, async () => makeFolder(resolve(target), made));
    await removeForsaken(target);
    await output(`${target}: cannot be written`, async () => mkdirSync(aside));
    const result = await write((name, pieces) => writePieces(join(aside, name), pieces, join(target, name)), aside);
    replaceAll(target, names, aside);
    return result;
  } finally {
    process.off("exit", clear);
    clear();
  }
}
