/**
 * For servers on Node: downloads for strangers that reach public addresses only. Otherwise whoever may name the
 * address of a picture could have the server ask its own network (server-side request forgery).
 */
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { Readable } from "node:stream";
import ipaddr from "ipaddr.js";

/** Options of `createPublicFetch`. */
export interface PublicFetchOptions {
  /** Addresses that may be reached although they are not public, such as that of an own server of pictures. */
  readonly allow?: readonly string[] | undefined;
  /** Finds the addresses of a name; the system's by default. */
  readonly lookup?: LookupFunction | undefined;
}

/** Redirects that are followed. */
const MOST_REDIRECTS = 5;

/**
 * A `fetch` for GET requests to `http:` and `https:` addresses, for `HostedOptions.download`.
 *
 * It refuses addresses that are not public: loopback, private, link-local, reserved and multicast ones of IPv4 and
 * IPv6, and IPv4 addresses embedded in IPv6. A name is checked when the connection is made and not before, so that it
 * cannot have another address by then. Redirects are followed five times, each checked in the same way.
 *
 * @returns rejects with a TypeError for what is refused, as `fetch` does for a network error
 * @example
 * ```ts
 * import { createPublicFetch, hostedFetchWith, type PictureCodec } from "sam2-hosted/node";
 *
 * const download = createPublicFetch({ allow: ["10.0.0.7"] });
 * const answering = (codec: PictureCodec) => hostedFetchWith(codec, segmenter, { download });
 * ```
 */
export function createPublicFetch({ allow = [], lookup = systemLookup }: PublicFetchOptions = {}): typeof fetch {
  const allowed = (address: string): boolean => allow.includes(address) || isPublicAddress(address);
  const check: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true } satisfies LookupOptions, (error, found) => {
      if (error) return callback(error, []);
      const addresses = found as unknown as LookupAddress[];
      const refused = addresses.find(({ address }) => !allowed(address));
      const [first] = addresses;
      if (refused || !first) return callback(notPublic(hostname), []);
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
  return async (input, init) => {
    let url = new URL(input instanceof Request ? input.url : input);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const message = await get(url, allowed, check, init?.signal ?? undefined);
      const { statusCode = 0, headers } = message;
      if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) return toResponse(message);
      message.destroy();
      url = new URL(headers.location, url);
    }
    throw new TypeError(`more than ${MOST_REDIRECTS} redirects`);
  };
}

/**
 * Whether an IP address is one of the public Internet.
 *
 * @example
 * ```ts
 * isPublicAddress("93.184.215.14"); // true
 * isPublicAddress("::ffff:10.0.0.1"); // false
 * ```
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  // IPv6: only 2000::/3 is given out for public use
  return parsed.kind() === "ipv4" || (parsed.toByteArray()[0] as number) >> 5 === 0b001;
}

function notPublic(name: string): TypeError {
  return new TypeError(`${name}: not an address of the public Internet`);
}

function get(
  url: URL,
  allowed: (address: string) => boolean,
  lookup: LookupFunction,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const start = { "http:": httpRequest, "https:": httpsRequest }[url.protocol];
  if (!start) throw new TypeError(`expected an http: or https: address, got ${url.protocol}`);
  // for an IP address nothing is looked up; URL has already brought every spelling of one into its usual form
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (ipaddr.isValid(host) && !allowed(host)) throw notPublic(host);
  return new Promise((resolve, reject) => {
    const headers = { "Accept-Encoding": "identity" };
    // an agent would use connections again that were made without the check
    start(url, { agent: false, lookup, headers, signal }, resolve).once("error", reject).end();
  });
}

function toResponse(message: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headersDistinct)) {
    for (const each of value ?? []) headers.append(name, each);
  }
  const { statusCode = 500 } = message;
  const bodiless = statusCode === 204 || statusCode === 205 || statusCode === 304;
  // nobody reads what a bodiless one has; its connection would stay open
  if (bodiless) message.destroy();
  const body = bodiless ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array<ArrayBuffer>>);
  try {
    return new Response(body, { status: statusCode, headers });
  } catch (error) {
    // a status that is none of HTTP's
    message.destroy();
    throw error;
  }
}
