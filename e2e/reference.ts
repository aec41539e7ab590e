/** What PyTorch answers to each kind of prompt about the fixtures' photograph, and how an answer is compared with it. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decodeRle, maskIou, type Rle, type SegmentPrompt } from "sam2-web";
import { expect } from "vitest";

/** The folder of the photograph and of the answers. */
export const PHOTO: string = fileURLToPath(new URL("../models/reference/fixtures/photo/", import.meta.url));

/** A prompt, and what PyTorch answers: scores and masks of each object, best first. */
export type Case = Omit<SegmentPrompt, "mask_input"> & { mask_input?: true; scores: number[][]; masks: Rle[][] };

/** An answer to be compared: scores and masks of all objects, one after the other. */
export interface Answer {
  readonly scores: readonly number[];
  readonly masks: readonly Rle[];
}

/** The answers of a model, `expected.json` for the toy, `expected-sam2-mini.json` for the built-in one. */
export async function readCases(file: string): Promise<readonly Case[]> {
  return JSON.parse(await readFile(`${PHOTO}${file}`, "utf8"));
}

/** How far an answer may be from PyTorch's: its scores, and the IoU of its masks. */
export interface Bounds {
  readonly score: number;
  readonly iou: number;
}

/** Scores and masks within bounds, by default those of float32. */
export function expectSame(
  answer: Answer | undefined,
  { scores, masks, ...prompt }: Case,
  bounds: Bounds = { score: 5e-4, iou: 0.999 },
): void {
  const name = JSON.stringify(prompt);
  if (!answer) expect.fail(`no answer to ${name}`);
  for (const [i, score] of scores.flat().entries()) {
    expect(Math.abs((answer.scores[i] ?? Number.NaN) - score), name).toBeLessThan(bounds.score);
  }
  for (const [i, rle] of masks.flat().entries()) {
    const came = answer.masks[i] ?? expect.fail(`too few masks for ${name}`);
    expect(came.size).toEqual(rle.size);
    expect(maskIou(decodeRle(came), decodeRle(rle)), name).toBeGreaterThanOrEqual(bounds.iou);
  }
}
