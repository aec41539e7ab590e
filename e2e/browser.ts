/** The browser that the tests of a worker share; each test has a context of its own, with its own storage. */
import { launchBrowser } from "headless/browser";
import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";

let launched: Promise<Browser> | undefined;

/** Starts it when it is asked for first. It ends with the process. */
export function sharedBrowser(): Promise<Browser> {
  launched ??= launchBrowser({ fakeCamera: true });
  return launched;
}

/**
 * A window on a desk, with storage of its own. The demo's service worker is blocked there: what it keeps would be
 * fetched and hashed beside every test. Tests that are about it say `serviceWorkers: "allow"`.
 */
export async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const browser = await sharedBrowser();
  return browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: "block", ...options });
}
