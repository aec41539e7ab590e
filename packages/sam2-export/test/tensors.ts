/** Inputs and comparisons shared by the tests in Node and in the browser. */

/** A tensor of numbers. */
export interface Numbers {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** height · sin(step · i): the inputs that the reference was given. */
export function wave(dims: readonly number[], step: number, height: number): Numbers {
  const count = dims.reduce((product, size) => product * size, 1);
  return { dims, data: Float32Array.from({ length: count }, (_, index) => height * Math.sin(step * index)) };
}

/** The prompts of a fixture. */
export const PROMPTS = ["point", "points", "box", "box_points", "mask", "all", "batch"] as const;

/** The largest magnitude. */
export function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The largest magnitude of a decoder's output over all prompts: one prompt's object score may be next to zero. */
export function scaleOf(expected: ReadonlyMap<string, Numbers>, output: string): number {
  return Math.max(...PROMPTS.map((prompt) => largest((expected.get(`${prompt}.${output}`) as Numbers).data)));
}

/** Largest difference, relative to the largest value expected, or to `scale`. */
export function relativeError(came: Float32Array, expected: Float32Array, scale: number = largest(expected)): number {
  if (came.length !== expected.length) throw new RangeError(`${came.length} values, expected ${expected.length}`);
  let difference = 0;
  for (let i = 0; i < came.length; i++) {
    const distance = Math.abs((came[i] as number) - (expected[i] as number));
    if (!(distance <= difference)) difference = distance;
  }
  return difference / scale;
}

/** Intersection over union of two masks given as logits. */
export function maskIou(a: Float32Array, b: Float32Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    const [inA, inB] = [(a[i] as number) > 0, (b[i] as number) > 0];
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return either === 0 ? 1 : both / either;
}
