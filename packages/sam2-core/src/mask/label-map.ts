/** Several masks as one picture of labels. */
import { Sam2Error } from "sam2-contract";
import { checkSameSize, type Mask, maskArea } from "./mask.ts";

/** All masks in one map: 0 for the background, i + 1 for `masks[i]`; where masks overlap, the smallest wins. */
export interface LabelMap {
  /** width · height labels, row-major. */
  readonly data: Uint16Array;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/**
 * Combines masks of one size.
 *
 * @throws InvalidMaskError when there are none, when their sizes differ, or for more than 65,535
 *
 * @example
 * ```ts
 * import type { Mask } from "sam2-web";
 *
 * const everything = await segmenter.segmentEverything(image, { output_mode: "binary_mask" });
 * const { data } = toLabelMap(everything.map(({ segmentation }) => segmentation as Mask)); // 0 is none of them
 * ```
 */
export function toLabelMap(masks: readonly Mask[]): LabelMap {
  const [first] = masks;
  if (!first) throw new Sam2Error("InvalidMaskError", "expected at least one mask, got none");
  if (masks.length > 65_535)
    throw new Sam2Error("InvalidMaskError", `expected at most 65535 masks, got ${masks.length}`);
  const { width, height } = first;
  const data = new Uint16Array(width * height);
  const largestFirst = masks.map((mask, i) => ({ mask, i, area: maskArea(mask) })).sort((a, b) => b.area - a.area);
  for (const { mask, i } of largestFirst) {
    checkSameSize(mask, first);
    for (let at = 0; at < data.length; at++) if (mask.data[at] === 1) data[at] = i + 1;
  }
  return { data, width, height };
}
