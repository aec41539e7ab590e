/** What a request may cost. */
import { Sam2Error } from "sam2-contract";
import { checkOptions } from "sam2-core";

/** Limits of requests and answers; a request that is over one is refused in the service's own form. */
export interface HostedLimits {
  /** Bytes of a request's body, and of a picture that is downloaded. 64 million by default. */
  readonly bodyBytes: number;
  /** Pixels of a picture, read from its header before it is decoded. 100 million by default. */
  readonly pixels: number;
  /** Points of a prompt, and boxes of one. 1,000 by default. */
  readonly prompts: number;
  /** Characters of an answer in JSON. 500 million by default: Chromium reads no longer text. */
  readonly answerLength: number;
  /** Milliseconds in which the body of a request must be there, and a picture downloaded. 30,000 by default. */
  readonly downloadTime: number;
  /** Milliseconds in which a request must be answered; in fal's queue, from its turn on. 600,000 by default. */
  readonly answerTime: number;
  /** Requests that may be in fal's queue and not finished. 64 by default. */
  readonly waiting: number;
  /** Requests of fal's queue that are worked on at a time. 1 by default. */
  readonly abreast: number;
  /** Finished requests whose results fal's queue keeps. 64 by default. */
  readonly finished: number;
  /** Bytes of uploaded files and result pictures, data URIs included, that are kept for fal. 256 million by default. */
  readonly keptBytes: number;
}

const DEFAULTS: HostedLimits = {
  bodyBytes: 64e6,
  pixels: 100e6,
  prompts: 1000,
  answerLength: 500e6,
  downloadTime: 30_000,
  answerTime: 600_000,
  waiting: 64,
  abreast: 1,
  finished: 64,
  keptBytes: 256e6,
};

const NAMES = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, true as const]));

/**
 * The limits that are given, and the defaults for the others.
 *
 * @throws UnknownOptionError; InvalidPromptError for what is no number over 0
 */
export function completeLimits(given: Partial<HostedLimits> = {}): HostedLimits {
  checkOptions("HostedOptions.limits", given, NAMES);
  const limits: Record<string, unknown> = { ...DEFAULTS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    // a limit of NaN would limit nothing: every comparison with it is false
    if (typeof value !== "number" || !(value > 0)) {
      throw new Sam2Error("InvalidPromptError", `limits.${name}: expected a number over 0, got ${String(value)}`);
    }
  }
  return limits as unknown as HostedLimits;
}
