/**
 * The canary: a question with a known answer, to find out whether a device computes correctly.
 *
 * Some GPUs and drivers compute models like this one wrongly, without an error. The question is a fixed picture and
 * a click; the answer is a few values of every output, computed on a CPU.
 */

/** Values of one output for a fixed input, sampled evenly, and the output's largest magnitude. */
export interface CanarySample {
  readonly values: readonly number[];
  readonly largest: number;
}

/** The answer to the canary's question: samples by output name. */
export type CanaryAnswer = Readonly<Record<string, CanarySample>>;

const SAMPLES = 32;

/**
 * The canary's question for a model of that image size: a normalized picture [3,S,S], and a click [x, y] in its
 * pixels.
 *
 * @example
 * ```ts
 * const { pixels, click } = canaryQuestion(1024);
 * pixels.length; // 3 · 1024 · 1024: what the encoder is given
 * click; // x and y of the point that the decoder is given
 * ```
 */
export function canaryQuestion(imageSize: number): { readonly pixels: Float32Array; readonly click: Float32Array } {
  return {
    pixels: Float32Array.from({ length: 3 * imageSize * imageSize }, (_, i) => 1.8 * Math.sin(0.0137 * i)),
    click: Float32Array.of(imageSize * 0.4, imageSize * 0.6),
  };
}

/**
 * Samples the outputs of encoder and decoder for the question.
 *
 * @example
 * ```ts
 * const answer = sampleCanary({ image_embed: new Float32Array(256 * 64 * 64) });
 * ```
 */
export function sampleCanary(outputs: Readonly<Record<string, Float32Array>>): CanaryAnswer {
  return Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, sample(values)]));
}

function sample(values: Float32Array): CanarySample {
  const count = Math.min(SAMPLES, values.length);
  const picked = Array.from({ length: count }, (_, i) => values[Math.floor((i * values.length) / count)] as number);
  return { values: picked, largest: values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) };
}
