/** Embeddings of a model's images, to files and from files. */
import { CONTRACT_VERSION, Sam2Error } from "sam2-contract";
import { checkEmbedding, type EmbeddedPicture } from "../embedding/check.ts";
import { type EmbeddingDtype, readEmbedding, writeEmbedding } from "../embedding/codec.ts";
import { fetchEmbedding } from "../embedding/source.ts";
import { IMAGE_FORMATS, readImageHeader } from "../image/header.ts";
import { checkSize, MAX_PIXELS } from "../image/limits.ts";
import type { Picture } from "../image/picture.ts";
import type { EncodedImage, KeepOptions, KnownEmbedding, Predictor } from "../predictor/predictor.ts";
import { digest } from "../storage/digest.ts";

/** What they need of a platform. */
interface Files<Sent> {
  fileOf(source: Sent): Promise<Blob | null>;
  openPath(path: string): Promise<Blob | null>;
}

const hashOf = async (file: Blob): Promise<string> => digest(new Uint8Array(await file.arrayBuffer()));

/** Writes and reads the embeddings of one model's images. */
export class Embeddings<Sent> {
  readonly #predictor: Predictor;
  readonly #fingerprint: string;
  readonly #files: Files<Sent>;
  readonly #base: string;
  readonly #decode: (source: Sent) => Promise<Picture>;
  readonly #maxPixels: number;

  constructor(parts: {
    predictor: Predictor;
    fingerprint: string;
    platform: Files<Sent>;
    base: string;
    decode: (source: Sent) => Promise<Picture>;
    maxPixels: number | undefined;
  }) {
    this.#predictor = parts.predictor;
    this.#fingerprint = parts.fingerprint;
    this.#files = parts.platform;
    this.#base = parts.base;
    this.#decode = parts.decode;
    this.#maxPixels = parts.maxPixels ?? MAX_PIXELS;
  }

  /**
   * An image's embedding as a file.
   *
   * @param source the image's picture, if it is a file
   * @throws ImageReleasedError, TensorValueError
   */
  async save(id: string, source: Sent | null, dtype: EmbeddingDtype): Promise<Uint8Array<ArrayBuffer>> {
    const { width, height } = this.#predictor.sizeOf(id);
    const file = source === null ? null : await this.#files.fileOf(source);
    const sha256 = file && (await hashOf(file));
    const about = { contract: CONTRACT_VERSION, model: this.#fingerprint, modelId: this.#predictor.spec.id };
    return writeEmbedding(await this.#predictor.embeddingOf(id), { ...about, width, height, sha256, dtype });
  }

  /**
   * Sets an image with its embedding: the picture is neither decoded, where it is a file, nor encoded.
   *
   * @param embedding its file, or that file's path or address
   * @throws InvalidImageError, DownloadError, InvalidSafetensorsError, InvalidEmbeddingError, IntegrityError
   */
  async set(id: string, source: Sent, embedding: string | Blob, options: KeepOptions): Promise<EncodedImage> {
    const start = performance.now();
    let read = start;
    const open = async (): Promise<KnownEmbedding> => {
      const [picture, file] = await Promise.all([this.#look(source), this.#open(embedding)]);
      read = performance.now();
      const { info, tensors } = await readEmbedding(file);
      checkEmbedding(info, { fingerprint: this.#fingerprint, id: this.#predictor.spec.id }, picture);
      return { width: info.width, height: info.height, tensors };
    };
    const size = await this.#predictor.setEmbedding(id, open, options);
    const preprocess = performance.now() - read;
    return { ...size, timings: { decodeImage: read - start, preprocess, encode: 0 } };
  }

  /** Size and hash of a picture; one that came as pixels has no hash, and is freed. */
  async #look(source: Sent): Promise<EmbeddedPicture> {
    const file = await this.#files.fileOf(source);
    if (!file) {
      const picture = await this.#decode(source);
      const { width, height } = picture;
      picture.close();
      return { width, height, sha256: null };
    }
    const header = await readImageHeader(file);
    if (!header)
      throw new Sam2Error("InvalidImageError", `expected a picture (${IMAGE_FORMATS}), got ${file.size} bytes`);
    checkSize(header, this.#maxPixels);
    return { width: header.width, height: header.height, sha256: await hashOf(file) };
  }

  async #open(embedding: string | Blob): Promise<Blob> {
    if (embedding instanceof Blob) return embedding;
    return (await this.#files.openPath(embedding)) ?? fetchEmbedding(embedding, this.#base);
  }
}
