/** Checkpoint folders and model folders on disk: the only part that knows a file system. */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  type CanaryAnswer,
  canaryQuestion,
  FILE_NAMES,
  type ModelManifest,
  Sam2Error,
  sampleCanary,
} from "sam2-contract";
import { type ExportOptions, exportModel } from "./convert.ts";
import type { ByteSource } from "./safetensors.ts";

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new Sam2Error("InvalidConfigError", `${path}: expected a readable JSON file`, { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** A file as a byte source: ranges are read from disk, nothing is kept. */
async function fileSource(handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat();
  return {
    size,
    read: async (start, end) => {
      const bytes = new Uint8Array(Math.max(0, end - start));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      return bytes.subarray(0, bytesRead);
    },
  };
}

/** Opens the safetensors files of a folder, and the index where it is sharded. */
async function openWeights(folder: string): Promise<{ handles: FileHandle[]; index?: unknown }> {
  const indexPath = join(folder, "model.safetensors.index.json");
  const index = (await exists(indexPath)) ? await readJson(indexPath) : undefined;
  const map = (index as { weight_map?: Record<string, string> } | undefined)?.weight_map;
  const names = map ? [...new Set(Object.values(map))].map((name) => basename(name)) : ["model.safetensors"];
  const handles: FileHandle[] = [];
  for (const name of names) {
    try {
      handles.push(await open(join(folder, name)));
    } catch (cause) {
      await Promise.all(handles.map((handle) => handle.close()));
      throw new Sam2Error("InvalidSafetensorsError", `${join(folder, name)}: expected a readable file`, { cause });
    }
  }
  return index === undefined ? { handles } : { handles, index };
}

/** Options of `exportFolder`. */
export interface FolderExportOptions extends Partial<ExportOptions> {
  /** Whether model.json gets a canary, by which runtimes check a device; needs the package onnxruntime-node. */
  readonly canary?: boolean | undefined;
}

/**
 * Converts the checkpoint in `checkpointFolder` to `encoder.onnx`, `decoder.onnx` and `model.json` in
 * `outFolder`.
 *
 * The files are written to a folder aside, which then takes the place of `outFolder`: there is
 * never half a model, and a model that was there before stays when the export fails.
 *
 * @throws Sam2Error
 */
export async function exportFolder(
  checkpointFolder: string,
  outFolder: string,
  { canary = false, ...options }: FolderExportOptions = {},
): Promise<ModelManifest> {
  const config = await readJson(join(checkpointFolder, "config.json"));
  const { handles, index } = await openWeights(checkpointFolder);
  const target = resolve(outFolder);
  const aside = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  const name = basename(resolve(checkpointFolder));
  try {
    const weights = await Promise.all(handles.map(fileSource));
    await output(`${target}: cannot be made`, () => mkdir(aside, { recursive: true }));
    const exported = await exportModel({ config, weights, index }, { id: name, ...options }, (file, pieces) =>
      writePieces(join(aside, file), pieces),
    );
    const manifest = canary ? { ...exported, canary: await answerCanary(aside, exported) } : exported;
    if (canary) {
      const path = join(aside, FILE_NAMES.manifest);
      await output(`${path}: cannot be written`, () => writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`));
    }
    await output(`${target}: cannot be replaced`, () => replaceFolder(aside, target));
    return manifest;
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
    if (await exists(aside)) await rm(aside, { recursive: true });
  }
}

/** Puts the canary's question to the exported graphs on the CPU. */
async function answerCanary(folder: string, { imageSize, maskSize }: ModelManifest): Promise<CanaryAnswer> {
  const { InferenceSession, Tensor } = await import("onnxruntime-node").catch((cause: unknown) => {
    throw new Sam2Error("MissingPackageError", "a canary needs the package onnxruntime-node", { cause });
  });
  const { pixels, click } = canaryQuestion(imageSize);
  const tensor = (data: Float32Array, ...dims: number[]) => new Tensor("float32", data, dims);
  const run = async (file: string, feeds: Record<string, InstanceType<typeof Tensor>>) => {
    const session = await InferenceSession.create(join(folder, file));
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  const embedding = await run(FILE_NAMES.encoder, { image: tensor(pixels, 1, 3, imageSize, imageSize) });
  const { masks, iou_predictions } = await run(FILE_NAMES.decoder, {
    ...embedding,
    point_coords: tensor(click, 1, 1, 2),
    point_labels: tensor(Float32Array.of(1), 1, 1),
    mask_input: tensor(new Float32Array(maskSize ** 2), 1, 1, maskSize, maskSize),
    has_mask_input: tensor(Float32Array.of(0), 1),
  });
  const outputs = { ...embedding, masks, iou_predictions };
  return sampleCanary(
    Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output?.data as Float32Array])),
  );
}

/** Turns a failed write into an OutputError. */
async function output<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new Sam2Error("OutputError", `${what}: ${(cause as Error).message}`, { cause });
  }
}

async function writePieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await output(`${path}: cannot be written`, () => open(path, "w"));
  try {
    for await (const piece of pieces) await output(`${path}: cannot be written`, () => writeAll(handle, piece));
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length; ) done += (await handle.write(piece, done)).bytesWritten;
}

async function replaceFolder(from: string, to: string): Promise<void> {
  if (!(await exists(to))) return rename(from, to);
  const old = `${from}.old`;
  await rename(to, old);
  try {
    await rename(from, to);
  } catch (error) {
    await rename(old, to);
    throw error;
  }
  await rm(old, { recursive: true });
}
