/**
 * A question with a known answer, to find out whether a device computes rightly.
 *
 * GPUs and their drivers have been silently wrong about models like this one. The question is a
 * fixed picture and click; the answer is a few values of every output, computed on a CPU.
 */

import type { CanaryAnswer, CanarySample } from "sam2-export";
import type { ModelSpec } from "./model.ts";
import type { Sessions } from "./session.ts";

const SAMPLES = 32;

/** Differences beyond this share of the largest value are wrong, not rounding. */
const TOLERANCE = 0.02;

function sample(values: Float32Array): CanarySample {
  const step = values.length / SAMPLES;
  const picked = Array.from(
    { length: Math.min(SAMPLES, values.length) },
    (_, i) => values[Math.floor(i * step)] as number,
  );
  return { values: picked, largest: values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) };
}

/** Puts the question to a device. */
export async function askCanary(sessions: Sessions, spec: ModelSpec): Promise<CanaryAnswer> {
  const size = spec.imageSize;
  const pixels = Float32Array.from({ length: 3 * size * size }, (_, i) => 1.8 * Math.sin(0.0137 * i));
  const embedding = await sessions.encode(pixels);
  const decoded = await sessions.decode(embedding, {
    coords: { data: Float32Array.of(size * 0.4, size * 0.6), dims: [1, 1, 2] },
    labels: { data: Float32Array.of(1), dims: [1, 1] },
    mask: null,
    multimask: true,
  });
  const values = await sessions.read(embedding);
  await sessions.release(embedding);
  const outputs = { ...values, masks: decoded.masks.data, scores: decoded.scores.data };
  return Object.fromEntries(Object.entries(outputs).map(([name, data]) => [name, sample(data)]));
}

/** Says which output differs from the known answer, or null. */
export function compareCanary(came: CanaryAnswer, expected: CanaryAnswer): string | null {
  for (const [name, { values, largest }] of Object.entries(expected)) {
    const other = came[name];
    if (!other) return `the check found no output ${name}`;
    const worst = values.reduce((most, value, i) => {
      const difference = Math.abs(value - (other.values[i] ?? Number.NaN));
      return Math.max(difference, most);
    }, 0);
    if (!(worst <= TOLERANCE * largest)) {
      return `its ${name} differs from the CPU's by ${((100 * worst) / largest).toFixed(1)} %`;
    }
  }
  return null;
}
