/** Known models, and how a caller names one. */
/** A model that is known by name. */
export interface CatalogueEntry {
  /** Name to open it by. */
  readonly id: string;
  /** Name to show to people. */
  readonly title: string;
  /** SPDX identifier of the weights' licence. */
  readonly licence: string;
  /** Size of the download in bytes, about. */
  readonly bytes: number;
  /** Address of a model.json, or of the folder of a checkpoint that is converted here; relative to the page. */
  readonly source: { readonly manifest: string } | { readonly checkpoint: string };
}

/** Meta's checkpoints on the Hugging Face hub, by their part of the repository's name. */
function published(size: string, title: string, bytes: number): CatalogueEntry {
  return {
    id: `sam2.1-${size}`,
    title: `SAM 2.1 ${title}`,
    licence: "Apache-2.0",
    bytes,
    source: { checkpoint: `https://huggingface.co/facebook/sam2.1-hiera-${size}/resolve/main/` },
  };
}

/**
 * The models that can be opened by name.
 *
 * `sam2-mini` is read from `models/sam2-mini/model.json` beside the page. SAM 2.1 is downloaded once
 * from the hub, as Meta published it, and converted on this device.
 */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: "sam2-mini",
    title: "SAM2 mini (built in, for trying out)",
    licence: "Apache-2.0",
    bytes: 14_500_000,
    source: { manifest: "models/sam2-mini/model.json" },
  },
  published("tiny", "tiny", 156_000_000),
  published("small", "small", 184_000_000),
  published("base-plus", "base+", 323_000_000),
  published("large", "large", 898_000_000),
];

/** Finds a model by name. */
export function findModel(id: string): CatalogueEntry | undefined {
  return CATALOGUE.find((entry) => entry.id === id);
}
