/**
 * Converts a checkpoint on this device. The only file that imports the exporter, and only when a checkpoint is
 * opened: pages that open exported models never download it.
 */
import { type AttentionForm, type Dtype, FILE_NAMES } from "sam2-contract";
import { digest } from "../storage/digest.ts";
import { bytesOf, readJson } from "./blobs.ts";
import type { DtypeChoice, ModelForm, ModelForms } from "./forms.ts";

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

/** A part of an image size, rounded to a multiple of 32, as image sizes must be. */
function part(imageSize: number, divisor: number): number {
  return Math.max(32, 32 * Math.round(imageSize / (32 * divisor)));
}

/** How to convert. */
export interface ConvertOptions {
  /** Whether to convert it at half its image size. */
  readonly draft: boolean;
  readonly dtype: DtypeChoice;
}

/**
 * The forms of a checkpoint: with fused and with decomposed attention, and in int8. None is converted until it is loaded.
 *
 * @throws InvalidModelError, InvalidConfigError; each form's `load` throws what the exporter throws
 */
export async function checkpointForms(files: CheckpointFiles, { draft, dtype }: ConvertOptions): Promise<ModelForms> {
  const { byteSource, exportToMemory, gainsByInt8, parseConfig } = await import("sam2-export");
  const { id } = files;
  const config = await readJson(files.config, "config.json");
  const parsed = parseConfig(config, files.imageSize);
  const imageSize = draft ? part(parsed.imageSize, 2) : parsed.imageSize;
  const form = (stored: Dtype, attention: AttentionForm, side = imageSize): ModelForm => ({
    attention,
    dtype: stored,
    load: async () => {
      const weights = files.weights.map((blob) => byteSource(blob));
      const converted = await exportToMemory({ config, weights }, { id, imageSize: side, attention, dtype: stored });
      const file = (name: string): Promise<Uint8Array> => bytesOf(converted.files.get(name) as Blob);
      return {
        spec: converted.manifest,
        bytes: { encoder: await file(FILE_NAMES.encoder), decoder: await file(FILE_NAMES.decoder) },
      };
    },
  });
  const hash = async (blob: Blob): Promise<string> => digest(await bytesOf(blob));
  const digests = files.digests ?? (await Promise.all(files.weights.map(hash)));
  const weights = digests.join("-");
  const common = { fingerprint: `${weights}-${imageSize}`, int8: null, dtypeReason: null };
  const gains = gainsByInt8(parsed);
  if (dtype === "int8" && gains) return { ...common, forms: [form("int8", "decomposed")] };
  const stored = dtype === "fp16" ? "fp16" : "fp32";
  const forms = [form(stored, "fused"), form(stored, "decomposed")] as const;
  if (dtype === "int8") {
    return {
      ...common,
      forms,
      dtypeReason: "int8 was asked for, this model's trunk has no matrix products to gain by it",
    };
  }
  if (dtype !== "auto" || !gains) return { ...common, forms };
  const small = part(imageSize, 4);
  const trial = { fp32: form("fp32", "decomposed", small), int8: form("int8", "decomposed", small) };
  return { ...common, forms, int8: { form: form("int8", "decomposed"), trial, weights } };
}
