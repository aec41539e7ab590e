/** The messages and the locks that the page and its service worker share. */

/** The names of this page's caches and locks begin with this: other applications may live on the same origin. */
export const PREFIX = "sam2-demo";

/** What the page tells its service worker. */
export type ToWorker =
  /** The address of the page's script; sent once the page holds the lock of that script. */
  | { readonly runs: string }
  /** The person wants the new version now. */
  | "activate";

/** The answer to a page whose version is older than the one that the service worker keeps. */
export const OUTDATED = "outdated";

const LOCK = `${PREFIX} runs `;

/** Name of the lock that a page holds while it runs a script; the files of the script's version are kept as long. */
export const lockOfScript = (script: string): string => LOCK + script;

/** The script that a lock is named after; null for other locks. */
export const scriptOfLock = (name: string): string | null => (name.startsWith(LOCK) ? name.slice(LOCK.length) : null);
