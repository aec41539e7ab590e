/** Where a model comes from: the ways in which a caller may name one. */

/**
 * An export: model.json, an encoder and a decoder, as addresses (where a bundler has moved them apart)
 * or as files at hand. Files of another exporter bring no model.json; their `imageSize` is 1024 where it
 * is not given.
 */
export type ExportSource =
  | { readonly manifest: string; readonly encoder: string; readonly decoder: string }
  | { readonly manifest: Blob; readonly encoder: Blob; readonly decoder: Blob }
  | { readonly encoder: Blob; readonly decoder: Blob; readonly imageSize?: number };

/**
 * A checkpoint of the hub, converted on this device: the address of a folder with config.json and
 * model.safetensors, ending in a slash, or these files at hand. `imageSize` is the side of the model's
 * input, a multiple of 32; the checkpoint's own by default. `id` names the model; the folder's name by
 * default.
 */
export type CheckpointSource = (
  | { readonly checkpoint: string }
  | { readonly config: Blob; readonly weights: readonly Blob[] }
) & { readonly id?: string; readonly imageSize?: number };

/** A model: its name in the catalog, the address of a model.json, an export, or a checkpoint. */
export type ModelSource = string | URL | ExportSource | CheckpointSource;
