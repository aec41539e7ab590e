/** The browser that the tests of a worker share; each test has a context of its own, with its own storage. */
import { launchBrowser } from "headless/browser";
import type { Browser } from "playwright-core";

let launched: Promise<Browser> | undefined;

/** Starts it when it is asked for first. It ends with the process. */
export function sharedBrowser(): Promise<Browser> {
  launched ??= launchBrowser({ fakeCamera: true });
  return launched;
}
