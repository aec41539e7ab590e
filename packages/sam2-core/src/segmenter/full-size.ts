/** Masks of the image's size, made from what the worker sends: low-resolution logits, and close-ups of small things. */
import { Sam2Error } from "sam2-contract";
import { type CloseUp, closeUpMask, pasteCloseUp } from "../detail/carry.ts";
import { type Mask, resizeLogits, resizeMask } from "../mask/mask.ts";
import type { Tensor } from "../prompt/prompt.ts";

/** K masks for each of B objects, as the worker sends them. */
export interface LowResolution {
  /** [B,K,S/4,S/4]. */
  readonly settledLogits: Tensor;
  /** What a second look found of each object's best mask, or null. */
  readonly closeUps: readonly (CloseUp | null)[];
  /** Pixels of the image. */
  readonly width: number;
  /** Pixels of the image. */
  readonly height: number;
}

/** One mask's logits of [B,K,side,side], and their side. @throws InvalidMaskError */
export function planeOf({ data, dims }: Tensor, object: number, index: number): [Float32Array, number] {
  const [batch = 0, count = 0, side = 0] = dims;
  const isIn = (place: number, places: number): boolean => Number.isInteger(place) && place >= 0 && place < places;
  if (!isIn(object, batch) || !isIn(index, count)) {
    throw new Sam2Error(
      "InvalidMaskError",
      `mask ${index} of object ${object}: there are ${count} masks of ${batch} objects`,
    );
  }
  const at = object * count + index;
  return [data.subarray(at * side * side, (at + 1) * side * side), side];
}

/** A second look is at the best mask only. */
function closeUpOf({ closeUps }: LowResolution, object: number, index: number): CloseUp | null {
  return (index === 0 && closeUps[object]) || null;
}

/** @throws InvalidMaskError */
export function fullMask(result: LowResolution, object: number, index: number): Mask {
  const { settledLogits, width, height } = result;
  const plane = planeOf(settledLogits, object, index);
  const closeUp = closeUpOf(result, object, index);
  return closeUp ? closeUpMask(closeUp, width, height) : resizeMask(...plane, width, height);
}

/** @throws InvalidMaskError */
export function fullLogits(result: LowResolution, object: number, index: number): Float32Array {
  const { settledLogits, width, height } = result;
  const full = resizeLogits(...planeOf(settledLogits, object, index), width, height);
  const closeUp = closeUpOf(result, object, index);
  if (closeUp) pasteCloseUp(full, width, closeUp);
  return full;
}
