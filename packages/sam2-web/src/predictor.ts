/** Encode once, decode many: embeddings kept per image, and which of the masks are answered. */

import { Sam2Error } from "./errors.ts";
import { decodeImage, type TransferableImage, toTensor } from "./image.ts";
import { stabilityScore } from "./mask.ts";
import type { ModelSpec } from "./model.ts";
import { type SegmentPrompt, type Tensor, toModelPrompt } from "./prompt.ts";
import type { Decoded, Embedding, Sessions } from "./session.ts";

/** Milliseconds that encoding took, by part. */
export interface EncodeTimings {
  readonly decodeImage: number;
  readonly preprocess: number;
  readonly encode: number;
}

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
  /** Predicted IoU [B,K]. */
  readonly scores: Tensor;
  /** Whether there is an object at all, as logits [B,1]. */
  readonly objectScores: Tensor;
  /** Milliseconds in the decoder. */
  readonly decode: number;
}

/** Meta's limit of the logits that are handed back. */
const LOGIT_LIMIT = 32;

interface Kept {
  readonly embedding: Embedding;
  readonly source: TransferableImage;
  readonly width: number;
  readonly height: number;
}

/** Holds one model's sessions and the images that were encoded with it. */
export class Predictor {
  readonly spec: ModelSpec;
  readonly #budget: number;
  readonly #images = new Map<string, Kept>();
  #sessions: Sessions;

  /** @param budget bytes that embeddings may take together; the least recently used go first */
  constructor(spec: ModelSpec, sessions: Sessions, budget: number) {
    this.spec = spec;
    this.#sessions = sessions;
    this.#budget = budget;
  }

  /** Encodes an image and keeps it as `id`; an image of the same id is replaced. */
  async setImage(id: string, source: TransferableImage): Promise<EncodedImage> {
    const { spec } = this;
    const start = performance.now();
    const pixels = await decodeImage(source);
    const decoded = performance.now();
    const tensor = toTensor(pixels, spec.imageSize, spec.mean, spec.std);
    const prepared = performance.now();
    const embedding = await this.#sessions.encode(tensor);
    const { width, height } = pixels;
    await this.releaseImage(id);
    this.#images.set(id, { embedding, source, width, height });
    await this.#keepBudget(id);
    const timings = {
      decodeImage: decoded - start,
      preprocess: prepared - decoded,
      encode: performance.now() - prepared,
    };
    return { width, height, timings };
  }

  /** Decodes a prompt for an image. @throws ImageReleasedError, InvalidPromptError */
  async predict(id: string, prompt: SegmentPrompt): Promise<Prediction> {
    const kept = this.#images.get(id);
    if (!kept) throw new Sam2Error("ImageReleasedError", "the image is no longer kept; call setImage again");
    this.#images.delete(id);
    this.#images.set(id, kept);
    const { imageSize, maskSize } = this.spec;
    const modelPrompt = toModelPrompt(prompt, { width: kept.width, height: kept.height, imageSize, maskSize });
    const start = performance.now();
    const decoded = await this.#sessions.decode(kept.embedding, modelPrompt);
    const decode = performance.now() - start;
    return { ...select(decoded, modelPrompt.multimask, this.spec), objectScores: decoded.objectScores, decode };
  }

  /** Frees an image's embedding; unknown ids are ignored. */
  async releaseImage(id: string): Promise<void> {
    const kept = this.#images.get(id);
    if (!kept) return;
    this.#images.delete(id);
    await this.#sessions.release(kept.embedding);
  }

  async #keepBudget(newest: string): Promise<void> {
    const total = (): number => [...this.#images.values()].reduce((sum, { embedding }) => sum + embedding.bytes, 0);
    for (const id of this.#images.keys()) {
      if (id === newest || total() <= this.#budget) return;
      await this.releaseImage(id);
    }
  }

  /** Frees everything. */
  async dispose(): Promise<void> {
    for (const id of [...this.#images.keys()]) await this.releaseImage(id);
    await this.#sessions.dispose();
  }
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
  for (let i = 0; i < outMasks.length; i++) {
    outMasks[i] = Math.min(Math.max(outMasks[i] as number, -LOGIT_LIMIT), LOGIT_LIMIT);
  }
  return {
    logits: { data: outMasks, dims: [batch, kept, side, side] },
    scores: { data: outScores, dims: [batch, kept] },
  };
}
