/** Loads a model: from its source to the ONNX bytes that sessions are opened with. */
import { isSam2Error, type ModelManifest, readManifest, Sam2Error, seeGuide, shown } from "sam2-contract";
import { type ModelCache, modelKey } from "../storage/cache.ts";
import { digest } from "../storage/digest.ts";
import { type FetchOptions, fetchCached, refused, unreachable } from "../storage/download.ts";
import { isWebPage } from "../storage/fault.ts";
import { bytesOf, readJson } from "./blobs.ts";
import { CATALOG, findModel } from "./catalog.ts";
import { checkpointOf } from "./checkpoint.ts";
import { type CheckpointOptions, checkpointForms } from "./checkpoint-forms.ts";
import { type ModelForms, singleForm } from "./forms.ts";
import type { ExportSource, ModelSource } from "./source.ts";
import { publishedSpec } from "./spec.ts";

/** Where and how to load. */
export interface LoadOptions extends FetchOptions, Omit<CheckpointOptions, "imageSize"> {
  /** Base address for relative addresses. */
  readonly base: string;
}

/**
 * Loads a model, from the cache if it is there.
 *
 * @throws UnknownModelError, InvalidModelError, InvalidConfigError, DownloadError, IntegrityError
 */
export async function loadModel(source: ModelSource, options: LoadOptions): Promise<ModelForms> {
  if (typeof source === "string" || source instanceof URL) return loadNamed(String(source), options);
  if (!isSource(source)) {
    const expected = "expected a model's name or address, an export or a checkpoint";
    throw new Sam2Error("UnknownModelError", `model: ${expected}; got ${shown(source)}`);
  }
  if ("checkpoint" in source || "config" in source)
    return checkpointForms(checkpointOf(source, options), { ...options, imageSize: source.imageSize });
  return loadExport(source, options);
}

/** Whether an object that a caller passed has the parts of an export or of a checkpoint. */
function isSource(source: unknown): boolean {
  if (typeof source !== "object" || source === null) return false;
  const has = (...parts: string[]): boolean => parts.every((part) => part in source);
  return has("checkpoint") || has("config", "weights") || has("encoder", "decoder");
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
  if (!("manifest" in files)) {
    const bytes = { encoder: await bytesOf(files.encoder), decoder: await bytesOf(files.decoder) };
    const loaded = { spec: publishedSpec("files", files.imageSize), bytes };
    return singleForm(loaded, { attention: "fused", dtype: null }, await digest(bytes.encoder), options.dtype);
  }
  const manifest = readManifest(await readJson(files.manifest, "model.json"), "model.json");
  const part = async (label: "encoder" | "decoder"): Promise<Uint8Array> => {
    const bytes = await bytesOf(files[label]);
    const [{ name, sha256 }, came] = [manifest.files[label], await digest(bytes)];
    if (came === sha256) return bytes;
    throw new Sam2Error(
      "IntegrityError",
      `${name}: expected SHA-256 ${sha256}, as model.json says, got ${came}: the file is damaged, or of another export`,
    );
  };
  const bytes = { encoder: options.decoderAlone ? null : await part("encoder"), decoder: await part("decoder") };
  return singleForm({ spec: manifest, bytes }, manifest, manifest.files.encoder.sha256, options.dtype);
}

function noDraft(name: string): Sam2Error {
  return new Sam2Error(
    "InvalidModelError",
    `${name}: draft: true needs a checkpoint, got an export; name another model as the draft`,
  );
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

/** Fetches model.json; where no valid one comes, for whatever reason, it is the last valid one that was kept. */
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
    throw unreachable(address, error);
  }
}
