/** From a model's name, address or files to the bytes that sessions are opened with. */

import {
  type AttentionForm,
  byteSource,
  exportToMemory,
  FILE_NAMES,
  type ModelManifest,
  parseConfig,
} from "sam2-export";
import { type DownloadProgress, deleteCached, fetchCached, keep, readKept } from "./cache.ts";
import { findModel } from "./catalogue.ts";
import { digest } from "./digest.ts";
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
}

/** One form of a model's graphs; those of a checkpoint are made when they are asked for. */
export interface ModelForm {
  readonly attention: AttentionForm;
  load(): Promise<LoadedModel>;
}

/** A model in the forms that there are of it. */
export interface ModelForms {
  /** The fastest on a GPU first; the last is right everywhere. */
  readonly forms: readonly [...ModelForm[], ModelForm];
  /** Names what is remembered about the model: a hash of its weights, where it is known. */
  readonly fingerprint: string | null;
}

/** Where and how to load. */
export interface LoadOptions {
  /** Address that relative ones are resolved against. */
  readonly base: string;
  /** Whether the model is wanted at half its image size, for quick first answers. */
  readonly draft: boolean;
  readonly onProgress: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal | undefined;
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

type CheckpointBlobs = Extract<ModelFiles, { config: Blob }>;

/** A checkpoint, in both forms of attention. */
async function checkpointForms(files: CheckpointBlobs, draft: boolean): Promise<ModelForms> {
  const id = files.id ?? "converted";
  const config = await readJson(files.config, "config.json");
  const { imageSize } = parseConfig(config, files.imageSize);
  // sizes are multiples of 32
  const size = draft ? Math.max(32, 32 * Math.round(imageSize / 64)) : imageSize;
  const form = (attention: AttentionForm): ModelForm => ({
    attention,
    load: async () => {
      const weights = files.weights.map((blob) => byteSource(blob));
      const converted = await exportToMemory({ config, weights }, { id, imageSize: size, attention });
      const part = (name: string): Promise<Uint8Array> => bytesOf(converted.files.get(name) as Blob);
      return {
        spec: converted.manifest,
        bytes: { encoder: await part(FILE_NAMES.encoder), decoder: await part(FILE_NAMES.decoder) },
      };
    },
  });
  const digests = await Promise.all(files.weights.map(async (blob) => digest(await bytesOf(blob))));
  const fingerprint = [...digests, size].join("-");
  return { forms: [form("fused"), form("decomposed")], fingerprint };
}

/** A model whose files are there, in the one form that they have. */
function asItIs(loaded: LoadedModel, attention: AttentionForm, fingerprint: string | null): ModelForms {
  return { forms: [{ attention, load: () => Promise.resolve(loaded) }], fingerprint };
}

async function loadFiles(files: ModelFiles, draft: boolean): Promise<ModelForms> {
  if ("config" in files) return checkpointForms(files, draft);
  if (draft) throw noDraft("files");
  const bytes = { encoder: await bytesOf(files.encoder), decoder: await bytesOf(files.decoder) };
  if (!("manifest" in files)) return asItIs({ spec: publishedSpec("files", files.imageSize), bytes }, "fused", null);
  const manifest = readManifest(await readJson(files.manifest, "model.json"), "model.json");
  return asItIs({ spec: manifest, bytes }, manifest.attention, manifest.files.encoder.sha256);
}

function noDraft(name: string): Sam2Error {
  return new Sam2Error(
    "InvalidModelError",
    `${name}: a smaller draft can be made of a checkpoint only; name another model as the draft`,
  );
}

/**
 * Loads a model, from the cache where it is there.
 *
 * @throws UnknownModelError, InvalidModelError, DownloadError, IntegrityError
 */
export async function loadModel(source: ModelSource, options: LoadOptions): Promise<ModelForms> {
  const { base, draft } = options;
  if (typeof source === "object" && "manifest" in source && typeof source.manifest === "string") {
    if (draft) throw noDraft(source.manifest);
    const { manifest, encoder, decoder } = source as ModelAddresses;
    const parts = { encoder: new URL(encoder, base).href, decoder: new URL(decoder, base).href };
    return loadExport(new URL(manifest, base).href, (part) => parts[part], options);
  }
  if (typeof source === "object" && "checkpoint" in source) {
    const folder = new URL(source.checkpoint, base).pathname.split("/").filter(Boolean).at(-1);
    return loadCheckpoint(folder ?? "checkpoint", source, options);
  }
  if (typeof source === "object" && !(source instanceof URL)) return loadFiles(source as ModelFiles, draft);
  const name = String(source);
  const entry = findModel(name);
  if (!entry && !/\.json($|\?)/.test(name)) {
    throw new Sam2Error(
      "UnknownModelError",
      `expected a model of the catalogue or the address of a model.json, got "${name}"`,
    );
  }
  if (entry && "checkpoint" in entry.source) return loadCheckpoint(entry.id, entry.source, options);
  if (draft) throw noDraft(name);
  const address = new URL(entry && "manifest" in entry.source ? entry.source.manifest : name, base).href;
  return loadExport(address, (_, file) => new URL(file, address).href, options);
}

/** Downloads a checkpoint, or takes it from the cache; what cannot be converted is not kept. */
async function loadCheckpoint(
  id: string,
  { checkpoint, imageSize }: CheckpointAddress,
  { base, draft, onProgress, signal }: LoadOptions,
): Promise<ModelForms> {
  const folder = new URL(checkpoint, base);
  const part = async (name: string): Promise<Blob> => {
    const url = new URL(name, folder).href;
    const bytes = await fetchCached({ key: `${id}/checkpoint/${url}`, url }, onProgress, signal);
    return new Blob([bytes as Uint8Array<ArrayBuffer>]);
  };
  /** The next try downloads anew what turns out to be no checkpoint. */
  const kept = <T>(task: Promise<T>): Promise<T> =>
    task.catch(async (error: unknown) => {
      await deleteCached(`${id}/checkpoint/`);
      throw error;
    });
  const config = await part("config.json");
  const weights = [await part("model.safetensors")];
  const size = imageSize === undefined ? {} : { imageSize };
  const { forms, fingerprint } = await kept(checkpointForms({ id, config, weights, ...size }, draft));
  const [first, last] = forms.map((form) => ({ ...form, load: () => kept(form.load()) }));
  return { forms: [first as ModelForm, last as ModelForm], fingerprint };
}

/** The files of an export, wherever `addressOf` says that they are. */
async function loadExport(
  address: string,
  addressOf: (part: "encoder" | "decoder", file: string) => string,
  { onProgress, signal }: LoadOptions,
): Promise<ModelForms> {
  const manifest = await fetchManifest(address, signal);
  const part = (label: "encoder" | "decoder"): Promise<Uint8Array> => {
    const { name, bytes, sha256 } = manifest.files[label];
    const key = `${manifest.id}/${manifest.dtype}/${label}/${sha256}`;
    return fetchCached({ key, url: addressOf(label, name), bytes, sha256 }, onProgress, signal);
  };
  const bytes = { encoder: await part("encoder"), decoder: await part("decoder") };
  return asItIs({ spec: manifest, bytes }, manifest.attention, manifest.files.encoder.sha256);
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
