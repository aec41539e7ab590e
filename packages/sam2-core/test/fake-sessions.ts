/** A model's sessions that compute nothing, and count what they hold. */
import type { Tensor } from "../src/prompt/prompt.ts";
import type { Decoded, Embedding, Sessions } from "../src/runtime/sessions.ts";

/** The model that they are of. */
export const SPEC = {
  id: "fake",
  imageSize: 4,
  maskSize: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  dynamicMultimask: { enabled: false, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
};

interface FakeEmbedding extends Embedding {
  isFreed: boolean;
}

/** Sessions that count what they hold; an encoding ends when the test says so, where `slow` is true. */
export class FakeSessions implements Sessions {
  encoded = 0;
  held = 0;
  loaded = 0;
  disposed = 0;
  lost: string | null = null;
  encodes = true;
  slow = false;
  readonly waiting: (() => void)[] = [];

  async encode(_: Float32Array, signal?: AbortSignal): Promise<FakeEmbedding> {
    signal?.throwIfAborted();
    if (!this.encodes) throw new Error("the encoder is not open");
    this.encoded++;
    if (this.slow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.lost !== null) throw new Error("the device was lost");
    this.held++;
    return { tensors: {}, bytes: 10, encodeTime: 7, isFreed: false };
  }

  async decode({ isFreed }: FakeEmbedding): Promise<Decoded> {
    if (isFreed) throw new Error("the embedding was freed");
    if (this.lost !== null) throw new Error("the device was lost");
    return {
      masks: { data: new Float32Array(4), dims: [1, 4, 1, 1] },
      scores: { data: new Float32Array(4), dims: [1, 4] },
      objectScores: { data: new Float32Array(1), dims: [1, 1] },
    };
  }

  async release(embedding: FakeEmbedding): Promise<void> {
    embedding.isFreed = true;
    this.held--;
  }

  async wasLost(): Promise<boolean> {
    await Promise.resolve();
    return this.lost !== null;
  }

  async read(): Promise<Record<string, Tensor>> {
    return {};
  }

  async load(): Promise<FakeEmbedding> {
    this.loaded++;
    this.held++;
    return { tensors: {}, bytes: 10, encodeTime: 0, isFreed: false };
  }

  async dispose(): Promise<void> {
    this.disposed++;
  }
}
