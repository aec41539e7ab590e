/**
 * Converts a checkpoint on this device. The only file that imports the exporter, and only when a checkpoint is
 * converted: pages that open exported models, or converted ones that were kept, never download it.
 */
import { type AttentionForm, type Dtype, FILE_NAMES, type ModelManifest } from "sam2-contract";
import { readJson } from "./blobs.ts";

/** A checkpoint's files. */
export interface CheckpointFiles {
  readonly config: Blob;
  readonly weights: readonly Blob[];
}

/** What a checkpoint's config.json says that decides about its forms. */
export interface CheckpointFacts {
  /** Side of the model's input in pixels. */
  readonly imageSize: number;
  /** Whether it can be run in int8. */
  readonly gainsByInt8: boolean;
}

/** How to convert. */
export interface Conversion {
  /** Name of the model. */
  readonly id: string;
  readonly imageSize: number;
  readonly attention: AttentionForm;
  readonly dtype: Dtype;
}

/** A converted checkpoint. */
export interface Converted {
  readonly manifest: ModelManifest;
  readonly encoder: Blob;
  readonly decoder: Blob;
}

/**
 * Reads a checkpoint's config.json.
 *
 * @param imageSize instead of the checkpoint's own
 * @throws InvalidModelError, InvalidConfigError
 */
export async function inspect(config: Blob, imageSize: number | undefined): Promise<CheckpointFacts> {
  const { gainsByInt8, parseConfig } = await import("sam2-export");
  const parsed = parseConfig(await readJson(config, "config.json"), imageSize);
  return { imageSize: parsed.imageSize, gainsByInt8: gainsByInt8(parsed) };
}

/** Converts a checkpoint. @throws what the exporter throws */
export async function convert(files: CheckpointFiles, conversion: Conversion): Promise<Converted> {
  const { byteSource, exportToMemory } = await import("sam2-export");
  const config = await readJson(files.config, "config.json");
  const weights = files.weights.map((blob) => byteSource(blob));
  const converted = await exportToMemory({ config, weights }, conversion);
  const file = (name: string): Blob => converted.files.get(name) as Blob;
  return { manifest: converted.manifest, encoder: file(FILE_NAMES.encoder), decoder: file(FILE_NAMES.decoder) };
}
