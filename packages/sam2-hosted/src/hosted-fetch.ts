/** Takes a request to its service, and everything else on. */
import { abortable, checkOptions, type OptionNames } from "sam2-core";
import { createAutoSegment } from "./fal/auto-segment.ts";
import { type FalOptions, FalService } from "./fal/fal.ts";
import { type ServiceName, serviceOf } from "./http/addresses.ts";
import { ByteBudget } from "./http/byte-budget.ts";
import { asProblem, ERROR_FORMS } from "./http/error-forms.ts";
import { completeLimits, type HostedLimits } from "./http/limits.ts";
import { answerOf, json, Problem } from "./http/problem.ts";
import type { HostedService } from "./http/service.ts";
import { type LivepeerOptions, LivepeerService } from "./livepeer/livepeer.ts";
import type { PictureCodec } from "./picture/codec.ts";
import type { PictureAccess } from "./picture/picture.ts";
import type { HostedSegmenter } from "./segmenter.ts";
import { type SegmindOptions, SegmindService } from "./segmind/segmind.ts";

/** Options of `createHostedFetch` and `hostedFetchWith`. */
export interface HostedOptions {
  /** Livepeer's `segment-anything-2`. */
  readonly livepeer?: LivepeerOptions | undefined;
  /** fal.ai's `fal-ai/sam2/auto-segment`. */
  readonly fal?: FalOptions | undefined;
  /** Segmind's `sam-v2-image`. */
  readonly segmind?: SegmindOptions | undefined;
  /**
   * Whose requests come. `"self"`, the default in a browser: those of the page itself, which may ask for whatever it
   * could ask for without this package. `"others"`, the default elsewhere: those of strangers, as on a server. Then
   * requests that are not answered here get a 404, and addresses of pictures are refused, unless `fallback` and
   * `download` are given.
   */
  readonly serving?: "self" | "others" | undefined;
  /** Takes all requests that are not answered here. */
  readonly fallback?: typeof fetch | undefined;
  /**
   * Downloads pictures by their address; `fallback` by default where the page serves itself. A server that lets
   * strangers name addresses takes `createPublicFetch()` of `sam2-hosted/node`, which reaches no private network.
   */
  readonly download?: typeof fetch | undefined;
  /** What a request may cost; see `HostedLimits` for the defaults. */
  readonly limits?: Partial<HostedLimits> | undefined;
  /**
   * What requests may hold at a time, all together: their bodies and the pictures that they name. Those for which there is no
   * room get a 429. 512 million bytes by default.
   */
  readonly budget?: ByteBudget | undefined;
  /** Ends it: requests that are being answered are canceled, kept files are freed, and later requests get a 503. */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: OptionNames<HostedOptions> = {
  livepeer: true,
  fal: true,
  segmind: true,
  serving: true,
  fallback: true,
  download: true,
  limits: true,
  budget: true,
  signal: true,
};

/**
 * A `fetch` over a segmenter, with pictures read and written by a codec. `createHostedFetch` is this with the browser's
 * canvases.
 *
 * @throws UnknownOptionError; InvalidPromptError for a limit, or a number of requests, that is none
 * @example
 * ```ts
 * import { type PictureCodec, hostedFetchWith } from "sam2-hosted/node";
 *
 * const answering = (codec: PictureCodec) => hostedFetchWith(codec, segmenter, { serving: "others" });
 * ```
 */
export function hostedFetchWith(
  codec: PictureCodec,
  segmenter: HostedSegmenter,
  options: HostedOptions = {},
): typeof fetch {
  checkOptions("HostedOptions", options, NAMES);
  const inBrowser = globalThis.location !== undefined;
  const { serving = inBrowser ? "self" : "others", budget = new ByteBudget(HELD), signal } = options;
  const platform = serving === "self" ? fetch.bind(globalThis) : null;
  const fallback = options.fallback ?? platform ?? notFound;
  const limits = completeLimits(options.limits);
  const access: PictureAccess = { download: options.download ?? (platform && fallback), limits, budget };
  const services: Readonly<Record<ServiceName, HostedService>> = {
    livepeer: new LivepeerService(segmenter, options.livepeer ?? {}, access),
    fal: new FalService(createAutoSegment(segmenter, codec), options.fal ?? {}, access),
    segmind: new SegmindService(segmenter, codec, options.segmind ?? {}, access),
  };
  return answerWith(services, fallback, signal);
}

/** Bytes that requests may hold where no budget is given: eight of the largest bodies. */
const HELD = 512e6;

/** What is said after `HostedOptions.signal` was aborted. */
const ENDED = "nothing is answered here any more";

/** A `fetch` over services. @internal */
export function answerWith(
  services: Readonly<Record<ServiceName, HostedService>>,
  fallback: typeof fetch,
  ended: AbortSignal = new AbortController().signal,
): typeof fetch {
  const end = (): void => {
    for (const service of Object.values(services)) service.close?.(ended.reason);
  };
  ended.addEventListener("abort", end, { once: true });
  return async (input, init) => {
    const name = serviceOf(input instanceof Request ? input.url : input);
    if (name === null) return fallback(input, init);
    const form = ERROR_FORMS[name];
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const signal = AbortSignal.any([request.signal, ended]);
    try {
      if (ended.aborted) throw form(503, ENDED);
      return await abortable(services[name].answer(new Request(request, { signal }), new URL(request.url)), signal);
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      return answerOf(ended.aborted ? form(503, ENDED) : asProblem(error, form));
    }
  };
}

/** What strangers get for addresses that are not answered here. */
const notFound: typeof fetch = () => Promise.resolve(json({ detail: "Not Found" }, 404));

/**
 * An error in the form of the service that an address belongs to, for a server that refuses a request itself.
 *
 * @param headers such as `Retry-After`
 * @example
 * ```ts
 * const refused = hostedError("https://fal.run/fal-ai/sam2/auto-segment", 429, "too many", { "Retry-After": "2" });
 * ```
 */
export function hostedError(
  address: string | URL,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const name = serviceOf(address);
  return answerOf(name ? ERROR_FORMS[name](status, message) : new Problem(status, { detail: message }), headers);
}
