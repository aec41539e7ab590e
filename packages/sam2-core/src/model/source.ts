/** The ways in which a caller may say where a model comes from. */

/**
 * An export: model.json, an encoder and a decoder, as addresses (for bundlers that move the files apart) or as
 * Blobs. Files of other exporters have no model.json; their `imageSize` is 1024 unless it is given.
 */
export type ExportSource =
  | { readonly manifest: string; readonly encoder: string; readonly decoder: string }
  | { readonly manifest: Blob; readonly encoder: Blob; readonly decoder: Blob }
  | { readonly encoder: Blob; readonly decoder: Blob; readonly imageSize?: number };

/**
 * A checkpoint of the hub, converted on this device: the address of a folder with config.json and
 * model.safetensors, ending in a slash, or these files as Blobs. `imageSize` is the side of the model's
 * input, a multiple of 32; the checkpoint's own by default. `id` names the model; the folder's name by
 * default. `sha256` is that of model.safetensors, where it is known: other weights are an IntegrityError. Where it is
 * not, weights must be those that were downloaded first.
 */
export type CheckpointSource = (
  | { readonly checkpoint: string }
  | { readonly config: Blob; readonly weights: readonly Blob[] }
) & { readonly id?: string; readonly imageSize?: number; readonly sha256?: string };

/** A model: its name in the catalog, the address of a model.json, an export, or a checkpoint. */
export type ModelSource = string | URL | ExportSource | CheckpointSource;
