/** A segmenter for components: one for each model, opened by the first component that wants it. */
import { createSegmenter, type Segmenter, type SegmenterOptions } from "sam2-web";
import { Leases } from "./leases.ts";
import { useLease } from "./use-lease.ts";

/** Options of `useSegmenter`. */
export interface UseSegmenterOptions extends Omit<SegmenterOptions, "onProgress" | "signal"> {
  /**
   * Whether the component is suspended until the model is open, and an error goes to the next error boundary. `false`
   * by default.
   */
  readonly suspense?: boolean | undefined;
}

/** What `createSegmenter` says of its progress. */
export type OpeningProgress = Parameters<NonNullable<SegmenterOptions["onProgress"]>>[0];

/** What `useSegmenter` gives. */
export type UseSegmenter = {
  /** How far opening the model is; null where nothing was said yet, and once it is open. */
  readonly progress: OpeningProgress | null;
  /** Tries again after a failure, for all components that share the segmenter. */
  readonly retry: () => void;
} & (
  | { readonly status: "loading"; readonly segmenter: null; readonly error: null }
  | { readonly status: "ready"; readonly segmenter: Segmenter; readonly error: null }
  | { readonly status: "failed"; readonly segmenter: null; readonly error: Error }
);

const segmenters = new Leases<string, Segmenter, OpeningProgress>();

const numbers = new WeakMap<object, number>();
let count = 0;

/** Options as a text; sources that are objects are told apart by identity. */
function keyOf(options: SegmenterOptions): string {
  return JSON.stringify(options, (name, value: unknown) => {
    if (name === "" || typeof value !== "object" || value === null) return value;
    const number = numbers.get(value) ?? ++count;
    numbers.set(value, number);
    return { number };
  });
}

/**
 * Opens a model for as long as components use it; all with the same options share one segmenter. A source that is an
 * object must be the same object at each render: make it outside of the component.
 *
 * @example
 * ```ts
 * function useModel() {
 *   const { segmenter, progress, error } = useSegmenter({ model: "sam2-mini" });
 *   return { segmenter, said: error?.message ?? progress?.phase };
 * }
 * ```
 */
export function useSegmenter({ suspense = false, ...options }: UseSegmenterOptions = {}): UseSegmenter {
  const opener = {
    open: (signal: AbortSignal, onProgress: (progress: OpeningProgress) => void) =>
      createSegmenter({ ...options, signal, onProgress }),
    close: (segmenter: Segmenter) => void segmenter.dispose(),
  };
  const wanted = { leases: segmenters, key: keyOf(options), opener };
  const [{ value: segmenter, ...opening }, retry] = useLease(wanted, suspense);
  return { ...opening, segmenter, retry } as UseSegmenter;
}
