/** What a model answered to a prompt, and which of its masks is shown. */
import { encodeRle, type Rle, type SegmentResult } from "sam2-web";

/** A result, and which of its masks is shown. */
export interface Answer {
  readonly result: SegmentResult;
  readonly chosen: number;
}

/** Low-resolution logits [side,side]. */
export interface MaskLogits {
  readonly data: Float32Array;
  readonly side: number;
}

/** How many masks there are to choose from. */
export function candidateCount({ result }: Answer): number {
  return result.scores.dims[1] as number;
}

/** The score of a candidate: the IoU that the model predicts. */
export function scoreOf({ result }: Answer, index: number): number {
  return result.scores.data[index] as number;
}

/** The low-resolution logits of a candidate, by default of the one that is shown. */
export function logitsOf({ result, chosen }: Answer, index: number = chosen): MaskLogits {
  const side = result.settledLogits.dims[3] as number;
  return { data: result.settledLogits.data.subarray(index * side * side, (index + 1) * side * side), side };
}

/** Masks that were made of answers. */
const made = new WeakMap<SegmentResult, Map<number, Rle>>();

/** The mask that is shown, at the picture's size; made once. */
export function rleOfAnswer({ result, chosen }: Answer): Rle {
  const ofResult = made.get(result) ?? new Map<number, Rle>();
  made.set(result, ofResult);
  const rle = ofResult.get(chosen) ?? encodeRle(result.mask(chosen));
  ofResult.set(chosen, rle);
  return rle;
}

/** What is drawn of an answer: a mask that was seen closer is finer than its logits. */
export function shapeOf(answer: Answer): MaskLogits | Rle {
  return answer.chosen === 0 && isCloser(answer) ? rleOfAnswer(answer) : logitsOf(answer);
}

/** Whether the best mask was seen closer. */
export function isCloser({ result }: Answer): boolean {
  return Boolean(result.closeUps[0]);
}

/** The box around a mask as shares of the picture's sides, [x1, y1, x2, y2]; null when the mask is empty. */
export function boxOf({ data, side }: MaskLogits): readonly [number, number, number, number] | null {
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if ((data[y * side + x] as number) <= 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return right < 0 ? null : [left / side, top / side, (right + 1) / side, (bottom + 1) / side];
}
