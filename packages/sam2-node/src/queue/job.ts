/** What travels through the queue: plain data, so that any machine can take it. */
import { createHash } from "node:crypto";
import { CONTRACT_VERSION, type Dtype } from "sam2-contract";
import type { BoxXYWH, Detail, EmbeddingDtype } from "sam2-core";
import type { EverythingAsked } from "../work/everything.ts";

/** What is done with a picture. */
export type Work =
  | { readonly kind: "everything"; readonly options: EverythingAsked }
  | { readonly kind: "boxes"; readonly boxes: readonly BoxXYWH[]; readonly detail?: Detail }
  | { readonly kind: "embed"; readonly dtype: EmbeddingDtype };

/** Where the result goes: a folder that all machines share, or an address that was signed for it. */
export type Destination = { readonly folder: string } | { readonly put: string };

/** One picture to work on. */
export interface PictureJob {
  readonly work: Work;
  /** Folder of the pictures, as whoever asks sees it. */
  readonly folder: string;
  /** Path of the picture in the folder. */
  readonly picture: string;
  readonly to: Destination;
  /** Which model. */
  readonly model: string;
  /** `VERSION` of whoever asks. */
  readonly version: string;
}

/** What came of it. */
export interface PictureDone {
  /** Of the picture's file. */
  readonly sha256: string;
  /** Identifies the model that did it: see `identify`. */
  readonly model: string;
  /** The result's path in the folder of the results; null where it was put to an address. */
  readonly result: string | null;
  /** Whether the result was there already. */
  readonly known: boolean;
}

/**
 * What workers and whoever asks must have in common. It goes up when a job or a result changes; a model.json of another
 * contract gives other results, too.
 */
export const VERSION: string = `1.${CONTRACT_VERSION}`;

/** The name in Redis of the queue of a model's pictures; a worker of another version has another. */
export function queueOf(model: string): string {
  // BullMQ takes no colon
  return `sam2-${VERSION}-${encodeURIComponent(model)}`;
}

/** Hash of anything that can be JSON. */
function hashOf(...parts: unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Identifies a job: it is in the queue once, however often it is asked for. */
export function jobId({ work, folder, picture, to, model, version }: PictureJob): string {
  // BullMQ takes no id that is a whole number, and none with a colon
  return `p${hashOf(work, folder, picture, to, model, version)}`;
}

/** Identifies what results depend on beside the picture: the model's weights, and the precision that it runs in. */
export function identify(fingerprint: string, dtype: Dtype | null): string {
  return hashOf(fingerprint, dtype);
}

/**
 * A result's path in the folder of the results: by the content of the picture, and by what was done with it. An embedding
 * lies under the picture's name, as those of `sam2 embed` do, and says in its file what it is of.
 */
export function resultPath({ work, picture }: PictureJob, model: string, sha256: string): string {
  if (work.kind === "embed") return `${picture}.safetensors`;
  const name = hashOf(work, model, sha256, VERSION);
  // a folder for each 256th: file systems are slow with a million files in one
  return `${name.slice(0, 2)}/${name}.json`;
}
