/** Encode once, decode many: embeddings kept per image, and which of the masks are answered. */

import { Sam2Error } from "./errors.ts";
import { stretchOnGpu } from "./gpu-stretch.ts";
import { decodeImage, normalise, readPixels, stretch, type TransferableImage } from "./image.ts";
import { clampLogits, stabilityScore } from "./mask.ts";
import type { ModelSpec } from "./model.ts";
import { type SegmentPrompt, type Tensor, toModelPrompt, toRegionLimits } from "./prompt.ts";
import { type RegionLimits, settleSmallRegions } from "./regions.ts";
import type { Decoded, DeviceInfo, Embedding, Sessions } from "./session.ts";

/** Milliseconds that encoding took, by part. */
export interface EncodeTimings {
  /** From the file to pixels. */
  readonly decodeImage: number;
  /** From pixels to the model's input. */
  readonly preprocess: number;
  /** In the image encoder. */
  readonly encode: number;
}

/** What encoding an image is busy with. */
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
  /** The same without the small regions that were asked to go; the same tensor where none were. */
  readonly settled: Tensor;
  /** Predicted IoU [B,K]. */
  readonly scores: Tensor;
  /** Whether there is an object at all, as logits [B,1]. */
  readonly objectScores: Tensor;
  /** Milliseconds in the decoder. */
  readonly decode: number;
}

interface Kept {
  readonly width: number;
  readonly height: number;
  /** The stretched picture: what is needed to encode it again after the GPU was lost. */
  readonly rgb: Uint8ClampedArray;
  embedding: Embedding;
  /** The sessions that made the embedding. */
  sessions: Sessions;
}

/** Holds one model's sessions and the images that were encoded with it. */
export class Predictor {
  readonly spec: ModelSpec;
  readonly #reopen: () => Promise<Sessions>;
  readonly #budget: number;
  readonly #images = new Map<string, Kept>();
  #sessions: Sessions;
  #reviving: Promise<Sessions> | null = null;

  /**
   * @param reopen opens sessions anew, for when the GPU was lost
   * @param budget bytes that embeddings may take together; the least recently used go first
   */
  constructor(spec: ModelSpec, sessions: Sessions, reopen: () => Promise<Sessions>, budget: number) {
    this.spec = spec;
    this.#sessions = sessions;
    this.#reopen = reopen;
    this.#budget = budget;
  }

  /** What runs where; another than at first when the GPU was lost. */
  get device(): DeviceInfo {
    return this.#sessions.device;
  }

  /** Encodes an image and keeps it as `id`; an image of the same id is replaced. */
  async setImage(id: string, source: TransferableImage, onPhase: (phase: EncodePhase) => void): Promise<EncodedImage> {
    onPhase("decode");
    const start = performance.now();
    const bitmap = await decodeImage(source);
    const decoded = performance.now();
    onPhase("preprocess");
    const { width, height } = bitmap;
    const rgb = await this.#stretched(bitmap).finally(() => bitmap.close());
    const prepared = performance.now();
    onPhase("encode");
    const { embedding, sessions } = await this.#encode(rgb);
    await this.releaseImage(id);
    this.#images.set(id, { width, height, rgb, embedding, sessions });
    await this.#keepBudget(id);
    const encode = performance.now() - prepared;
    const timings = { decodeImage: decoded - start, preprocess: prepared - decoded, encode };
    return { width, height, timings };
  }

  /** On the GPU where the sessions are there and it can hold the picture. */
  async #stretched(bitmap: ImageBitmap): Promise<Uint8ClampedArray> {
    const { imageSize } = this.spec;
    const onGpu = this.#sessions.onGpu((device) => stretchOnGpu(device, bitmap, imageSize));
    const rgb = await onGpu?.catch(() => null);
    return rgb ?? stretch(readPixels(bitmap), imageSize);
  }

  /** Width and height of an image. @throws ImageReleasedError */
  sizeOf(id: string): { readonly width: number; readonly height: number } {
    return this.#kept(id);
  }

  /** Decodes a prompt for an image. @throws ImageReleasedError, InvalidPromptError */
  async predict(id: string, prompt: SegmentPrompt): Promise<Prediction> {
    const start = performance.now();
    const limits = toRegionLimits(prompt);
    const prediction = await this.predictUnclamped(id, prompt);
    clampLogits(prediction.logits.data);
    const settled = limits ? withoutSmallRegions(prediction.logits, limits) : prediction.logits;
    return { ...prediction, settled, decode: performance.now() - start };
  }

  /** The same with the logits as the decoder gave them. */
  async predictUnclamped(id: string, prompt: SegmentPrompt): Promise<Omit<Prediction, "settled" | "decode">> {
    const kept = this.#kept(id);
    this.#images.delete(id);
    this.#images.set(id, kept);
    const { imageSize, maskSize } = this.spec;
    const modelPrompt = toModelPrompt(prompt, { width: kept.width, height: kept.height, imageSize, maskSize });
    const decoded = await this.#onGoodSessions(async (sessions) => {
      if (kept.sessions !== sessions) Object.assign(kept, await this.#encode(kept.rgb));
      return kept.sessions.decode(kept.embedding, modelPrompt);
    });
    return { ...select(decoded, modelPrompt.multimask, this.spec), objectScores: decoded.objectScores };
  }

  #kept(id: string): Kept {
    const kept = this.#images.get(id);
    if (!kept) throw new Sam2Error("ImageReleasedError", "the image is no longer kept; call setImage again");
    return kept;
  }

  #encode(rgb: Uint8ClampedArray): Promise<{ embedding: Embedding; sessions: Sessions }> {
    const { mean, std } = this.spec;
    return this.#onGoodSessions(async (sessions) => ({
      embedding: await sessions.encode(normalise(rgb, mean, std)),
      sessions,
    }));
  }

  /** Runs `task`, on new sessions where the GPU was lost before or under it. */
  async #onGoodSessions<T>(task: (sessions: Sessions) => Promise<T>): Promise<T> {
    const sessions = await this.#revived();
    try {
      return await task(sessions);
    } catch (error) {
      if (sessions.lost === null) throw error;
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

  /** Frees an image's embedding; unknown ids are ignored. */
  async releaseImage(id: string): Promise<void> {
    const kept = this.#images.get(id);
    if (!kept) return;
    this.#images.delete(id);
    if (kept.sessions.lost === null) await kept.sessions.release(kept.embedding);
  }

  async #keepBudget(newest: string): Promise<void> {
    const total = (): number => [...this.#images.values()].reduce((sum, { embedding }) => sum + embedding.bytes, 0);
    for (const id of this.#images.keys()) {
      if (id === newest || total() <= this.#budget) return;
      await this.releaseImage(id);
    }
  }
}

function withoutSmallRegions({ data, dims }: Tensor, limits: RegionLimits): Tensor {
  const settled = data.slice();
  const side = dims[3] as number;
  for (let at = 0; at < settled.length; at += side * side) {
    settleSmallRegions(settled.subarray(at, at + side * side), side, limits);
  }
  return { data: settled, dims };
}

/**
 * Chooses among the decoder's masks as Meta's predictor does, and sorts them by score.
 *
 * Several: tokens 1–3. Single: token 0, unless it is unstable; then the best-scored of 1–3 (Ravi et
 * al. 2024; `dynamic_multimask_via_stability`). Files with three masks have no token 0.
 */
function select({ masks, scores }: Decoded, multimask: boolean, spec: ModelSpec): { logits: Tensor; scores: Tensor } {
  const [batch = 0, count = 0, side = 0] = masks.dims;
  const plane = side * side;
  const firstOfSeveral = count > 3 ? 1 : 0;
  const kept = multimask ? count - firstOfSeveral : 1;
  const outMasks = new Float32Array(batch * kept * plane);
  const outScores = new Float32Array(batch * kept);
  for (let b = 0; b < batch; b++) {
    const score = (token: number): number => scores.data[b * count + token] as number;
    const logits = (token: number): Float32Array =>
      masks.data.subarray((b * count + token) * plane, (b * count + token + 1) * plane);
    const several = Array.from({ length: count - firstOfSeveral }, (_, i) => i + firstOfSeveral).sort(
      (x, y) => score(y) - score(x),
    );
    let tokens = several;
    if (!multimask) {
      const { enabled, stabilityDelta, stabilityThreshold } = spec.dynamicMultimask;
      const stable = !enabled || stabilityScore(logits(0), stabilityDelta) >= stabilityThreshold;
      tokens = firstOfSeveral === 1 && stable ? [0] : several.slice(0, 1);
    }
    for (const [rank, token] of tokens.entries()) {
      outScores[b * kept + rank] = score(token);
      outMasks.set(logits(token), (b * kept + rank) * plane);
    }
  }
  return {
    logits: { data: outMasks, dims: [batch, kept, side, side] },
    scores: { data: outScores, dims: [batch, kept] },
  };
}
