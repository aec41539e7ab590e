/** A result in the JSON form of Livepeer's `POST /segment-anything-2`. */
import type { Tensor } from "../prompt/prompt.ts";
import type { SegmentResult } from "./result.ts";

/** Three strings, each a JSON array. */
export interface LivepeerJson {
  /** Masks, [K,H,W]. */
  readonly masks: string;
  /** Predicted IoU, [K]. */
  readonly scores: string;
  /** Low-resolution logits, [K,S/4,S/4]. */
  readonly logits: string;
}

/** Nests a tensor's values by its shape; an axis of one object is dropped, as the service does. */
function nested({ data, dims }: Tensor<Float32Array | Uint8Array>): string {
  const write = (axis: number, from: number, to: number): string => {
    if (axis === dims.length) return String(data[from]);
    const size = dims[axis] as number;
    const step = (to - from) / size;
    return `[${Array.from({ length: size }, (_, i) => write(axis + 1, from + i * step, from + (i + 1) * step)).join()}]`;
  };
  const start = dims[0] === 1 ? 1 : 0;
  return write(start, 0, data.length);
}

/**
 * Masks, scores and logits as the service returns them, sorted by descending score.
 *
 * @example
 * ```ts
 * const { masks, scores, logits } = toLivepeerJSON(result); // three strings, each a JSON array
 * ```
 */
export function toLivepeerJSON(result: SegmentResult): LivepeerJson {
  return { masks: nested(result.masks), scores: nested(result.scores), logits: nested(result.logits) };
}
