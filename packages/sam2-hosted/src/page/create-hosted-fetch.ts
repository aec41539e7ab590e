/** The hosted APIs in a page. */
import { type HostedOptions, hostedFetchWith } from "../hosted-fetch.ts";
import type { HostedSegmenter } from "../segmenter.ts";
import { canvasCodec } from "./canvas-codec.ts";

/**
 * A `fetch` that answers Livepeer's, fal's and Segmind's SAM 2 APIs with a segmenter on this device.
 * Software that is written for a service runs unchanged when it is given this function. Pictures are read and written
 * with the browser's canvases: in Node, take `hostedFetchWith`.
 *
 * What is wrong with a request is answered in the service's own form and never thrown. It rejects only as `fetch`
 * does: with the reason of an aborted signal, or with what `fallback` rejects with.
 *
 * @throws UnknownOptionError; InvalidPromptError for a limit, or a number of requests, that is none
 * @example
 * ```ts
 * const hostedFetch = createHostedFetch(segmenter);
 * const body = new FormData();
 * body.append("image", file);
 * body.append("point_coords", "[[500, 375]]");
 * body.append("point_labels", "[1]");
 * const url = "https://dream-gateway.livepeer.cloud/segment-anything-2";
 * const { masks, scores } = await (await hostedFetch(url, { method: "POST", body })).json();
 * ```
 */
export function createHostedFetch(segmenter: HostedSegmenter, options: HostedOptions = {}): typeof fetch {
  return hostedFetchWith(canvasCodec, segmenter, options);
}
