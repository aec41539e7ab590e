/** Where a model comes from in Node: folders and files beside what `sam2-core` loads. */
import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FILE_NAMES, Sam2Error, shown } from "sam2-contract";
import { CATALOG, type CheckpointSource, type ExportSource, type ModelSource } from "sam2-core";
import { openFile } from "../storage/paths.ts";

/** Its name in the catalog, and that of its package. */
const BUILT_IN = "sam2-mini";

/** Weights as the hub names them, in one file or in shards. */
const WEIGHTS = "model.safetensors";
const SHARD = /^model-\d+-of-\d+[.]safetensors$/;

const isAddress = (text: string): boolean => /^https?:/.test(text);

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** A path, of a path or a file's address. */
function pathOf(source: string): string {
  return source.startsWith("file:") ? fileURLToPath(source) : resolve(source);
}

async function openModelFile(path: string): Promise<Blob> {
  try {
    return await openFile(path);
  } catch (cause) {
    throw new Sam2Error("InvalidModelError", `${path}: expected a file of a model, got one that cannot be read`, {
      cause,
    });
  }
}

/** A file of weights with its date, by which a changed one is told from one whose hash is known. */
async function openWeights(path: string): Promise<Blob> {
  const blob = await openModelFile(path);
  return new File([blob], path, { lastModified: Math.round(statSync(path).mtimeMs) });
}

async function exportIn(folder: string): Promise<ExportSource> {
  const [manifest, encoder, decoder] = await Promise.all(
    [FILE_NAMES.manifest, FILE_NAMES.encoder, FILE_NAMES.decoder].map((name) => openModelFile(join(folder, name))),
  );
  return { manifest, encoder, decoder } as Extract<ExportSource, { manifest: Blob }>;
}

async function checkpointIn(
  folder: string,
  names: readonly string[],
  rest: Pick<CheckpointSource, "id" | "imageSize">,
): Promise<CheckpointSource> {
  // as in transformers, which may leave old shards beside a new file
  const weights = names.includes(WEIGHTS) ? [WEIGHTS] : names.filter((name) => SHARD.test(name)).sort();
  return {
    id: resolve(folder),
    ...rest,
    config: await openModelFile(join(folder, "config.json")),
    weights: await Promise.all(weights.map((name) => openWeights(join(folder, name)))),
  };
}

/** The files in a folder: an export, or a checkpoint. */
async function modelIn(folder: string, rest: Pick<CheckpointSource, "id" | "imageSize"> = {}): Promise<ModelSource> {
  const names = await readdir(folder);
  if (names.includes(FILE_NAMES.manifest)) return exportIn(folder);
  if (names.includes("config.json")) return checkpointIn(folder, names, rest);
  throw new Sam2Error(
    "InvalidModelError",
    `${folder}: expected ${FILE_NAMES.manifest} of an export, or config.json of a checkpoint, found neither`,
  );
}

/** The files of the package sam2-mini. */
async function builtIn(): Promise<ModelSource> {
  // a name in a variable: it need not be installed to compile this package
  const name: string = BUILT_IN;
  const { sam2Mini } = await import(name).catch((cause: unknown) => {
    throw new Sam2Error(
      "MissingPackageError",
      `the built-in model is in the npm package ${BUILT_IN}: install it, or name another model`,
      { cause },
    );
  });
  return localSource(sam2Mini as ExportSource);
}

/**
 * A model in terms that `loadModel` of sam2-core takes: files of this machine are opened, addresses and names of the
 * catalog are left as they are.
 *
 * @throws UnknownModelError, InvalidModelError, MissingPackageError
 */
export async function localSource(source: ModelSource): Promise<ModelSource> {
  if (typeof source === "string" || source instanceof URL) {
    const name = String(source);
    if (name === BUILT_IN) return builtIn();
    if (isAddress(name) || CATALOG.some(({ id }) => id === name)) return name;
    const path = pathOf(name);
    if (isFolder(path)) return modelIn(path);
    if (path.endsWith(".json") && statSync(path, { throwIfNoEntry: false })) return modelIn(resolve(path, ".."));
    const names = CATALOG.map(({ id }) => id).join(", ");
    throw new Sam2Error(
      "UnknownModelError",
      `expected a folder with a model, the address of a model.json, ${names}; got "${name}"`,
    );
  }
  if (typeof source !== "object" || source === null) {
    const expected = "expected a model's name, folder or address, an export or a checkpoint";
    throw new Sam2Error("UnknownModelError", `model: ${expected}; got ${shown(source)}`);
  }
  if ("checkpoint" in source) {
    const { checkpoint, ...rest } = source;
    return isAddress(checkpoint) ? source : modelIn(pathOf(checkpoint), rest);
  }
  if ("manifest" in source && typeof source.manifest === "string" && !isAddress(source.manifest)) {
    const [manifest, encoder, decoder] = await Promise.all(
      [source.manifest, source.encoder as string, source.decoder as string].map((file) => openModelFile(pathOf(file))),
    );
    return { manifest, encoder, decoder } as Extract<ExportSource, { manifest: Blob }>;
  }
  return source;
}
