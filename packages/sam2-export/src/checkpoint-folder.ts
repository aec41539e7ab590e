/** Opens a checkpoint folder: config.json, the safetensors files, and their index where there is no single one. */
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Sam2Error } from "sam2-contract";
import type { CheckpointFiles } from "./convert.ts";
import type { ByteSource } from "./safetensors.ts";
import { invalid } from "./section.ts";

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/** The names in a folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  const found = await stat(folder).catch(() => undefined);
  if (!found) throw new Sam2Error("InvalidConfigError", `${folder}: there is no such folder`);
  if (!found.isDirectory()) {
    throw new Sam2Error("InvalidConfigError", `${folder}: expected the folder of a checkpoint, got a file`);
  }
  return await readdir(folder).catch((cause: Error) => {
    throw new Sam2Error("InvalidConfigError", `${folder}: cannot be read: ${cause.message}`, { cause });
  });
}

/** Opens a file, and nothing that gives no bytes until another process writes some. */
async function openFile(path: string): Promise<FileHandle> {
  const found = await stat(path);
  if (!found.isFile() && !found.isDirectory()) throw new Error("it is no regular file");
  return await open(path);
}

async function readText(path: string): Promise<string> {
  const handle = await openFile(path);
  try {
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path).catch((cause: Error) => {
    throw new Sam2Error("InvalidConfigError", `${path}: cannot be read: ${cause.message}`, { cause });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Sam2Error("InvalidConfigError", `${path}: expected JSON: ${(cause as Error).message}`, { cause });
  }
}

/** The files that the index at `path` names; only those in the folder itself are opened. */
function weightNames(index: unknown, path: string): readonly string[] {
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null) throw invalid(path, "an object weight_map", map);
  return [...new Set<unknown>(Object.values(map))].map((name) => {
    if (typeof name !== "string" || name === "") throw invalid(`${path}: weight_map`, "the name of a file", name);
    return basename(name);
  });
}

function unreadable(path: string, cause: Error): Sam2Error {
  return new Sam2Error("InvalidSafetensorsError", `${path}: expected a readable file: ${cause.message}`, { cause });
}

/** A file as a byte source: ranges are read from disk, nothing is kept. */
async function fileSource(path: string, handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat();
  return {
    name: path,
    size,
    read: async (start, end) => {
      const bytes = new Uint8Array(Math.max(0, end - start));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start).catch((cause: Error) => {
        throw unreadable(path, cause);
      });
      return bytes.subarray(0, bytesRead);
    },
  };
}

/**
 * Opens the checkpoint in `folder` for as long as `use` takes.
 *
 * @throws InvalidConfigError where there is no folder, no config.json or no JSON in it;
 *   InvalidSafetensorsError where a file of weights cannot be read
 */
export async function withCheckpoint<T>(folder: string, use: (files: CheckpointFiles) => Promise<T>): Promise<T> {
  const names = await namesIn(folder);
  if (!names.includes(CONFIG)) {
    const holds = names.length === 0 ? "the folder is empty" : `it holds no ${CONFIG}`;
    throw new Sam2Error("InvalidConfigError", `${folder}: expected ${CONFIG} and ${WEIGHTS}, ${holds}`);
  }
  const config = await readJson(join(folder, CONFIG));
  // as in transformers, which may leave an old index beside a new file
  const indexPath = names.includes(INDEX) && !names.includes(WEIGHTS) ? join(folder, INDEX) : undefined;
  const index = indexPath === undefined ? {} : { index: await readJson(indexPath) };
  const handles: FileHandle[] = [];
  const weights: ByteSource[] = [];
  try {
    for (const name of indexPath === undefined ? [WEIGHTS] : weightNames(index.index, indexPath)) {
      const path = join(folder, name);
      const handle = await openFile(path).catch((cause: Error) => {
        throw unreadable(path, cause);
      });
      handles.push(handle);
      weights.push(await fileSource(path, handle));
    }
    return await use({ config, weights, ...index });
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}
