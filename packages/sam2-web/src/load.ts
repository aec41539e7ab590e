/** From a model's name, address or files to the bytes that sessions are opened with. */
import { byteSource, exportToMemory, FILE_NAMES, type ModelManifest } from "sam2-export";
import { type DownloadProgress, deleteCached, fetchCached, keep, readKept } from "./cache.ts";
import { findModel } from "./catalogue.ts";
import { Sam2Error } from "./errors.ts";
import { type ModelSpec, publishedSpec, readManifest } from "./model.ts";
import type { ModelBytes } from "./session.ts";

/** Files that the caller has at hand. */
export type ModelFiles =
  /** The three files of an export. */
  | { readonly manifest: Blob; readonly encoder: Blob; readonly decoder: Blob }
  /** An encoder and a decoder of another exporter; `imageSize` is 1024 where it is not given. */
  | { readonly encoder: Blob; readonly decoder: Blob; readonly imageSize?: number }
  /** A checkpoint of the hub, converted here. */
  | { readonly config: Blob; readonly weights: readonly Blob[]; readonly id?: string; readonly imageSize?: number };

/** Addresses of the three files of an export, where a bundler has moved them apart. */
export interface ModelAddresses {
  /** Address of model.json. */
  readonly manifest: string;
  /** Address of encoder.onnx. */
  readonly encoder: string;
  /** Address of decoder.onnx. */
  readonly decoder: string;
}

/** A checkpoint on a server, converted here; what is kept is the checkpoint. */
export interface CheckpointAddress {
  /** Folder with config.json and model.safetensors, ending in a slash. */
  readonly checkpoint: string;
  /** Side of the model input, a multiple of 32; the checkpoint's own by default. */
  readonly imageSize?: number;
}

/** A model: a name from the catalogue, the address of a model.json, a checkpoint, addresses, or files. */
export type ModelSource = string | URL | ModelAddresses | CheckpointAddress | ModelFiles;

/** What a model is and its graphs. */
export interface LoadedModel {
  readonly spec: ModelSpec;
  readonly bytes: ModelBytes;
  /** SHA-256 of the encoder, where it is known: names what is remembered about the model. */
  readonly fingerprint: string | null;
}

async function readJson(blob: Blob, name: string): Promise<unknown> {
  try {
    return JSON.parse(await blob.text());
  } catch (cause) {
    throw new Sam2Error("InvalidModelError", `${name}: expected JSON`, { cause });
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

async function loadFiles(files: ModelFiles): Promise<LoadedModel> {
  if ("config" in files) {
    const id = files.id ?? "converted";
    const config = await readJson(files.config, "config.json");
    const weights = files.weights.map((blob) => byteSource(blob));
    const converted = await exportToMemory({ config, weights }, { id, imageSize: files.imageSize });
    const part = (name: string): Promise<Uint8Array> => bytesOf(converted.files.get(name) as Blob);
    return {
      spec: converted.manifest,
      fingerprint: converted.manifest.files.encoder.sha256,
      bytes: { encoder: await part(FILE_NAMES.encoder), decoder: await part(FILE_NAMES.decoder) },
    };
  }
  const bytes = { encoder: await bytesOf(files.encoder), decoder: await bytesOf(files.decoder) };
  if ("manifest" in files) {
    const manifest = readManifest(await readJson(files.manifest, "model.json"), "model.json");
    return { spec: manifest, bytes, fingerprint: manifest.files.encoder.sha256 };
  }
  return { spec: publishedSpec("files", files.imageSize), bytes, fingerprint: null };
}

/**
 * Loads a model, from the cache where it is there.
 *
 * @param base address that relative ones are resolved against
 * @throws UnknownModelError, InvalidModelError, DownloadError, IntegrityError
 */
export async function loadModel(
  source: ModelSource,
  base: string,
  onProgress: (progress: DownloadProgress) => void,
  signal?: AbortSignal,
): Promise<LoadedModel> {
  if (typeof source === "object" && "manifest" in source && typeof source.manifest === "string") {
    const { manifest, encoder, decoder } = source as ModelAddresses;
    const parts = { encoder: new URL(encoder, base).href, decoder: new URL(decoder, base).href };
    return loadExport(new URL(manifest, base).href, (part) => parts[part], onProgress, signal);
  }
  if (typeof source === "object" && "checkpoint" in source) {
    const folder = new URL(source.checkpoint, base).pathname.split("/").filter(Boolean).at(-1);
    return loadCheckpoint(folder ?? "checkpoint", source, base, onProgress, signal);
  }
  if (typeof source === "object" && !(source instanceof URL)) return loadFiles(source as ModelFiles);
  const name = String(source);
  const entry = findModel(name);
  if (!entry && !/\.json($|\?)/.test(name)) {
    throw new Sam2Error(
      "UnknownModelError",
      `expected a model of the catalogue or the address of a model.json, got "${name}"`,
    );
  }
  if (entry && "checkpoint" in entry.source) {
    return loadCheckpoint(entry.id, entry.source, base, onProgress, signal);
  }
  const address = new URL(entry && "manifest" in entry.source ? entry.source.manifest : name, base).href;
  return loadExport(address, (_, file) => new URL(file, address).href, onProgress, signal);
}

/** Downloads a checkpoint, or takes it from the cache, and converts it. */
async function loadCheckpoint(
  id: string,
  { checkpoint, imageSize }: CheckpointAddress,
  base: string,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal | undefined,
): Promise<LoadedModel> {
  const folder = new URL(checkpoint, base);
  const part = async (name: string): Promise<Blob> => {
    const url = new URL(name, folder).href;
    const bytes = await fetchCached({ key: `${id}/checkpoint/${url}`, url }, onProgress, signal);
    return new Blob([bytes as Uint8Array<ArrayBuffer>]);
  };
  const config = await part("config.json");
  const weights = [await part("model.safetensors")];
  try {
    return await loadFiles({ id, config, weights, ...(imageSize === undefined ? {} : { imageSize }) });
  } catch (error) {
    // what cannot be converted is not kept: the next try downloads it anew
    await deleteCached(`${id}/checkpoint/`);
    throw error;
  }
}

/** The files of an export, wherever `addressOf` says that they are. */
async function loadExport(
  address: string,
  addressOf: (part: "encoder" | "decoder", file: string) => string,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal | undefined,
): Promise<LoadedModel> {
  const manifest = await fetchManifest(address, signal);
  const part = (label: "encoder" | "decoder"): Promise<Uint8Array> => {
    const { name, bytes, sha256 } = manifest.files[label];
    const key = `${manifest.id}/${manifest.dtype}/${label}/${sha256}`;
    return fetchCached({ key, url: addressOf(label, name), bytes, sha256 }, onProgress, signal);
  };
  const bytes = { encoder: await part("encoder"), decoder: await part("decoder") };
  return { spec: manifest, bytes, fingerprint: manifest.files.encoder.sha256 };
}

/** model.json from the network, and the last good one where there is none. */
async function fetchManifest(address: string, signal?: AbortSignal): Promise<ModelManifest> {
  const key = `manifest/${address}`;
  try {
    const response = await fetch(address, { cache: "no-cache", ...(signal ? { signal } : {}) });
    if (!response.ok) throw new Sam2Error("DownloadError", `${address}: got status ${response.status}`);
    const text = await response.text();
    const manifest = readManifest(await readJson(new Blob([text]), address), address);
    if (address.startsWith("http")) await keep(key, new TextEncoder().encode(text));
    return manifest;
  } catch (error) {
    if (signal?.aborted || error instanceof Sam2Error) throw error;
    const kept = await readKept(key);
    if (kept) return readManifest(JSON.parse(new TextDecoder().decode(kept)), address);
    throw new Sam2Error("DownloadError", `${address}: the network failed`, { cause: error });
  }
}
