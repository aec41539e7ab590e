/**
 * Converts a checkpoint on this device. The only file that imports the exporter, and only when a checkpoint is
 * opened: pages that open exported models never download it.
 */
import { type AttentionForm, FILE_NAMES } from "sam2-contract";
import { digest } from "../storage/digest.ts";
import { bytesOf, readJson } from "./blobs.ts";
import type { ModelForm, ModelForms } from "./forms.ts";

/** A checkpoint's files. */
export interface CheckpointFiles {
  readonly id: string;
  readonly config: Blob;
  readonly weights: readonly Blob[];
  /** SHA-256 of each file of weights, if known. */
  readonly digests?: readonly string[] | undefined;
  /** Side of the model's input in pixels; the checkpoint's own by default. */
  readonly imageSize?: number | undefined;
}

/** Half of an image size, rounded to a multiple of 32, as image sizes must be. */
function half(imageSize: number): number {
  return Math.max(32, 32 * Math.round(imageSize / 64));
}

/**
 * The two forms of a checkpoint, with fused and with decomposed attention. Neither is converted until it is loaded.
 *
 * @param draft whether to convert it at half its image size
 * @throws InvalidModelError, InvalidConfigError; each form's `load` throws what the exporter throws
 */
export async function checkpointForms(files: CheckpointFiles, draft: boolean): Promise<ModelForms> {
  const { byteSource, exportToMemory, parseConfig } = await import("sam2-export");
  const { id } = files;
  const config = await readJson(files.config, "config.json");
  const { imageSize: whole } = parseConfig(config, files.imageSize);
  const imageSize = draft ? half(whole) : whole;
  const form = (attention: AttentionForm): ModelForm => ({
    attention,
    load: async () => {
      const weights = files.weights.map((blob) => byteSource(blob));
      const converted = await exportToMemory({ config, weights }, { id, imageSize, attention });
      const part = (name: string): Promise<Uint8Array> => bytesOf(converted.files.get(name) as Blob);
      return {
        spec: converted.manifest,
        bytes: { encoder: await part(FILE_NAMES.encoder), decoder: await part(FILE_NAMES.decoder) },
      };
    },
  });
  const hash = async (blob: Blob): Promise<string> => digest(await bytesOf(blob));
  const digests = files.digests ?? (await Promise.all(files.weights.map(hash)));
  return { forms: [form("fused"), form("decomposed")], fingerprint: [...digests, imageSize].join("-") };
}
