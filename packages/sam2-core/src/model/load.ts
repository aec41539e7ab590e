/** Loads a model: from its source to the ONNX bytes that sessions are opened with. */
import { isSam2Error, type ModelManifest, readManifest, Sam2Error, seeGuide } from "sam2-contract";
import { type ModelCache, modelKey } from "../storage/cache.ts";
import { digest } from "../storage/digest.ts";
import { type FetchedFile, type FetchOptions, fetchCached, refused } from "../storage/download.ts";
import { isWebPage } from "../storage/fault.ts";
import { bytesOf, readJson } from "./blobs.ts";
import { CATALOG, findModel } from "./catalog.ts";
import { checkpointForms } from "./convert.ts";
import { type DtypeChoice, type ModelForm, type ModelForms, singleForm } from "./forms.ts";
import type { CheckpointSource, ExportSource, ModelSource } from "./source.ts";
import { publishedSpec } from "./spec.ts";

/** Where and how to load. */
export interface LoadOptions extends FetchOptions {
  /** Base address for relative addresses. */
  readonly base: string;
  /** Whether to load the model at half its image size, for quick first answers. */
  readonly draft: boolean;
  /** A checkpoint is converted to it. An export is in one precision, and is loaded in that. */
  readonly dtype: DtypeChoice;
  /** Whether the decoder alone is wanted. Of a checkpoint both parts are in one file, and both are loaded. */
  readonly decoderAlone: boolean;
}

/**
 * Loads a model, from the cache if it is there.
 *
 * @throws UnknownModelError, InvalidModelError, InvalidConfigError, DownloadError, IntegrityError
 */
export async function loadModel(source: ModelSource, options: LoadOptions): Promise<ModelForms> {
  if (typeof source === "string" || source instanceof URL) return loadNamed(String(source), options);
  if ("checkpoint" in source || "config" in source) return loadCheckpoint(source, options);
  return loadExport(source, options);
}

/** A name of the catalog, or the address of a model.json. */
async function loadNamed(name: string, options: LoadOptions): Promise<ModelForms> {
  const entry = findModel(name);
  if (entry?.source) return loadModel(entry.source, options);
  if (!/\.json($|\?)/.test(name)) {
    const names = CATALOG.map(({ id }) => id).join(", ");
    throw new Sam2Error(
      "UnknownModelError",
      `expected ${names} or the address of a model.json, got "${name}". ${seeGuide("the-model-is-not-found")}`,
    );
  }
  const address = new URL(name, options.base).href;
  return downloadExport(address, (_, file) => new URL(file, address).href, options);
}

/** Loads an export. It has one image size only, so it has no draft. */
async function loadExport(source: ExportSource, options: LoadOptions): Promise<ModelForms> {
  if ("manifest" in source && typeof source.manifest === "string") {
    const address = (file: string): string => new URL(file, options.base).href;
    const parts = { encoder: address(source.encoder as string), decoder: address(source.decoder as string) };
    return downloadExport(address(source.manifest), (part) => parts[part], options);
  }
  const files = source as Extract<ExportSource, { encoder: Blob }>;
  if (options.draft) throw noDraft("files");
  const encoder = options.decoderAlone && "manifest" in files ? null : await bytesOf(files.encoder);
  const bytes = { encoder, decoder: await bytesOf(files.decoder) };
  if (!("manifest" in files)) {
    const fingerprint = await digest(encoder as Uint8Array);
    const loaded = { spec: publishedSpec("files", files.imageSize), bytes };
    return singleForm(loaded, { attention: "fused", dtype: null }, fingerprint, options.dtype);
  }
  const manifest = readManifest(await readJson(files.manifest, "model.json"), "model.json");
  return singleForm({ spec: manifest, bytes }, manifest, manifest.files.encoder.sha256, options.dtype);
}

function noDraft(name: string): Sam2Error {
  return new Sam2Error(
    "InvalidModelError",
    `${name}: a smaller draft can be made of a checkpoint only; name another model as the draft`,
  );
}

/** Loads a checkpoint, given as files or as an address. */
async function loadCheckpoint(source: CheckpointSource, options: LoadOptions): Promise<ModelForms> {
  const { imageSize } = source;
  if ("config" in source) {
    const { id = "converted", config, weights } = source;
    return checkpointForms({ id, config, weights, imageSize }, options);
  }
  const folder = new URL(source.checkpoint, options.base);
  const id = source.id ?? (folder.host + folder.pathname).replace(/\/$/, "");
  const [configUrl, weightsUrl] = [new URL("config.json", folder).href, new URL("model.safetensors", folder).href];
  const fetchFile = (url: string): Promise<FetchedFile> => fetchCached({ key: modelKey(id) + url, url }, options);
  const config = await fetchFile(configUrl);
  const weights = await fetchFile(weightsUrl);
  const blob = ({ bytes }: FetchedFile): Blob => new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const files = { id, config: blob(config), weights: [blob(weights)], digests: [weights.sha256], imageSize };
  // if the files turn out not to be a checkpoint, delete them from the cache, so that they are downloaded again
  // next time; after other errors they stay
  const checked = <T>(task: Promise<T>): Promise<T> =>
    task.catch(async (error: unknown) => {
      const isNone = isSam2Error(error, "InvalidSafetensorsError") || isSam2Error(error, "InvalidModelError");
      for (const url of isNone ? [configUrl, weightsUrl] : []) {
        await options.cache.forget(modelKey(id) + url);
        await options.cache.forget(`pin/${url}`);
      }
      throw error;
    });
  const model = await checked(checkpointForms(files, options));
  const guarded = (form: ModelForm): ModelForm => ({ ...form, load: () => checked(form.load()) });
  return { ...model, forms: model.forms.map(guarded) as [...ModelForm[], ModelForm] };
}

/** Downloads the files of an export; `addressOf` gives their addresses. */
async function downloadExport(
  address: string,
  addressOf: (part: "encoder" | "decoder", file: string) => string,
  options: LoadOptions,
): Promise<ModelForms> {
  if (options.draft) throw noDraft(address);
  const manifest = await fetchManifest(address, options.cache);
  const part = async (label: "encoder" | "decoder"): Promise<Uint8Array> => {
    const { name, bytes, sha256 } = manifest.files[label];
    const key = `${modelKey(manifest.id)}${manifest.dtype}/${label}/${sha256}`;
    return (await fetchCached({ key, url: addressOf(label, name), bytes, sha256 }, options)).bytes;
  };
  const bytes = { encoder: options.decoderAlone ? null : await part("encoder"), decoder: await part("decoder") };
  return singleForm({ spec: manifest, bytes }, manifest, manifest.files.encoder.sha256, options.dtype);
}

/** Fetches model.json; without a network, the last valid one that was kept. */
async function fetchManifest(address: string, cache: ModelCache): Promise<ModelManifest> {
  const key = `manifest/${address}`;
  try {
    const response = await fetch(address, { cache: "no-cache" } as RequestInit);
    if (!response.ok || isWebPage(response)) throw refused(address, response);
    const text = await response.text();
    const manifest = readManifest(await readJson(new Blob([text]), address), address);
    if (address.startsWith("http")) await cache.keep(key, new TextEncoder().encode(text));
    return manifest;
  } catch (error) {
    const kept = await cache.read(key);
    if (kept) return readManifest(await readJson(new Blob([kept as Uint8Array<ArrayBuffer>]), address), address);
    if (isSam2Error(error)) throw error;
    throw new Sam2Error("DownloadError", `${address}: the network failed`, { cause: error });
  }
}
