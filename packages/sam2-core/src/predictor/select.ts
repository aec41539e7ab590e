/** Chooses which of the decoder's masks are returned, and in which order. */
import { stabilityScore } from "../mask/mask.ts";
import type { ModelSpec } from "../model/spec.ts";
import type { Tensor } from "../prompt/prompt.ts";
import type { Decoded } from "../runtime/sessions.ts";

/**
 * Chooses among the decoder's masks as Meta's predictor does, and sorts them by score.
 *
 * Several: tokens 1–3. Single: token 0, unless it is unstable; then the best-scored of 1–3 (Ravi et
 * al. 2024; `dynamic_multimask_via_stability`). Files with three masks have no token 0.
 */
export function selectMasks(
  { masks, scores }: Decoded,
  multimask: boolean,
  spec: ModelSpec,
): { logits: Tensor; scores: Tensor } {
  const [batch = 0, count = 0, side = 0] = masks.dims;
  const plane = side * side;
  const firstOfSeveral = count > 3 ? 1 : 0;
  const kept = multimask ? count - firstOfSeveral : 1;
  const outMasks = new Float32Array(batch * kept * plane);
  const outScores = new Float32Array(batch * kept);
  for (let b = 0; b < batch; b++) {
    const score = (token: number): number => scores.data[b * count + token] as number;
    const logits = (token: number): Float32Array =>
      masks.data.subarray((b * count + token) * plane, (b * count + token + 1) * plane);
    const several = Array.from({ length: count - firstOfSeveral }, (_, i) => i + firstOfSeveral).sort(
      (x, y) => score(y) - score(x),
    );
    let tokens = several;
    if (!multimask) {
      const { enabled, stabilityDelta, stabilityThreshold } = spec.dynamicMultimask;
      const stable = !enabled || stabilityScore(logits(0), stabilityDelta) >= stabilityThreshold;
      tokens = firstOfSeveral === 1 && stable ? [0] : several.slice(0, 1);
    }
    for (const [rank, token] of tokens.entries()) {
      outScores[b * kept + rank] = score(token);
      outMasks.set(logits(token), (b * kept + rank) * plane);
    }
  }
  return {
    logits: { data: outMasks, dims: [batch, kept, side, side] },
    scores: { data: outScores, dims: [batch, kept] },
  };
}
