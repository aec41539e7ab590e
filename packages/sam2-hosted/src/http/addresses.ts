/** Which addresses are answered here. Everything else that the services offer is passed on. */

/** The services whose APIs are answered. */
export type ServiceName = "livepeer" | "fal" | "segmind";

/** fal: the application, and the one endpoint of it that is answered. */
export const FAL_APPLICATION = "/fal-ai/sam2";
/** fal: segmenting everything. */
export const FAL_ENDPOINT: string = `${FAL_APPLICATION}/auto-segment`;
/** fal: where files are put that are kept here; a folder that the service itself does not have. */
export const FAL_FILES = "https://v3.fal.media/files/sam2-hosted/";

/**
 * fal: requests that were submitted here have a UUID of version 8, the version for private use. The service's own are
 * of version 4 or 7: requests to other endpoints of the application, which lie under the same address.
 */
const FAL_REQUEST = new RegExp(
  `^${FAL_APPLICATION}/requests/([0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})(?:/(status|status/stream|cancel))?$`,
);

/** What is asked of a request in fal's queue. */
export interface FalRequestAddress {
  readonly id: string;
  readonly action: "status" | "status/stream" | "cancel" | "result";
}

/** Reads the path of a request in fal's queue; null where it is none that was submitted here. */
export function falRequest(pathname: string): FalRequestAddress | null {
  const [, id, action = "result"] = FAL_REQUEST.exec(pathname) ?? [];
  return id === undefined ? null : { id, action: action as FalRequestAddress["action"] };
}

/** The service that an address belongs to; null where it is passed on. */
export function serviceOf(address: string | URL): ServiceName | null {
  const base = globalThis.location?.href;
  if (!URL.canParse(address, base)) return null;
  const { hostname, pathname, href } = new URL(address, base);
  const falWhere = (answered: boolean): ServiceName | null => (answered ? "fal" : null);
  switch (hostname) {
    case "dream-gateway.livepeer.cloud":
    case "livepeer.studio":
      return pathname.endsWith("/segment-anything-2") ? "livepeer" : null;
    case "api.segmind.com":
      return pathname === "/v1/sam-v2-image" ? "segmind" : null;
    case "fal.run":
      return falWhere(pathname === FAL_ENDPOINT);
    case "queue.fal.run":
      return falWhere(pathname === FAL_ENDPOINT || falRequest(pathname) !== null);
    // an upload does not say what it is for: all are kept here, so that no picture leaves the device by mistake
    case "rest.fal.ai":
    case "rest.alpha.fal.ai":
      return falWhere(pathname.startsWith("/storage/upload/"));
    case "v3.fal.media":
      return falWhere(href.startsWith(FAL_FILES));
    default:
      return null;
  }
}

/**
 * Whether `createHostedFetch` answers an address; requests to all others are passed on.
 *
 * @example
 * ```ts
 * isHosted("https://fal.run/fal-ai/sam2/auto-segment"); // true
 * isHosted("https://fal.run/fal-ai/flux/dev"); // false
 * ```
 */
export function isHosted(address: string | URL): boolean {
  return serviceOf(address) !== null;
}
