/** What the page and its service worker know of each other. */

/** Begins the names of this page's caches and locks; an origin may hold other applications'. */
export const PREFIX = "sam2-demo";

/** What the page tells its service worker. */
export type ToWorker =
  /** The address of the script that the page runs, said once the page holds that script's lock. */
  | { readonly runs: string }
  /** The person wants the new version now. */
  | "activate";

/** What the service worker answers a page that runs an older version than the worker keeps. */
export const OUTDATED = "outdated";

const LOCK = `${PREFIX} runs `;

/** Name of the lock that a page holds as long as it runs a script: the files of that version are then kept. */
export const lockOfScript = (script: string): string => LOCK + script;

/** The script whose lock this is; null for any other lock. */
export const scriptOfLock = (name: string): string | null => (name.startsWith(LOCK) ? name.slice(LOCK.length) : null);
