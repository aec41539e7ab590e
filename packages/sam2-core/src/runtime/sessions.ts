/** What the predictor needs of a runtime: sessions that encode images and decode prompts, on whatever device. */
import type { Dtype } from "sam2-contract";
import type { ModelPrompt, Tensor } from "../prompt/prompt.ts";

/** A tensor of a runtime, on the device that made it. */
export interface DeviceTensor {
  dispose(): void;
}

/** An encoded image; its tensors stay on the device that made them. */
export interface Embedding {
  readonly tensors: Readonly<Record<string, DeviceTensor>>;
  readonly bytes: number;
  /** Milliseconds that the encoder took, its turn not waited for; 0 where the embedding was made before. */
  readonly encodeTime: number;
}

/** The decoder's output for B objects: K masks each; if K is 4, the first is the single-mask token. */
export interface Decoded {
  readonly masks: Tensor;
  readonly scores: Tensor;
  readonly objectScores: Tensor;
}

/** What runs where, and why. `B` names where a graph can run on a platform. */
export interface DeviceInfoOf<B extends string = string> {
  /** Where the image encoder runs. */
  readonly encoder: B;
  /** Where the prompt decoder runs. */
  readonly decoder: B;
  /** Precision of the model's weights, and with `fp16-compute` and `int8` of its arithmetic, too; null for files that do not say. */
  readonly dtype: Dtype | null;
  /** Threads where a graph runs on the CPU. */
  readonly threads: number;
  /** The GPU's name, as far as the platform tells. */
  readonly adapter: string | null;
  /** Why it runs there, for a status line. */
  readonly reason: string;
}

/** Encoder and decoder of one model on one device. An embedding is of use only to the sessions that made it. */
export interface Sessions {
  /** Why the device is gone, or null while it is there. */
  readonly lost: string | null;
  /** Whether the encoder is open, too. Where it is not, `encode` must not be called. */
  readonly encodes: boolean;
  /** Whether a run failed because the device was lost. */
  wasLost(): Promise<boolean>;
  /**
   * Encodes a normalized image [3,S,S].
   *
   * @param signal checked when this call's turn comes; if it is aborted by then, nothing is encoded
   */
  encode(pixels: Float32Array, signal?: AbortSignal): Promise<Embedding>;
  /** Decodes one batch of prompts against an encoded image. */
  decode(embedding: Embedding, prompt: ModelPrompt): Promise<Decoded>;
  /** Reads an embedding. */
  read(embedding: Embedding): Promise<Record<string, Tensor>>;
  /**
   * Takes what `read` gave, of these sessions or of others of the same model.
   *
   * @throws InvalidEmbeddingError for tensors that this model's decoder does not take
   */
  load(tensors: Readonly<Record<string, Tensor>>): Promise<Embedding>;
  /** Frees an embedding's memory. */
  release(embedding: Embedding): Promise<void>;
  /** Frees everything. Nothing may be called after this. */
  dispose(): Promise<void>;
}
