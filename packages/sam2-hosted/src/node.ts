/**
 * The hosted APIs on a server: over any segmenter, with pictures read and written by the server's own library.
 *
 * ```ts
 * import { createPublicFetch, hostedFetchWith } from "sam2-hosted/node";
 * import { createSegmenter } from "sam2-node";
 *
 * const segmenter = await createSegmenter();
 * const hosted = hostedFetchWith(codec, segmenter, { download: createPublicFetch() });
 * ```
 *
 * @module
 */
export type { FalOptions } from "./fal/fal.ts";
export { type HostedOptions, hostedError, hostedFetchWith } from "./hosted-fetch.ts";
export { isHosted } from "./http/addresses.ts";
export type { HostedLimits } from "./http/limits.ts";
export type { LivepeerOptions } from "./livepeer/livepeer.ts";
export { createPublicFetch, isPublicAddress, type PublicFetchOptions } from "./node/public-fetch.ts";
export type { PictureCodec, PictureFormat } from "./picture/codec.ts";
export type { HostedSegmenter } from "./segmenter.ts";
export type { SegmindOptions } from "./segmind/segmind.ts";
export type { Detection, TextDetector } from "./segmind/text-detector.ts";
