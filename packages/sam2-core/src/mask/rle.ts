/** COCO run-length encoding: runs down the columns, starting with zeros; the compressed form is pycocotools'. */
import { Sam2Error } from "sam2-contract";
import type { Mask } from "./mask.ts";

/** Compressed COCO RLE, as pycocotools writes it; `size` is height, width. */
export interface Rle {
  /** Height, width. */
  readonly size: readonly [number, number];
  /** The runs, as pycocotools compresses them. */
  readonly counts: string;
}

/** Collects stretches of ones, in order, as lengths of the runs of 0, 1, 0, … */
export class RunWriter {
  readonly #runs = [0];
  #end = 0;

  /** Sets the positions from `from` up to, not including, `to`. */
  add(from: number, to: number): void {
    if (from > this.#end || this.#runs.length === 1) {
      if (this.#runs.length % 2 === 1) this.#runs[this.#runs.length - 1] = from - this.#end;
      else this.#runs.push(from - this.#end);
      this.#runs.push(to - from);
    } else {
      this.#runs[this.#runs.length - 1] = (this.#runs.at(-1) as number) + to - from;
    }
    this.#end = to;
  }

  /** Ends the list: the runs of all `total` positions. */
  finish(total: number): number[] {
    const rest = total - this.#end;
    if (this.#runs.length === 1) return [total];
    return rest > 0 ? [...this.#runs, rest] : this.#runs;
  }
}

/** Lengths of the runs of 0, 1, 0, … down the columns. */
export function maskToRuns({ data, width, height }: Mask): number[] {
  const runs: number[] = [];
  let value = 0;
  let length = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0, at = x; y < height; y++, at += width) {
      if (data[at] === value) {
        length++;
      } else {
        runs.push(length);
        value ^= 1;
        length = 1;
      }
    }
  }
  runs.push(length);
  return runs;
}

/**
 * Encodes a mask.
 *
 * @example
 * ```ts
 * encodeRle({ data: Uint8Array.of(0, 1, 1, 1), width: 2, height: 2 }); // { size: [2, 2], counts: "13" }
 * ```
 */
export function encodeRle(mask: Mask): Rle {
  return compressRuns(maskToRuns(mask), [mask.height, mask.width]);
}

/**
 * Writes runs as text.
 *
 * From the fourth run on, what is written is the difference from the run two places earlier. Each number is
 * split into groups of five bits, lowest first; a group plus 48 is a character, and bit 5 is set where more groups
 * follow (pycocotools, maskApi.c, `rleToString`).
 *
 * @example
 * ```ts
 * compressRuns([1, 3], [2, 2]); // { size: [2, 2], counts: "13" }
 * ```
 */
export function compressRuns(runs: readonly number[], size: readonly [number, number]): Rle {
  const codes: string[] = [];
  for (const [index, run] of runs.entries()) {
    let value = index > 2 ? run - (runs[index - 2] as number) : run;
    for (let more = true; more; ) {
      const group = value & 0x1f;
      value >>= 5;
      more = group & 0x10 ? value !== -1 : value !== 0;
      codes.push(String.fromCharCode((more ? group | 0x20 : group) + 48));
    }
  }
  return { size, counts: codes.join("") };
}

/** Pixels of the largest mask: the numbers in the text have 32 bits. */
const MOST_PIXELS = 2 ** 31 - 1;

function invalid(message: string): Sam2Error {
  return new Sam2Error("InvalidMaskError", `RLE: ${message}`);
}

/** Checks the size, and the type of the rest. */
function checkForm(rle: Rle): void {
  const { size, counts } = (rle ?? {}) as Partial<Record<keyof Rle, unknown>>;
  const isSide = (side: unknown): boolean => Number.isInteger(side) && (side as number) >= 1;
  if (!Array.isArray(size) || size.length !== 2 || !size.every(isSide) || size[0] * size[1] > MOST_PIXELS) {
    const isList = Array.isArray(size) && size.every((side) => typeof side === "number");
    throw invalid(
      `expected a size [height, width] of 1 to ${MOST_PIXELS} pixels, got ${isList ? `[${size}]` : typeof size}`,
    );
  }
  if (typeof counts !== "string") throw invalid(`expected counts as text, got ${typeof counts}`);
}

/**
 * Reads runs back.
 *
 * @throws InvalidMaskError when the runs do not add up to the size, or the size is none
 *
 * @example
 * ```ts
 * expandRuns({ size: [2, 2], counts: "13" }); // [1, 3]: one pixel outside, then three inside
 * ```
 */
export function expandRuns(rle: Rle): number[] {
  checkForm(rle);
  const {
    size: [height, width],
    counts,
  } = rle;
  const runs: number[] = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; shift += 5) {
      if (at >= counts.length) throw invalid("the last number is cut off");
      const code = counts.charCodeAt(at++) - 48;
      value |= (code & 0x1f) << shift;
      more = (code & 0x20) !== 0;
      if (!more && code & 0x10) value |= -1 << (shift + 5);
    }
    if (runs.length > 2) value += runs[runs.length - 2] as number;
    runs.push(value);
  }
  let total = 0;
  for (const [index, run] of runs.entries()) {
    total += run;
    if (run < 0 || total > width * height) throw invalid(`run ${index} of ${run} leaves the ${width}×${height} mask`);
  }
  if (total !== width * height) throw invalid(`runs add up to ${total}, expected ${width * height}`);
  return runs;
}

/**
 * Decodes what `encodeRle` and pycocotools write.
 *
 * @throws InvalidMaskError when the runs do not add up to the size, or the size is none
 *
 * @example
 * ```ts
 * decodeRle({ size: [2, 2], counts: "13" }).data; // Uint8Array [0, 1, 1, 1]
 * ```
 */
export function decodeRle(rle: Rle): Mask {
  const runs = expandRuns(rle);
  const [height, width] = rle.size;
  const data = new Uint8Array(width * height);
  let position = 0;
  for (const [index, run] of runs.entries()) {
    if (index % 2 === 1) {
      let x = Math.floor(position / height);
      let y = position % height;
      for (let i = 0; i < run; i++) {
        data[y * width + x] = 1;
        if (++y === height) {
          y = 0;
          x++;
        }
      }
    }
    position += run;
  }
  return { data, width, height };
}

/**
 * Number of pixels in the mask.
 *
 * @throws InvalidMaskError as `decodeRle` does
 *
 * @example
 * ```ts
 * rleArea({ size: [2, 2], counts: "13" }); // 3
 * ```
 */
export function rleArea(rle: Rle): number {
  return expandRuns(rle).reduce((area, run, index) => (index % 2 === 1 ? area + run : area), 0);
}
