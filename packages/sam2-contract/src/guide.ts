/** The guide that errors point to. */

const TROUBLESHOOTING = "https://github.com/sam2-web/sam2-web/blob/main/docs/guides/troubleshooting.md";

/** Its sections that errors point to. */
export type GuideSection =
  | "the-model-is-not-found"
  | "the-worker-does-not-start"
  | "a-wasm-file-is-missing"
  | "the-browser-is-too-old"
  | "one-thread-only";

/**
 * A sentence for the end of an error's message: where cause and remedy are explained.
 *
 * @example
 * ```ts
 * throw new Sam2Error("DownloadError", `${address}: got status 404. ${seeGuide("the-model-is-not-found")}`);
 * ```
 */
export function seeGuide(section: GuideSection): string {
  return `See ${TROUBLESHOOTING}#${section}`;
}
