/** The embedding of one picture. */
import { openAsBlob } from "node:fs";
import { CONTRACT_VERSION } from "sam2-contract";
import { digest, type EmbeddingDtype, readEmbeddingInfo, type SaveEmbeddingOptions } from "sam2-core";
import type { ImageSource } from "../image/source.ts";
import type { Segmenter } from "../segmenter.ts";

/** A picture's embedding as a safetensors file, and the picture's size. */
export interface Embedded {
  readonly width: number;
  readonly height: number;
  /** The file's content. */
  readonly bytes: Uint8Array;
}

/**
 * Makes the embedding of a picture.
 *
 * @throws what `setImage` and `saveEmbedding` throw
 */
export async function embedPicture(
  segmenter: Segmenter,
  picture: ImageSource,
  { signal, dtype }: SaveEmbeddingOptions = {},
): Promise<Embedded> {
  const image = await segmenter.setImage(picture, { signal });
  try {
    const bytes = await segmenter.saveEmbedding(image, { signal, dtype });
    return { width: image.width, height: image.height, bytes };
  } finally {
    await image.release();
  }
}

/**
 * Whether a file holds a picture's embedding already: by this model, in this dtype, of the same bytes. Its tensors are not
 * read, since files are written whole or not at all.
 */
export async function isEmbedded(
  { fingerprint }: Segmenter,
  picture: Uint8Array,
  file: string,
  dtype: EmbeddingDtype,
): Promise<boolean> {
  try {
    const info = await readEmbeddingInfo(await openAsBlob(file));
    const isOurs = info.contract === CONTRACT_VERSION && info.model === fingerprint && info.dtype === dtype;
    return isOurs && info.sha256 === (await digest(picture));
  } catch {
    // missing, or none: it is written anew
    return false;
  }
}
