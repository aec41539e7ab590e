/** The answer to a prompt. */
import type { CloseUp } from "../detail/carry.ts";
import type { DetailedPrediction } from "../detail/second-look.ts";
import type { Mask } from "../mask/mask.ts";
import { maskToPolygons, type Polygon, type PolygonOptions, polygonsToPath } from "../mask/polygon.ts";
import { encodeRle, type Rle } from "../mask/rle.ts";
import type { Tensor } from "../prompt/prompt.ts";
import { fullLogits, fullMask, planeOf } from "./full-size.ts";

/** The encoding that an answer came from: the quick draft, or the full model's. */
export type Quality = "draft" | "full";

/** What a result is made from. @internal */
export interface ResultParts {
  readonly prediction: DetailedPrediction;
  readonly width: number;
  readonly height: number;
  readonly returnLogits: boolean;
  readonly quality: Quality;
}

/** Which mask of a result; the best of the first object by default. */
export interface MaskChoice {
  /** Place among the object's masks: 0, the default, is the best. */
  readonly index?: number | undefined;
  /** Place of the object in the prompt; 0 by default. */
  readonly object?: number | undefined;
}

/**
 * The answer to a prompt: K masks for each of B objects, best first (as the first look scored them, where there was a second).
 *
 * Only low-resolution logits are sent from the worker. Full-size masks, and what is made from them, are made when they
 * are asked for.
 *
 * ```ts
 * const { counts, size } = result.toRle();
 * const secondBest = result.toPolygons({ index: 1, tolerance: 1 });
 * ```
 */
export class SegmentResult {
  /** Predicted IoU [B,K]. */
  readonly scores: Tensor;
  /** Low-resolution logits [B,K,S/4,S/4], clamped to ±32; one of them is a `mask_input`. */
  readonly logits: Tensor;
  /** The logits that masks are made from: `logits` with small regions removed, if the prompt asked for that. */
  readonly settledLogits: Tensor;
  /** Whether there is an object at all, as logits [B,1]. */
  readonly objectScores: Tensor;
  /**
   * What the second look found of each object, [B]: its best mask, closer. Null where `SegmentOptions.detail` asked for no
   * second look, or where it was no better than the first.
   */
  readonly closeUps: readonly (CloseUp | null)[];
  /** Pixels of the image and of full-size masks. */
  readonly width: number;
  /** Pixels of the image and of full-size masks. */
  readonly height: number;
  /** Milliseconds that the worker took for the prompt, with waiting for other calls; with a second look, its encoding too. */
  readonly decodeTime: number;
  /** Which encoding of the image it came from; see `SegmenterOptionsOf.draft`. */
  readonly quality: Quality;
  /** Whether `masks` holds logits; see `SegmentPrompt.return_logits`. */
  readonly returnLogits: boolean;
  #masks: Tensor<Float32Array | Uint8Array> | undefined;

  /** @internal */
  constructor({ prediction, width, height, returnLogits, quality }: ResultParts) {
    this.scores = prediction.scores;
    this.logits = prediction.logits;
    this.settledLogits = prediction.settled;
    this.objectScores = prediction.objectScores;
    this.closeUps = prediction.closeUps;
    this.decodeTime = prediction.decode;
    this.width = width;
    this.height = height;
    this.quality = quality;
    this.returnLogits = returnLogits;
  }

  /** One mask of full size; the best of the first object by default. */
  mask(index = 0, object = 0): Mask {
    return fullMask(this, object, index);
  }

  /** A mask in COCO's compressed run-length encoding, as pycocotools writes it. */
  toRle({ index, object }: MaskChoice = {}): Rle {
    return encodeRle(this.mask(index, object));
  }

  /** A mask's outlines, with holes, in pixels of the image. */
  toPolygons({ tolerance, index, object }: PolygonOptions & MaskChoice = {}): Polygon[] {
    return maskToPolygons(this.mask(index, object), { tolerance });
  }

  /**
   * A mask as the text of an SVG of the image's size: one path, filled with `currentColor`, so that a page gives it its
   * color by CSS.
   */
  toSvg(options: PolygonOptions & MaskChoice = {}): string {
    const path = polygonsToPath(this.toPolygons(options));
    const box = `viewBox="0 0 ${this.width} ${this.height}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${box}><path fill="currentColor" fill-rule="evenodd" d="${path}"/></svg>`;
  }

  /** One mask's low-resolution logits [1,1,S/4,S/4], to be given back as `mask_input`. */
  maskInput(index = 0, object = 0): Tensor {
    const [data, side] = planeOf(this.logits, object, index);
    return { data: data.slice(), dims: [1, 1, side, side] };
  }

  /** All masks [B,K,H,W]: 0 and 1 in bytes, or float logits where `return_logits` was asked for. */
  get masks(): Tensor<Float32Array | Uint8Array> {
    if (this.#masks) return this.#masks;
    const [batch = 0, count = 0] = this.logits.dims;
    const { width, height } = this;
    const size = width * height;
    const data = new (this.returnLogits ? Float32Array : Uint8Array)(batch * count * size);
    for (let at = 0; at < batch * count; at++) {
      const [object, index] = [Math.floor(at / count), at % count];
      data.set(this.returnLogits ? fullLogits(this, object, index) : fullMask(this, object, index).data, at * size);
    }
    this.#masks = { data, dims: [batch, count, height, width] };
    return this.#masks;
  }
}
