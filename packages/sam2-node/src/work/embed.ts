/** The embedding of one picture. */
import type { SaveEmbeddingOptions } from "sam2-core";
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
