/** The fixtures that PyTorch made, and how answers are compared with them. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decodeRle, maskIou, type Rle, type SegmentPrompt, type SegmentResult } from "sam2-node";
import { expect } from "vitest";

/** The folder of the fixtures. */
export const FIXTURES: string = fileURLToPath(new URL("../../../models/reference/fixtures/", import.meta.url));
/** The fixtures' photograph. */
export const PHOTO = `${FIXTURES}photo/truck.png`;

/** A prompt, and what PyTorch answers: scores and masks of each object, best first. */
export type Case = Omit<SegmentPrompt, "mask_input"> & { mask_input?: true; scores: number[][]; masks: Rle[][] };

/** What PyTorch answers about the photograph. */
export async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(`${FIXTURES}photo/${name}`, "utf8")) as T;
}

/** The mask prompt that PyTorch was given. */
export function maskInput(side: number): { data: Float32Array; dims: number[] } {
  return { data: Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i)), dims: [side, side] };
}

/** Scores within 5e-4, and masks of IoU ≥ 0.999, for each object and each of its masks. */
export function expectAnswer(result: SegmentResult, { scores, masks, ...prompt }: Case): void {
  const name = JSON.stringify(prompt);
  expect(result.scores.dims, name).toEqual([scores.length, scores[0]?.length]);
  for (const [object, expected] of masks.entries()) {
    for (const [index, rle] of expected.entries()) {
      const came = result.scores.data[object * expected.length + index];
      expect(came, name).toBeCloseTo(scores[object]?.[index] as number, 3);
      expect(maskIou(result.mask(index, object), decodeRle(rle)), name).toBeGreaterThanOrEqual(0.999);
    }
  }
}
