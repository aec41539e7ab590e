/** Whether an embedding is that of a picture, by a model. */
import { Sam2Error } from "sam2-contract";
import type { EmbeddingInfo } from "./codec.ts";

/** A model, as embeddings are told apart by it. */
export interface EmbeddingModel {
  /** `ModelForms.fingerprint`. */
  readonly fingerprint: string;
  readonly id: string;
}

/** A picture, as far as it is known without decoding it. */
export interface EmbeddedPicture {
  readonly width: number;
  readonly height: number;
  /** SHA-256 of its file; null if it is pixels. */
  readonly sha256: string | null;
}

/**
 * Checks that an embedding is of this model and this picture.
 *
 * The hashes decide where both are known. A file's width and height may be swapped by its EXIF orientation, which is not
 * read here.
 *
 * @throws InvalidEmbeddingError
 */
export function checkEmbedding(info: EmbeddingInfo, model: EmbeddingModel, picture: EmbeddedPicture): void {
  if (info.model !== model.fingerprint) {
    throw new Sam2Error(
      "InvalidEmbeddingError",
      `expected an embedding by ${model.id} (${model.fingerprint}), got one by ${info.modelId} (${info.model})`,
    );
  }
  const { width, height, sha256 } = picture;
  const isFile = sha256 !== null;
  const isUpright = info.width === width && info.height === height;
  const isTurned = isFile && info.width === height && info.height === width;
  if (!isUpright && !isTurned) {
    throw new Sam2Error(
      "InvalidEmbeddingError",
      `expected the embedding of a picture of ${width}×${height} pixels, got one of ${info.width}×${info.height}`,
    );
  }
  if (isFile && info.sha256 !== null && info.sha256 !== sha256) {
    throw new Sam2Error(
      "InvalidEmbeddingError",
      `expected the embedding of the picture with the SHA-256 ${sha256}, got that of ${info.sha256}`,
    );
  }
}
