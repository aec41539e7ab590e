/** Which request goes to which service. */
import type { Segmenter } from "sam2-web";
import { FAL_HOSTS, type FalOptions, FalService } from "./fal.ts";
import { answerLivepeer, type LivepeerOptions } from "./livepeer.ts";
import { json, Problem } from "./problem.ts";
import { SEGMIND_HOST, type SegmindOptions, SegmindService } from "./segmind.ts";

/** Options of `createHostedFetch`. */
export interface HostedOptions {
  /** Livepeer's `segment-anything-2`. */
  readonly livepeer?: LivepeerOptions | undefined;
  /** fal.ai's `fal-ai/sam2/auto-segment`. */
  readonly fal?: FalOptions | undefined;
  /** Segmind's `sam-v2-image`. */
  readonly segmind?: SegmindOptions | undefined;
  /** Takes all other requests, and downloads pictures; the platform's `fetch` by default. */
  readonly fallback?: typeof fetch | undefined;
}

/** Gateways of Livepeer; the path's last part is the same on each. */
const LIVEPEER_HOSTS = ["dream-gateway.livepeer.cloud", "livepeer.studio"];

/**
 * Whether `createHostedFetch` may answer for an address; others go to the fallback.
 *
 * @example
 * ```ts
 * isHosted("https://queue.fal.run/fal-ai/sam2/auto-segment"); // true
 * ```
 */
export function isHosted(address: string | URL): boolean {
  const { hostname, pathname } = new URL(address, globalThis.location?.href);
  if (LIVEPEER_HOSTS.includes(hostname)) return pathname.endsWith("/segment-anything-2");
  return hostname === SEGMIND_HOST || FAL_HOSTS.includes(hostname);
}

/**
 * A `fetch` that answers Livepeer's, fal's and Segmind's SAM 2 APIs with a segmenter on this device.
 * Software that is written for a service runs unchanged when it is given this function.
 *
 * What is wrong with a request is answered as the service would, never thrown; an abort rejects.
 *
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
export function createHostedFetch(segmenter: Segmenter, options: HostedOptions = {}): typeof fetch {
  const fallback = options.fallback ?? fetch.bind(globalThis);
  const fal = new FalService(segmenter, options.fal ?? {}, fallback);
  const segmind = new SegmindService(segmenter, options.segmind ?? {}, fallback);
  const answer = async (request: Request, url: URL): Promise<Response | null> => {
    if (LIVEPEER_HOSTS.includes(url.hostname)) return answerLivepeer(request, segmenter, options.livepeer ?? {});
    if (url.hostname === SEGMIND_HOST) return segmind.answer(request, url);
    return fal.answer(request, url);
  };
  return async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    if (!isHosted(address)) return fallback(input, init);
    const request = new Request(input, init);
    const url = new URL(request.url);
    request.signal.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true });
    });
    try {
      const response = await Promise.race([answer(request, url), aborted]);
      return response ?? json({ detail: "Not Found" }, 404);
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      if (error instanceof Problem) return json(error.body, error.status, error.headers);
      return json({ detail: { msg: (error as Error).message } }, 500);
    }
  };
}
