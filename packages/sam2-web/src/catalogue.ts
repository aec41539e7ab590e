/** Known models, and how a caller names one. */
import type { ModelSpec } from "./model.ts";

/** A file of a model: where it is, and what must arrive. */
export interface CatalogueFile {
  /** Address, relative to the page or absolute. */
  readonly url: string;
  /** Size that must arrive, where it is known. */
  readonly bytes?: number | undefined;
  /** Hash that must arrive, lower-case hexadecimal, where it is known. */
  readonly sha256?: string | undefined;
  /** Path under which an ONNX file refers to its external data. */
  readonly externalDataPath?: string | undefined;
}

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
  /** Address of a model.json, relative to the page; or files in another layout with their sizes. */
  readonly source:
    | { readonly manifest: string }
    | { readonly spec: ModelSpec; readonly encoder: CatalogueFile; readonly decoder: CatalogueFile };
}

/**
 * The models that can be opened by name.
 *
 * `sam2-mini` is read from `models/sam2-mini/model.json` beside the page.
 */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: "sam2-mini",
    title: "SAM2 mini (built in, for trying out)",
    licence: "Apache-2.0",
    bytes: 9_000_000,
    source: { manifest: "models/sam2-mini/model.json" },
  },
];

/** Finds a model by name. */
export function findModel(id: string): CatalogueEntry | undefined {
  return CATALOGUE.find((entry) => entry.id === id);
}
