/** Checks whether a built file is newer than its sources. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Subfolders of sources that are ignored: build output, installed packages and tests. */
const PASSED_OVER: readonly string[] = ["dist", "node_modules", "test"];

/** Modification time of a file, or of the newest file in a folder; 0 if there is none. */
async function written(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  const entries = (await readdir(path)).filter((name) => !PASSED_OVER.includes(name));
  return Math.max(0, ...(await Promise.all(entries.map((name) => written(join(path, name))))));
}

/** Whether a built file is newer than its sources, all compiled packages, and the installed packages. */
export async function isFresh(built: string, sources: readonly string[]): Promise<boolean> {
  const packages = await readdir(join(ROOT, "packages"));
  const compiled = packages.map((name) => join(ROOT, "packages", name, "dist"));
  const installed = join(ROOT, "node_modules", ".package-lock.json");
  const times = await Promise.all([...sources, ...compiled, installed].map(written));
  return (await written(built)) > Math.max(...times);
}
