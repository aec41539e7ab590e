/** A folder that a browser saves files into. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Milliseconds that a browser may take to save a file. */
const PATIENCE = 20_000;

/** An empty folder for a browser's files. */
export function savingFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "saved-"));
}

/** The bytes of the file of this name that comes into the folder while a task is done. */
export async function savedInto(folder: string, name: string, task: () => Promise<void>): Promise<Buffer> {
  const path = join(folder, name);
  await rm(path, { force: true });
  await task();
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = await readdir(folder);
    // browsers write to another name beside it, and then rename; Firefox holds the name with an empty file
    if (found.length === 1 && found[0] === name) {
      const bytes = await readFile(path);
      if (bytes.length > 0) {
        await rm(path);
        return bytes;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} was not saved in ${PATIENCE / 1000} s; the folder holds [${await readdir(folder)}]`);
}
