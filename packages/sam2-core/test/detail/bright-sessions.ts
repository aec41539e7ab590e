/** A model that finds what is bright, and pictures of bright discs. */
import { type Detail, SecondLooks } from "../../src/detail/second-look.ts";
import type { Picture } from "../../src/image/picture.ts";
import { type Pixels, stretch } from "../../src/image/stretch.ts";
import type { Mask } from "../../src/mask/mask.ts";
import { Predictor } from "../../src/predictor/predictor.ts";
import type { ModelPrompt, Tensor } from "../../src/prompt/prompt.ts";
import type { Decoded, Embedding, Sessions } from "../../src/runtime/sessions.ts";

export const SIZE = 128;
export const CELLS = SIZE / 4;
const SPEC = {
  id: "bright",
  imageSize: SIZE,
  maskSize: CELLS,
  mean: [0.5, 0.5, 0.5],
  std: [1, 1, 1],
  dynamicMultimask: { enabled: false, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
};

interface Seen extends Embedding {
  /** Logits [CELLS,CELLS]: over 0 where the picture is bright. */
  readonly bright: Float32Array;
}

/** Every mask is what is bright; the scores, and what was asked, are the test's. */
export class BrightSessions implements Sessions {
  readonly lost = null;
  readonly encodes = true;
  encoded = 0;
  held = 0;
  readonly asked: ModelPrompt[] = [];
  score = (_: number): number => 0.8;
  flip = (_: number): number => 1;

  async encode(pixels: Float32Array, signal?: AbortSignal): Promise<Seen> {
    signal?.throwIfAborted();
    this.encoded++;
    this.held++;
    const bright = new Float32Array(CELLS * CELLS);
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const cell = (y >> 2) * CELLS + (x >> 2);
        bright[cell] = (bright[cell] as number) + (pixels[y * SIZE + x] as number);
      }
    }
    return { tensors: {}, bytes: 10, encodeTime: 0, bright };
  }

  async decode(embedding: Embedding, prompt: ModelPrompt): Promise<Decoded> {
    this.asked.push(prompt);
    const [batch = 0] = prompt.coords.dims;
    const look = this.asked.length;
    const plane = (embedding as Seen).bright.map((value) => value * this.flip(look));
    const masks = new Float32Array(batch * 4 * plane.length);
    for (let i = 0; i < batch * 4; i++) masks.set(plane, i * plane.length);
    return {
      masks: { data: masks, dims: [batch, 4, CELLS, CELLS] },
      scores: { data: new Float32Array(batch * 4).fill(this.score(look)), dims: [batch, 4] },
      objectScores: { data: new Float32Array(batch), dims: [batch, 1] },
    };
  }

  async release(): Promise<void> {
    this.held--;
  }

  async wasLost(): Promise<boolean> {
    return false;
  }

  async read(): Promise<Record<string, Tensor>> {
    return {};
  }

  load(): Promise<Embedding> {
    return Promise.reject(new Error("no embedding is given here"));
  }

  async dispose(): Promise<void> {}
}

/** How many pictures are open. */
export let open = 0;

export function pictureOf({ data, width, height }: Pixels): Picture {
  open++;
  return {
    width,
    height,
    stretched: async (size) => stretch({ data, width, height }, size),
    crop: async (left, top, wide, high) => {
      const part = new Uint8ClampedArray(4 * wide * high);
      for (let y = 0; y < high; y++) {
        const from = 4 * ((top + y) * width + left);
        part.set(data.subarray(from, from + 4 * wide), 4 * y * wide);
      }
      return pictureOf({ data: part, width: wide, height: high });
    },
    close: () => open--,
  };
}

/** A bright disc on black, and the disc as a mask. */
export function disc(
  width: number,
  height: number,
  x0: number,
  y0: number,
  radius: number,
): { pixels: Pixels; truth: Mask } {
  const truth = new Uint8Array(width * height);
  for (let at = 0; at < truth.length; at++) {
    truth[at] = Number(((at % width) + 0.5 - x0) ** 2 + (Math.floor(at / width) + 0.5 - y0) ** 2 < radius ** 2);
  }
  const data = new Uint8ClampedArray(4 * truth.length);
  for (const [at, inside] of truth.entries()) data.fill(255 * inside, 4 * at, 4 * at + 4);
  return { pixels: { data, width, height }, truth: { data: truth, width, height } };
}

interface Setup {
  readonly budget?: number;
  readonly isDisposable?: boolean;
  readonly takesMaskInput?: boolean;
}

export async function looking(
  pixels: Pixels,
  { budget = 1000, isDisposable = false, takesMaskInput = true }: Setup = {},
) {
  const sessions = new BrightSessions();
  const predictor = new Predictor(SPEC, sessions, async () => sessions, { embeddingBudget: budget });
  const looks = new SecondLooks(predictor, takesMaskInput);
  await predictor.setImage(
    "a",
    async () => pictureOf(pixels),
    () => undefined,
    { isDisposable },
  );
  const click = (x: number, y: number, detail: Detail, more: object = {}) =>
    looks.predict("a", { point_coords: [[x, y]], point_labels: [1], ...more }, detail, async () => pictureOf(pixels));
  return { sessions, predictor, looks, click };
}
