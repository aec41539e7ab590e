/** A model's description, whatever layout its files are in. */
import type { CanaryAnswer, ModelManifest } from "sam2-export";
import { Sam2Error } from "./errors.ts";

/** The tensor layouts that are understood, told apart by input names; samexporter files share the first. */
export type Layout = "sam2-web" | "transformers.js";

/** Sizes and constants that preprocessing and prompts need. */
export interface ModelSpec {
  /** Name of the model. */
  readonly id: string;
  /** Side of the square model input, in pixels. */
  readonly imageSize: number;
  /** Side of the low-resolution masks, in pixels. */
  readonly maskSize: number;
  /** Of each channel, R, G and B in [0,1]. */
  readonly mean: readonly number[];
  /** Standard deviation of each channel. */
  readonly std: readonly number[];
  /** Single-mask output falls back to the best of several when its stability is under the threshold. */
  readonly dynamicMultimask: {
    readonly enabled: boolean;
    readonly stabilityDelta: number;
    readonly stabilityThreshold: number;
  };
  /** What a device that computes rightly answers to a fixed question, where it is known. */
  readonly canary?: CanaryAnswer;
}

/** ImageNet's mean and deviation, SAM 2.1's sizes: for files that bring no model.json. */
export function publishedSpec(id: string, imageSize = 1024): ModelSpec {
  return {
    id,
    imageSize,
    maskSize: imageSize / 4,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    dynamicMultimask: { enabled: true, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
  };
}

/** The contract versions of model.json that this library reads. */
const CONTRACTS = [1];

/**
 * Checks a parsed model.json.
 *
 * @throws InvalidModelError
 */
export function readManifest(json: unknown, address: string): ModelManifest {
  const manifest = json as Partial<ModelManifest> | null;
  if (typeof manifest !== "object" || manifest === null || !CONTRACTS.includes(manifest.contract as number)) {
    throw new Sam2Error(
      "InvalidModelError",
      `${address}: expected a model.json of contract ${CONTRACTS.join(" or ")}, got ${JSON.stringify(manifest?.contract)}`,
    );
  }
  for (const part of ["encoder", "decoder"] as const) {
    const file = manifest.files?.[part];
    if (typeof file?.name !== "string" || !Number.isSafeInteger(file.bytes) || !/^[0-9a-f]{64}$/.test(file.sha256)) {
      throw new Sam2Error("InvalidModelError", `${address}: files.${part} lacks a name, a size or a SHA-256`);
    }
  }
  if (!Number.isSafeInteger(manifest.imageSize) || !Number.isSafeInteger(manifest.maskSize)) {
    throw new Sam2Error("InvalidModelError", `${address}: imageSize and maskSize must be whole numbers`);
  }
  return manifest as ModelManifest;
}

/** Which layout a pair of sessions has. @throws InvalidModelError */
export function detectLayout(encoderInputs: readonly string[], decoderInputs: readonly string[]): Layout {
  const has = (names: readonly string[], ...wanted: string[]): boolean => wanted.every((name) => names.includes(name));
  if (
    has(encoderInputs, "image") &&
    has(decoderInputs, "image_embed", "point_coords", "mask_input", "has_mask_input")
  ) {
    return "sam2-web";
  }
  if (has(encoderInputs, "pixel_values") && has(decoderInputs, "input_points", "input_labels", "image_embeddings.0")) {
    return "transformers.js";
  }
  throw new Sam2Error(
    "InvalidModelError",
    `expected inputs image → image_embed, point_coords, …, or pixel_values → input_points, …; got ${encoderInputs.join()} → ${decoderInputs.join()}`,
  );
}
