/** An encoded image for components. */
import type { ImageSource, Segmenter, SegmenterImage } from "sam2-web";
import { Leases } from "./leases.ts";
import { useLease } from "./use-lease.ts";

/** Options of `useImage`. */
export interface UseImageOptions {
  /** Whether the component is suspended until the image is encoded; `false` by default. */
  readonly suspense?: boolean | undefined;
}

/** What `useImage` gives. */
export type UseImage = {
  /** Tries again after a failure, for all components that share the encoding. */
  readonly retry: () => void;
} & (
  | { readonly status: "idle" | "loading"; readonly image: null; readonly error: null }
  | { readonly status: "ready"; readonly image: SegmenterImage; readonly error: null }
  | { readonly status: "failed"; readonly image: null; readonly error: Error }
);

const imagesOf = new WeakMap<Segmenter, Leases<ImageSource, SegmenterImage>>();

function leasesOf(segmenter: Segmenter): Leases<ImageSource, SegmenterImage> {
  const leases = imagesOf.get(segmenter) ?? new Leases<ImageSource, SegmenterImage>();
  imagesOf.set(segmenter, leases);
  return leases;
}

/**
 * Encodes a picture for as long as components use it; all that name the same one share the encoding. Aborted when the
 * last of them is unmounted; then the encoding is released.
 *
 * @param segmenter null while there is none: the status is `idle`
 * @param source an address, or a picture that is the same object at each render; null for none
 *
 * @example
 * ```ts
 * function useEncoded(picture: Blob | null) {
 *   const { segmenter } = useSegmenter();
 *   return useImage(segmenter, picture).image; // null until it is encoded
 * }
 * ```
 */
export function useImage(
  segmenter: Segmenter | null,
  source: ImageSource | null,
  { suspense = false }: UseImageOptions = {},
): UseImage {
  const wanted = segmenter !== null &&
    source !== null && {
      leases: leasesOf(segmenter),
      key: source,
      opener: {
        open: (signal: AbortSignal) => segmenter.setImage(source, { signal }),
        close: (image: SegmenterImage) => void image.release(),
      },
    };
  const [{ value: image, status, error }, retry] = useLease(wanted || null, suspense);
  return { image, status: wanted ? status : "idle", error, retry } as UseImage;
}
