/** Encode once, decode many: one model, and the images that were encoded with it. */

import { Sam2Error } from "sam2-contract";
import type { EmbeddingTensors } from "../embedding/codec.ts";
import type { Picture } from "../image/picture.ts";
import { normalize } from "../image/stretch.ts";
import { clampLogits } from "../mask/mask.ts";
import { type RegionLimits, settleSmallRegions, toRegionLimits } from "../mask/regions.ts";
import type { ModelSpec } from "../model/spec.ts";
import {
  type ModelPrompt,
  type PromptSpace,
  type SegmentPrompt,
  type Tensor,
  toModelPrompt,
} from "../prompt/prompt.ts";
import type { Embedding, Sessions } from "../runtime/sessions.ts";
import { selectMasks } from "./select.ts";

/** How often a picture is encoded for one call, where others take its place before each answer. */
export const MOST_ENCODINGS = 10;

/** Milliseconds that encoding took, by part. */
export interface EncodeTimings {
  /** From the file to pixels. */
  readonly decodeImage: number;
  /** From pixels to the model's input. */
  readonly preprocess: number;
  /** In the image encoder, its turn not waited for. */
  readonly encode: number;
}

/** The steps of encoding an image. */
export type EncodePhase = "decode" | "preprocess" | "encode";

/** An image that is ready for prompts. */
export interface EncodedImage {
  readonly width: number;
  readonly height: number;
  readonly timings: EncodeTimings;
}

/** Answer to a prompt: K masks for each of B objects, best first. */
export interface Prediction {
  /** Low-resolution logits [B,K,S/4,S/4], clamped to ±32. */
  readonly logits: Tensor;
  /** `logits` with small regions removed, where the prompt asks for that; otherwise the same tensor as `logits`. */
  readonly settled: Tensor;
  /** Predicted IoU [B,K]. */
  readonly scores: Tensor;
  /** Whether there is an object at all, as logits [B,1]. */
  readonly objectScores: Tensor;
  /** Milliseconds that the answer took, with waiting for other calls; with a second look, its encoding too. */
  readonly decode: number;
}

/** What the encoder made of an image, and the sessions that made it. */
interface Encoding {
  readonly embedding: Embedding;
  readonly sessions: Sessions;
}

/** What an embedding is made from, again and again: the stretched picture, or a file's tensors. */
type Origin = { readonly rgb: Uint8ClampedArray } | { readonly tensors: () => Promise<EmbeddingTensors> };

/** An embedding that was made before, and the size of its image. */
export interface KnownEmbedding {
  readonly width: number;
  readonly height: number;
  /** The tensors, anew at each call. */
  tensors(): Promise<EmbeddingTensors>;
}

interface Kept {
  readonly width: number;
  readonly height: number;
  /** Kept since the embedding may make room, or be lost with a GPU. */
  readonly origin: Origin;
  /** Whether the image may be dropped to make room, not only its embedding. */
  readonly isDisposable: boolean;
  /** The image of which it is a part, and which is not dropped to make room for it. */
  readonly partOf: string | undefined;
  /** Null once it made room for others. */
  encoding: Encoding | null;
  /** Pending while the image is encoded again. */
  encodingAgain: Promise<void> | null;
}

/** Options of `Predictor.setImage`. */
export interface KeepOptions {
  /**
   * Whether the image may be dropped to make room for others; prompts for it then throw an ImageReleasedError. By
   * default only its embedding makes room: the image is encoded again when it is next used.
   */
  readonly isDisposable?: boolean;
  /** The image of which this one is a part: it is not dropped to make room for it. Its embedding may make room. */
  readonly partOf?: string;
}

/** Limits on images. */
export interface PredictorLimits {
  /** Bytes of all embeddings together; the least recently used make room first. */
  readonly embeddingBudget: number;
}

/** Holds one model's sessions and the images that were encoded with it. */
export class Predictor {
  readonly spec: ModelSpec;
  readonly #reopen: () => Promise<Sessions>;
  readonly #limits: PredictorLimits;
  readonly #images = new Map<string, Kept>();
  /** Aborts encodings that are under way, by image id. */
  readonly #encoding = new Map<string, AbortController>();
  #sessions: Sessions;
  #reviving: Promise<Sessions> | null = null;
  /** Pending while the encoder is opened, the decoder being open alone. */
  #completing: Promise<void> | null = null;

  /**
   * @param reopen opens sessions with both graphs: after the GPU was lost, or when `sessions` are the decoder alone and a
   *   picture has to be encoded
   */
  constructor(spec: ModelSpec, sessions: Sessions, reopen: () => Promise<Sessions>, limits: PredictorLimits) {
    this.spec = spec;
    this.#sessions = sessions;
    this.#reopen = reopen;
    this.#limits = limits;
  }

  /**
   * Encodes an image and keeps it as `id`; an image of the same id is replaced.
   *
   * `releaseImage` cancels it: steps that have not begun are skipped, and nothing is kept.
   *
   * @param decode gives the picture, which is closed here
   */
  async setImage(
    id: string,
    decode: () => Promise<Picture>,
    onPhase: (phase: EncodePhase) => void,
    { isDisposable = false, partOf }: KeepOptions = {},
  ): Promise<EncodedImage> {
    const unwanted = new AbortController();
    const { signal } = unwanted;
    this.#encoding.get(id)?.abort(released());
    this.#encoding.set(id, unwanted);
    try {
      onPhase("decode");
      const start = performance.now();
      const picture = await decode();
      const decoded = performance.now();
      const { width, height } = picture;
      let rgb: Uint8ClampedArray;
      try {
        signal.throwIfAborted();
        onPhase("preprocess");
        rgb = await picture.stretched(this.spec.imageSize);
      } finally {
        picture.close();
      }
      signal.throwIfAborted();
      const prepared = performance.now();
      await this.#complete();
      onPhase("encode");
      const encode = await this.#keep(id, { width, height, isDisposable, partOf, origin: { rgb } }, signal);
      const timings = { decodeImage: decoded - start, preprocess: prepared - decoded, encode };
      return { width, height, timings };
    } finally {
      if (this.#encoding.get(id) === unwanted) this.#encoding.delete(id);
    }
  }

  /**
   * Keeps an image whose embedding is known as `id`; an image of the same id is replaced. Nothing is encoded.
   *
   * `releaseImage` cancels it, also while the embedding is opened: nothing is kept.
   *
   * @param open gives the embedding
   * @throws InvalidEmbeddingError
   */
  async setEmbedding(
    id: string,
    open: () => Promise<KnownEmbedding>,
    { isDisposable = false, partOf }: KeepOptions = {},
  ): Promise<Pick<KnownEmbedding, "width" | "height">> {
    const unwanted = new AbortController();
    const { signal } = unwanted;
    this.#encoding.get(id)?.abort(released());
    this.#encoding.set(id, unwanted);
    try {
      const { width, height, tensors } = await open();
      signal.throwIfAborted();
      await this.#keep(id, { width, height, isDisposable, partOf, origin: { tensors } }, signal);
      return { width, height };
    } finally {
      if (this.#encoding.get(id) === unwanted) this.#encoding.delete(id);
    }
  }

  /** Makes an image's embedding, and keeps both; returns the encoder's time. */
  async #keep(
    id: string,
    image: Pick<Kept, "width" | "height" | "isDisposable" | "partOf" | "origin">,
    signal: AbortSignal,
  ): Promise<number> {
    const encoding = await this.#encode(image.origin, signal);
    if (signal.aborted) {
      await release(encoding);
      throw signal.reason;
    }
    const freed = this.#forget(id);
    this.#images.set(id, { ...image, encoding, encodingAgain: null });
    await freed;
    await this.#makeRoom(id);
    return encoding.embedding.encodeTime;
  }

  /** Reads an image's embedding. @throws ImageReleasedError */
  async embeddingOf(id: string): Promise<EmbeddingTensors> {
    return this.#withEmbedding(id, (sessions, embedding) => sessions.read(embedding));
  }

  /** Width and height of an image. @throws ImageReleasedError */
  sizeOf(id: string): { readonly width: number; readonly height: number } {
    return this.#kept(id);
  }

  /** Runs the prompt decoder for an image. @throws ImageReleasedError, InvalidPromptError */
  async predict(id: string, prompt: SegmentPrompt): Promise<Prediction> {
    const start = performance.now();
    const limits = toRegionLimits(prompt);
    const prediction = await this.predictUnclamped(id, prompt);
    clampLogits(prediction.logits.data);
    const settled = limits ? withoutSmallRegions(prediction.logits, limits) : prediction.logits;
    return { ...prediction, settled, decode: performance.now() - start };
  }

  /** Like `predict`, but the logits are not clamped and small regions are kept: for everything mode. */
  async predictUnclamped(id: string, prompt: SegmentPrompt): Promise<Omit<Prediction, "settled" | "decode">> {
    return this.answer(id, toModelPrompt(prompt, this.spaceOf(id)));
  }

  /** The sizes by which a prompt for an image is read. @throws ImageReleasedError */
  spaceOf(id: string): PromptSpace {
    const { width, height } = this.#kept(id);
    const { imageSize, maskSize } = this.spec;
    return { width, height, imageSize, maskSize };
  }

  /** Like `predictUnclamped`, for a prompt in the model's own terms. */
  async answer(id: string, modelPrompt: ModelPrompt): Promise<Omit<Prediction, "settled" | "decode">> {
    const decoded = await this.#withEmbedding(id, (sessions, embedding) => sessions.decode(embedding, modelPrompt));
    return { ...selectMasks(decoded, modelPrompt.multimask, this.spec), objectScores: decoded.objectScores };
  }

  /** Runs a task with an image's embedding, which is made again where it is gone. */
  async #withEmbedding<T>(id: string, task: (sessions: Sessions, embedding: Embedding) => Promise<T>): Promise<T> {
    const kept = this.#kept(id);
    this.#images.delete(id);
    this.#images.set(id, kept);
    return this.#onGoodSessions(async () => {
      while (kept.encoding?.sessions !== this.#sessions) await this.#encodeAgain(id, kept);
      return task(kept.encoding.sessions, kept.encoding.embedding);
    });
  }

  #kept(id: string): Kept {
    const kept = this.#images.get(id);
    if (!kept) throw released();
    return kept;
  }

  async #encode(origin: Origin, signal?: AbortSignal): Promise<Encoding> {
    const { mean, std } = this.spec;
    if ("rgb" in origin) await this.#complete();
    return this.#onGoodSessions(async (sessions) => {
      const embedding =
        "rgb" in origin
          ? await sessions.encode(normalize(origin.rgb, mean, std), signal)
          : await sessions.load(await origin.tensors());
      return { embedding, sessions };
    });
  }

  /**
   * Opens the encoder, if the decoder is open alone. Prompts are answered by the earlier sessions meanwhile; if it fails,
   * these stay.
   */
  #complete(): Promise<void> {
    if (this.#sessions.encodes) return Promise.resolve();
    this.#completing ??= this.#reopen()
      .then((sessions) => {
        const before = this.#sessions;
        this.#sessions = sessions;
        // runs that were begun there are waited for
        return before.dispose();
      })
      .finally(() => {
        this.#completing = null;
      });
    return this.#completing;
  }

  /** Encodes an image again, after its embedding made room or was lost; prompts that arrive meanwhile share the one encoding. */
  async #encodeAgain(id: string, kept: Kept): Promise<void> {
    if (this.#images.get(id) !== kept) throw released();
    kept.encodingAgain ??= this.#encode(kept.origin)
      .then(async (encoding) => {
        if (this.#images.get(id) !== kept) {
          await release(encoding);
          throw released();
        }
        kept.encoding = encoding;
        await this.#makeRoom(id);
      })
      .finally(() => {
        kept.encodingAgain = null;
      });
    await kept.encodingAgain;
  }

  /** Runs `task`. If the GPU is lost before or during it, opens new sessions and runs it again there. */
  async #onGoodSessions<T>(task: (sessions: Sessions) => Promise<T>): Promise<T> {
    const sessions = await this.#revived();
    try {
      return await task(sessions);
    } catch (error) {
      if (!(await sessions.wasLost())) throw error;
      return task(await this.#revived());
    }
  }

  #revived(): Promise<Sessions> {
    if (this.#reviving) return this.#reviving;
    if (this.#sessions.lost === null) return Promise.resolve(this.#sessions);
    const old = this.#sessions;
    this.#reviving = old
      .dispose()
      .then(this.#reopen)
      .then((sessions) => {
        this.#sessions = sessions;
        return sessions;
      })
      .finally(() => {
        this.#reviving = null;
      });
    return this.#reviving;
  }

  /** Frees an image's embedding, or cancels its encoding; unknown ids are ignored. */
  async releaseImage(id: string): Promise<void> {
    this.#encoding.get(id)?.abort(released());
    await this.#forget(id);
  }

  async #forget(id: string): Promise<void> {
    const kept = this.#images.get(id);
    this.#images.delete(id);
    if (kept) await freeEncoding(kept);
  }

  /**
   * Frees embeddings, the least recently used first, until the others are within the budget; that of `newest` stays, and
   * so does the image of which it is a part.
   */
  async #makeRoom(newest: string): Promise<void> {
    const whole = this.#images.get(newest)?.partOf;
    const total = (): number =>
      [...this.#images.values()].reduce((sum, { encoding }) => sum + (encoding?.embedding.bytes ?? 0), 0);
    for (const [id, kept] of this.#images) {
      if (total() <= this.#limits.embeddingBudget) return;
      if (id === newest) continue;
      if (kept.isDisposable && id !== whole) this.#images.delete(id);
      await freeEncoding(kept);
    }
  }
}

function released(): Sam2Error {
  return new Sam2Error("ImageReleasedError", "the image is no longer kept; call setImage again");
}

/** Takes the embedding from an image and frees it, unless a lost GPU has. */
async function freeEncoding(kept: Kept): Promise<void> {
  const { encoding } = kept;
  kept.encoding = null;
  if (encoding) await release(encoding);
}

/** Frees an embedding; memory of a lost GPU is gone already. */
async function release({ embedding, sessions }: Encoding): Promise<void> {
  if (sessions.lost === null) await sessions.release(embedding);
}

function withoutSmallRegions({ data, dims }: Tensor, limits: RegionLimits): Tensor {
  const settled = data.slice();
  const side = dims[3] as number;
  for (let at = 0; at < settled.length; at += side * side) {
    settleSmallRegions(settled.subarray(at, at + side * side), side, limits);
  }
  return { data: settled, dims };
}
