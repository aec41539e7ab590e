/** The candidate masks, as buttons with thumbnails. */
import type { SegmentResult } from "sam2-web";
import { element } from "./element.ts";

/** A result, and which of its masks is shown. */
export interface Answer {
  readonly result: SegmentResult;
  readonly chosen: number;
}

/** How many masks there are to choose from. */
export function candidateCount({ result }: Answer): number {
  return result.scores.dims[1] as number;
}

/** The low-resolution logits of the mask that is shown, and their side. */
export function shownLogits({ result, chosen }: Answer): { readonly data: Float32Array; readonly side: number } {
  const side = result.settledLogits.dims[3] as number;
  return { data: result.settledLogits.data.subarray(chosen * side * side, (chosen + 1) * side * side), side };
}

/** Shows the candidates of an answer, or none. */
export function showCandidates(answer: Answer | undefined, choose: (index: number) => void): void {
  element("candidates").replaceChildren(
    ...Array.from({ length: answer ? candidateCount(answer) : 0 }, (_, index) => {
      const { result, chosen } = answer as Answer;
      const score = (result.scores.data[index] as number).toFixed(2);
      const button = document.createElement("button");
      button.type = "button";
      button.role = "radio";
      button.ariaChecked = String(index === chosen);
      button.ariaLabel = `Candidate ${index + 1}, score ${score}`;
      button.append(thumbnail(result, index), score);
      button.addEventListener("click", () => choose(index));
      return button;
    }),
  );
}

/** The low-resolution mask as a small picture. */
function thumbnail(result: SegmentResult, index: number): HTMLCanvasElement {
  const { data, side } = shownLogits({ result, chosen: index });
  const small = document.createElement("canvas");
  small.width = side;
  small.height = Math.max(1, Math.round((side * result.height) / result.width));
  const context = small.getContext("2d");
  const pixels = context?.createImageData(side, small.height);
  if (!context || !pixels) return small;
  for (let y = 0; y < small.height; y++) {
    const row = Math.floor((y / small.height) * side) * side;
    for (let x = 0; x < side; x++) {
      if ((data[row + x] as number) > 0) pixels.data.set([29, 110, 216, 255], 4 * (y * side + x));
    }
  }
  context.putImageData(pixels, 0, 0);
  return small;
}
