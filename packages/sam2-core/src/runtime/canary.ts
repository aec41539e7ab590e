/** Puts the canary's question to a device, and compares its answer with the right one. */

import { type CanaryAnswer, canaryQuestion, type Dtype, sampleCanary } from "sam2-contract";
import type { ModelForm, ModelForms } from "../model/forms.ts";
import type { ModelSpec } from "../model/spec.ts";
import type { ModelCache } from "../storage/cache.ts";
import type { Sessions } from "./sessions.ts";

/** How long it is remembered that a device failed, in milliseconds: a week. */
export const REMEMBERED: number = 7 * 24 * 3600 * 1000;

/** If the check takes longer than this, even when repeated, a GPU is too slow to use; in milliseconds. */
const SLOW = 10_000;

/**
 * A difference over this share of an output's largest value is an error, not rounding. In int8, rounding makes up to
 * 0.03 (Hiera tiny and a smaller one that was trained, at full size and at a quarter); a CPU that computes it wrongly,
 * far more. Products in float16 make up to 0.02 (the built-in model on Mesa).
 */
const TOLERANCE = { float: 0.02, half: 0.05, int8: 0.1 } as const;

/** In what a form's products are computed. */
function arithmeticOf(dtype: Dtype | null): keyof typeof TOLERANCE {
  return dtype === "int8" ? "int8" : dtype === "fp16-compute" ? "half" : "float";
}

/** Outputs of the decoder; all others are the encoder's. */
const DECODER_OUTPUTS = ["masks", "iou_predictions"];

/** Puts the question to a device. */
export async function askCanary(sessions: Sessions, spec: ModelSpec): Promise<CanaryAnswer> {
  const { pixels, click } = canaryQuestion(spec.imageSize);
  const embedding = await sessions.encode(pixels);
  const decoded = await sessions.decode(embedding, {
    coords: { data: click, dims: [1, 1, 2] },
    labels: { data: Float32Array.of(1), dims: [1, 1] },
    mask: null,
    multimask: true,
  });
  const values = await sessions.read(embedding);
  await sessions.release(embedding);
  const encoded = Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, data]));
  return sampleCanary({ ...encoded, masks: decoded.masks.data, iou_predictions: decoded.scores.data });
}

/** What is wrong with an answer. */
export interface CanaryFault {
  /** The part that computes wrongly. */
  readonly part: "encoder" | "decoder";
  /** A description, for messages. */
  readonly problem: string;
}

/** Finds an output that differs from the known answer, by more than the arithmetic explains; null if all agree. */
export function compareCanary(
  came: CanaryAnswer,
  expected: CanaryAnswer,
  arithmetic: keyof typeof TOLERANCE = "float",
): CanaryFault | null {
  const encoderFirst = Object.entries(expected).sort(
    ([a], [b]) => Number(DECODER_OUTPUTS.includes(a)) - Number(DECODER_OUTPUTS.includes(b)),
  );
  for (const [name, { values, largest }] of encoderFirst) {
    const part = DECODER_OUTPUTS.includes(name) ? "decoder" : "encoder";
    const other = came[name];
    if (!other) return { part, problem: `the check found no output ${name}` };
    const worst = values.reduce((most, value, i) => {
      const difference = Math.abs(value - (other.values[i] ?? Number.NaN));
      return Math.max(difference, most);
    }, 0);
    if (!(worst <= TOLERANCE[arithmetic] * largest)) {
      return { part, problem: `its ${name} differs from the CPU's by ${((100 * worst) / largest).toFixed(1)} %` };
    }
  }
  return null;
}

/** Compares the device's answer with the right one. With `timed`, a GPU that is far too slow fails too. */
export async function checkCanary(
  sessions: Sessions,
  spec: ModelSpec,
  expected: CanaryAnswer,
  { dtype, timed }: { readonly dtype: Dtype | null; readonly timed: boolean },
): Promise<CanaryFault | null> {
  const ask = async (): Promise<{ answer: CanaryAnswer; taken: number }> => {
    const start = performance.now();
    const answer = await askCanary(sessions, spec);
    return { answer, taken: performance.now() - start };
  };
  const { answer, taken } = await ask();
  const fault = compareCanary(answer, expected, arithmeticOf(dtype));
  if (fault !== null || !timed || taken < SLOW) return fault;
  // the first run includes compiling the shaders
  const again = await ask();
  if (again.taken < SLOW) return null;
  return { part: "encoder", problem: `a picture takes ${(again.taken / 1000).toFixed(0)} s` };
}

/**
 * The right answer, for a model that brings none: kept from an earlier session, or else computed on the CPU. That takes as
 * long as encoding a picture there, and may need the checkpoint again, so the answer is kept.
 *
 * @param open opens a form on the CPU
 */
export async function rightAnswer(
  { forms, fingerprint }: ModelForms,
  cache: ModelCache,
  open: (form: ModelForm) => Promise<{ readonly spec: ModelSpec; readonly sessions: Sessions }>,
): Promise<CanaryAnswer> {
  const key = `canary/${fingerprint}`;
  const kept = await cache.readNote<CanaryAnswer>(key);
  if (kept) return kept;
  const { spec, sessions } = await open(forms.at(-1) as ModelForm);
  try {
    const answer = await askCanary(sessions, spec);
    await cache.keepNote(key, answer);
    return answer;
  } finally {
    await sessions.dispose();
  }
}
