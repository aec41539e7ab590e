/** What a browser must have. */
import { Sam2Error, seeGuide } from "sam2-contract";

/** A module with one instruction of WebAssembly SIMD: `i8x16.splat`, in a function that returns a v128. */
const SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...[1, 5, 1, 96, 0, 1, 123],
  ...[3, 2, 1, 0],
  ...[10, 8, 1, 6, 0, 65, 0, 253, 15, 11],
);

/** The needs, by their names in messages. */
const NEEDS: Readonly<Record<string, (scope: typeof globalThis) => boolean>> = {
  WebAssembly: (scope) => "WebAssembly" in scope,
  "WebAssembly SIMD": (scope) => scope.WebAssembly?.validate(SIMD) ?? false,
  OffscreenCanvas: (scope) => "OffscreenCanvas" in scope,
  createImageBitmap: (scope) => "createImageBitmap" in scope,
  Worker: (scope) => "Worker" in scope,
  // the newest of them: browsers with this one have module workers too, which cannot be asked for
  "AbortSignal.any": (scope) => "any" in (scope.AbortSignal ?? {}),
};

/**
 * Checks that this is a browser, and not too old.
 *
 * @throws UnsupportedBrowserError, which says what is missing
 */
export function checkBrowser(scope: typeof globalThis = globalThis): void {
  if (!("location" in scope)) {
    const message =
      "expected a browser, got a server: call this in the browser, such as in an effect or a click handler. ";
    throw new Sam2Error("UnsupportedBrowserError", message + seeGuide("the-browser-is-too-old"));
  }
  const missing = Object.keys(NEEDS).filter((name) => !NEEDS[name]?.(scope));
  if (missing.length === 0) return;
  const message = `this browser has no ${missing.join(", no ")}: expected Chrome or Edge 116, Firefox 124, Safari 17.4, or newer. `;
  throw new Sam2Error("UnsupportedBrowserError", message + seeGuide("the-browser-is-too-old"));
}
