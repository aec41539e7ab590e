/**
 * The hosted APIs on a server: over any segmenter, with pictures read and written by the server's own library.
 *
 * ```ts
 * import { createPublicFetch, hostedFetchWith, type PictureCodec } from "sam2-hosted/node";
 * import { createSegmenter } from "sam2-node";
 * import sharp from "sharp";
 *
 * const codec: PictureCodec = {
 *   async decode(picture) {
 *     const pixels = sharp(await picture.arrayBuffer()).autoOrient().ensureAlpha().raw();
 *     const { data, info } = await pixels.toBuffer({ resolveWithObject: true });
 *     return { data: new Uint8ClampedArray(data), width: info.width, height: info.height };
 *   },
 *   async encode({ data, width, height }, { type }) {
 *     const pixels = sharp(data, { raw: { width, height, channels: 4 } });
 *     const file = await pixels.toFormat(type === "image/png" ? "png" : "jpeg").toBuffer();
 *     return new Blob([new Uint8Array(file)], { type });
 *   },
 * };
 * const segmenter = await createSegmenter();
 * const hosted = hostedFetchWith(codec, segmenter, { download: createPublicFetch() });
 * ```
 *
 * @module
 */
export type { FalOptions } from "./fal/fal.ts";
export { type HostedOptions, hostedError, hostedFetchWith } from "./hosted-fetch.ts";
export { isHosted } from "./http/addresses.ts";
export { ByteBudget, type HeldBytes, NoRoomError } from "./http/byte-budget.ts";
export type { HostedLimits } from "./http/limits.ts";
export type { LivepeerOptions } from "./livepeer/livepeer.ts";
export { createPublicFetch, isPublicAddress, type PublicFetchOptions } from "./node/public-fetch.ts";
export type { PictureCodec, PictureFormat } from "./picture/codec.ts";
export type { HostedSegmenter } from "./segmenter.ts";
export type { SegmindOptions } from "./segmind/segmind.ts";
export type { Detection, TextDetector } from "./segmind/text-detector.ts";
