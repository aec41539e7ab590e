/**
 * The SAM 2 APIs of Livepeer, fal.ai and Segmind, answered inside the browser.
 *
 * ```ts
 * import { fal } from "@fal-ai/client";
 * import { createHostedFetch } from "sam2-hosted";
 * import { createSegmenter } from "sam2-web";
 *
 * const segmenter = await createSegmenter({ model: "sam2.1-tiny" });
 * fal.config({ fetch: createHostedFetch(segmenter) });
 * const { data } = await fal.subscribe("fal-ai/sam2/auto-segment", { input: { image_url } });
 * ```
 *
 * @module
 */
export type { FalOptions } from "./fal/fal.ts";
export type { HostedOptions } from "./hosted-fetch.ts";
export { isHosted } from "./http/addresses.ts";
export { ByteBudget, type HeldBytes } from "./http/byte-budget.ts";
export type { HostedLimits } from "./http/limits.ts";
export type { LivepeerOptions } from "./livepeer/livepeer.ts";
export { createHostedFetch } from "./page/create-hosted-fetch.ts";
export { serveHosted } from "./page/serve-hosted.ts";
export type { HostedSegmenter } from "./segmenter.ts";
export type { SegmindOptions } from "./segmind/segmind.ts";
export {
  createTextDetector,
  type Detection,
  type TextDetector,
  type TextDetectorOptions,
} from "./segmind/text-detector.ts";
