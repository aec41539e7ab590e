/**
 * Chooses the precision in which a CPU runs a model: int8, where it is right and faster there, else what the model's
 * safe form is in.
 *
 * Both are found out once for each model and device, with the model at a quarter of its image size, and noted. A trial
 * that fails is made again after a week: the fault may be gone.
 */
import { type CanaryAnswer, isSam2Error } from "sam2-contract";
import type { ModelForm, ModelForms } from "../model/forms.ts";
import type { ModelSpec } from "../model/spec.ts";
import type { ModelCache } from "../storage/cache.ts";
import { askCanary, compareCanary, REMEMBERED } from "./canary.ts";
import type { Sessions } from "./sessions.ts";

/** The form for a CPU, and why; null where there was no choice. */
export interface CpuForm {
  readonly form: ModelForm;
  readonly reason: string | null;
}

/** What is noted of int8 on this device. */
interface Verdict {
  /** Why int8 is not taken; null where it is. */
  readonly problem: string | null;
  /** Its time divided by that of fp32; absent where the trial failed. */
  readonly share?: number;
  /** When the trial failed, in milliseconds since 1970. */
  readonly at?: number;
  /**
   * How many trials did not end. The first may be no fault of int8, as when the page was closed; the second counts as one.
   */
  readonly unfinished?: number;
}

function holds({ share, at = 0 }: Verdict): boolean {
  return share !== undefined || Date.now() - at < REMEMBERED;
}

/** Whether a model is for CPUs only: whole numbers are computed there, and would be wrong or slow on a GPU. */
export function isForCpus({ forms }: ModelForms): boolean {
  return forms.every(({ dtype }) => dtype === "int8");
}

/**
 * Chooses the form for this CPU.
 *
 * @param open opens a form on it
 */
export async function cpuForm(
  model: ModelForms,
  cache: ModelCache,
  open: (form: ModelForm) => Promise<{ readonly spec: ModelSpec; readonly sessions: Sessions }>,
): Promise<CpuForm> {
  const safe = model.forms.at(-1) as ModelForm;
  const { int8 } = model;
  if (int8 === null) return { form: safe, reason: null };
  const key = `int8/${int8.weights}`;
  const kept = await cache.readNote<Verdict>(key);
  const noted = kept && holds(kept) ? kept : null;
  const verdict = noted && noted.unfinished !== 1 ? noted : await tryOut();
  if (verdict === null) return { form: safe, reason: null };
  const { problem, share = 1 } = verdict;
  if (problem !== null) return { form: safe, reason: `int8 is not taken: ${problem}` };
  return { form: int8.form, reason: `int8 took ${share.toFixed(2)} of fp32's time here` };

  async function tryOut(): Promise<Verdict | null> {
    // noted first: if the trial ends this page, it is not tried again at every visit
    const unfinished = (noted?.unfinished ?? 0) + 1;
    const problem = "its trial did not end";
    const begun = await cache.keepNote(key, { problem, at: Date.now(), unfinished } satisfies Verdict);
    if (!begun) return { problem: "it is tried only where the result can be kept" };
    const verdict = await compare().catch(async (error: Error): Promise<Verdict | null> => {
      const isOffline = isSam2Error(error, "DownloadError");
      if (!isOffline && !isSam2Error(error, "RuntimeStartError")) return { problem: error.message, at: Date.now() };
      // this says nothing about int8
      await (noted ? cache.keepNote(key, noted) : cache.forgetNote(key));
      if (isOffline) return null;
      throw error;
    });
    if (verdict !== null) await cache.keepNote(key, verdict);
    return verdict;
  }

  async function compare(): Promise<Verdict> {
    const { trial } = int8 as NonNullable<typeof int8>;
    const fp32 = await measure(trial.fp32);
    const whole = await measure(trial.int8);
    const fault = compareCanary(whole.answer, fp32.answer, "int8");
    const share = whole.time / fp32.time;
    if (fault !== null) return { problem: fault.problem, share };
    return { problem: share < 1 ? null : `it took ${share.toFixed(2)} of fp32's time`, share };
  }

  /** The canary's answer in a form, and the encoder's time, in milliseconds. */
  async function measure(form: ModelForm): Promise<{ answer: CanaryAnswer; time: number }> {
    const { spec, sessions } = await open(form);
    try {
      const answer = await askCanary(sessions, spec);
      const times: number[] = [];
      for (let round = 0; round < 3; round++) {
        const start = performance.now();
        await sessions.release(await sessions.encode(new Float32Array(3 * spec.imageSize ** 2)));
        times.push(performance.now() - start);
      }
      return { answer, time: Math.min(...times) };
    } finally {
      await sessions.dispose();
    }
  }
}
