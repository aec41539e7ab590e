/** The answer to a prompt, for components. */
import { useEffect, useMemo, useRef, useState } from "react";
import type { ImageSource, Segmenter, SegmenterImage, SegmentPrompt, SegmentResult } from "sam2-web";

/** Options of `useSegment`. */
export interface UseSegmentOptions {
  /** For prompts that follow a pointer: the newest takes the place of those that wait. */
  readonly supersede?: boolean | undefined;
}

/** What `useSegment` gives. */
export interface UseSegment {
  /**
   * `idle`: nothing is asked; `pending`: an answer is on its way; `ready`; `failed`. While it is pending, `result` is
   * still the one before, so that nothing flickers.
   */
  readonly status: "idle" | "pending" | "ready" | "failed";
  readonly result: SegmentResult | null;
  readonly error: Error | null;
}

/** What was answered, and to which question. */
interface Answer {
  readonly question: object | null;
  readonly result: SegmentResult | null;
  readonly error: Error | null;
}

const NO_ANSWER: Answer = { question: null, result: null, error: null };
const IDLE: UseSegment = { status: "idle", result: null, error: null };

/** Whether two prompts ask the same. Lists of numbers are compared by what is in them, large masks by identity. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b)) return false;
  const [mine, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(mine);
  return (
    keys.length === Object.keys(other).length && keys.every((key) => key in other && isSame(mine[key], other[key]))
  );
}

/**
 * Segments what a prompt asks for, anew when the prompt changes; the call before is aborted, and the last one when the
 * component is unmounted.
 *
 * @param segmenter null while there is none
 * @param image from `useImage`, or a picture, which is encoded when it is first used; null for none
 * @param prompt may be made anew at each render; null asks nothing
 *
 * @example
 * ```ts
 * function useMask(x: number, y: number) {
 *   const { segmenter } = useSegmenter();
 *   const { image } = useImage(segmenter, image_url);
 *   const { result } = useSegment(segmenter, image, { point_coords: [[x, y]], point_labels: [1] });
 *   return result?.mask();
 * }
 * ```
 */
export function useSegment(
  segmenter: Segmenter | null,
  image: SegmenterImage | ImageSource | null,
  prompt: SegmentPrompt | null,
  { supersede = false }: UseSegmentOptions = {},
): UseSegment {
  const kept = useRef(prompt);
  if (!isSame(kept.current, prompt)) kept.current = prompt;
  const asked = kept.current;
  const question = useMemo(
    () => (segmenter && image && asked ? { segmenter, image, prompt: asked, supersede } : null),
    [segmenter, image, asked, supersede],
  );
  const [answer, setAnswer] = useState<Answer>(NO_ANSWER);
  useEffect(() => {
    if (!question) {
      setAnswer(NO_ANSWER);
      return;
    }
    const abort = new AbortController();
    const { signal } = abort;
    question.segmenter
      .segment({ image: question.image, ...question.prompt }, { signal, supersede: question.supersede })
      .then(
        (result) => {
          if (!signal.aborted) setAnswer({ question, result, error: null });
        },
        (error: Error) => {
          // where another component's newer request took its place, there is no answer
          if (!signal.aborted && error.name !== "AbortError") setAnswer({ question, result: null, error });
        },
      );
    return () => abort.abort(new DOMException("the prompt changed, or its component is gone", "AbortError"));
  }, [question]);
  if (!question) return IDLE;
  if (answer.question !== question) return { status: "pending", result: answer.result, error: null };
  return { status: answer.error ? "failed" : "ready", result: answer.result, error: answer.error };
}
