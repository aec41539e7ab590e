/** Pixels → the encoder's input: stretched and normalized as `Sam2Processor` does it. */

/** RGBA pixels, row-major, 8 bits each. */
export interface Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * One axis of a resize: output position i blends `counts[i]` inputs from `starts[i]` on. All weights
 * lie in one array, as whole multiples of 2^−`shift`.
 */
export interface Axis {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly shift: number;
}

/**
 * The antialiased bilinear filter of Pillow and torch for 8-bit pictures: a triangle whose half-width is the
 * scale when shrinking and 1 when growing, with weights normalized at the borders and rounded to 15 bits (torch, UpSampleKernel.cpp, `_compute_index_ranges_int16_weights`).
 */
export function triangleAxis(from: number, to: number): Axis {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const starts = new Int32Array(to);
  const rows = Array.from({ length: to }, (_, position) => {
    const center = (position + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), from);
    starts[position] = first;
    const values = Array.from({ length: end - first }, (_, i) =>
      Math.max(0, 1 - Math.abs((first + i + 0.5 - center) / support)),
    );
    const total = values.reduce((sum, value) => sum + value, 0);
    return values.map((value) => value / total);
  });
  const largest = rows.reduce((most, values) => Math.max(most, ...values), 0);
  let shift = 0;
  while (shift < 22 && Math.trunc(0.5 + largest * 2 ** (shift + 1)) < 2 ** 15) shift++;
  const weights = Int32Array.from(rows.flat(), (value) => Math.trunc(0.5 + value * 2 ** shift));
  return { starts, counts: Int32Array.from(rows, (values) => values.length), weights, shift };
}

/**
 * Stretches pixels to `size`×`size`, without keeping the aspect, as SAM 2 was trained.
 *
 * Blends along x first, then along y, in integers, rounding to 8 bits after each pass: that is what the
 * reference does, so the pixels are equal to the bit.
 *
 * @returns RGB [size,size,3]
 */
export function stretch({ data, width, height }: Pixels, size: number): Uint8ClampedArray {
  const narrow = blendColumns(data, height, triangleAxis(width, size), 4 * width);
  const { starts, counts, weights, shift } = triangleAxis(height, size);
  const result = new Uint8ClampedArray(3 * size * size);
  // weights add up to 2^shift, which is 2^22 at most: sums of 8-bit values fit into 31 bits
  const row = new Int32Array(3 * size);
  for (let y = 0, at = 0; y < size; y++) {
    row.fill(2 ** (shift - 1));
    for (let i = 0; i < (counts[y] as number); i++, at++) {
      const weight = weights[at] as number;
      const offset = ((starts[y] as number) + i) * row.length;
      for (let x = 0; x < row.length; x++) {
        row[x] = ((row[x] as number) + Math.imul(weight, narrow[offset + x] as number)) | 0;
      }
    }
    const target = y * row.length;
    for (let x = 0; x < row.length; x++) result[target + x] = (row[x] as number) >> shift;
  }
  return result;
}

/** RGB [n,3] of 8 bits → (x/255 − mean) / std, channels first [3,n]. */
export function normalize(rgb: Uint8ClampedArray, mean: readonly number[], std: readonly number[]): Float32Array {
  const plane = rgb.length / 3;
  const result = new Float32Array(rgb.length);
  for (let channel = 0; channel < 3; channel++) {
    const table = Float32Array.from(
      { length: 256 },
      (_, value) => (value / 255 - (mean[channel] as number)) / (std[channel] as number),
    );
    for (let i = 0, from = channel; i < plane; i++, from += 3) {
      result[channel * plane + i] = table[rgb[from] as number] as number;
    }
  }
  return result;
}

/** RGBA rows of `stride` bytes → RGB [height, axis, 3]. */
function blendColumns(data: Uint8ClampedArray, height: number, axis: Axis, stride: number): Uint8ClampedArray {
  const { starts, counts, weights, shift } = axis;
  const size = counts.length;
  const half = 2 ** (shift - 1);
  const result = new Uint8ClampedArray(height * size * 3);
  for (let y = 0, target = 0; y < height; y++) {
    const row = y * stride;
    let at = 0;
    for (let x = 0; x < size; x++, target += 3) {
      let from = row + 4 * (starts[x] as number);
      const end = at + (counts[x] as number);
      let red = half;
      let green = half;
      let blue = half;
      for (; at < end; at++, from += 4) {
        const weight = weights[at] as number;
        red = (red + Math.imul(weight, data[from] as number)) | 0;
        green = (green + Math.imul(weight, data[from + 1] as number)) | 0;
        blue = (blue + Math.imul(weight, data[from + 2] as number)) | 0;
      }
      result[target] = red >> shift;
      result[target + 1] = green >> shift;
      result[target + 2] = blue >> shift;
    }
  }
  return result;
}
