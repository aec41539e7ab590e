/** COCO run-length encoding: runs down the columns, starting with zeros; the compressed form is pycocotools'. */
import type { Mask } from "./mask.ts";

/** Compressed COCO RLE, as pycocotools writes it; `size` is height, width. */
export interface Rle {
  /** Height, width. */
  readonly size: readonly [number, number];
  /** The runs, as pycocotools compresses them. */
  readonly counts: string;
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
 * From the fourth run on, the difference to the run two before is written, in groups of five bits,
 * lowest first, each group plus 48 as a character; bit 5 says that more follow (pycocotools,
 * maskApi.c, `rleToString`).
 */
export function encodeRle(mask: Mask): Rle {
  const runs = maskToRuns(mask);
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
  return { size: [mask.height, mask.width], counts: codes.join("") };
}

/**
 * Decodes what `encodeRle` and pycocotools write.
 *
 * @throws RangeError when the runs do not add up to the size
 */
export function decodeRle({ size: [height, width], counts }: Rle): Mask {
  const data = new Uint8Array(width * height);
  const runs: number[] = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; shift += 5) {
      if (at >= counts.length) throw new RangeError("RLE: the last number is cut off");
      const code = counts.charCodeAt(at++) - 48;
      value |= (code & 0x1f) << shift;
      more = (code & 0x20) !== 0;
      if (!more && code & 0x10) value |= -1 << (shift + 5);
    }
    if (runs.length > 2) value += runs[runs.length - 2] as number;
    runs.push(value);
  }
  let position = 0;
  for (const [index, run] of runs.entries()) {
    if (run < 0 || position + run > data.length)
      throw new RangeError(`RLE: run ${index} of ${run} leaves the ${width}×${height} mask`);
    if (index % 2 === 1) {
      for (let i = position; i < position + run; i++) data[(i % height) * width + Math.floor(i / height)] = 1;
    }
    position += run;
  }
  if (position !== data.length) throw new RangeError(`RLE: runs add up to ${position}, expected ${data.length}`);
  return { data, width, height };
}
