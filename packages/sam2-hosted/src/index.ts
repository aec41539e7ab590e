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
export type { FalOptions } from "./fal.ts";
export { createHostedFetch, type HostedOptions, isHosted } from "./hosted-fetch.ts";
export type { LivepeerOptions } from "./livepeer.ts";
export type { SegmindOptions } from "./segmind.ts";
export { serveHosted } from "./serve-hosted.ts";
export { createTextDetector, type Detection, type TextDetector, type TextDetectorOptions } from "./text-detector.ts";
