/** Browsers that lack something, and servers. */
import { expect, test } from "vitest";
import { checkBrowser } from "../../src/page/support.ts";

/** All that is asked for, as a browser has it. */
const BROWSER = {
  location: {},
  Worker: class {},
  OffscreenCanvas: class {},
  createImageBitmap: () => undefined,
  AbortSignal,
  WebAssembly,
};

const without = (name: keyof typeof BROWSER): object =>
  Object.fromEntries(Object.entries(BROWSER).filter(([key]) => key !== name));

test.each<[string, object, RegExp | null]>([
  ["a browser", BROWSER, null],
  ["a server", without("location"), /^expected a browser, got a server: .*#the-browser-is-too-old$/],
  ["no WebAssembly", without("WebAssembly"), /^this browser has no WebAssembly, no WebAssembly SIMD: expected Chrome/],
  ["no SIMD", { ...BROWSER, WebAssembly: { validate: () => false } }, /^this browser has no WebAssembly SIMD: /],
  ["no OffscreenCanvas", without("OffscreenCanvas"), /^this browser has no OffscreenCanvas: /],
  ["no createImageBitmap", without("createImageBitmap"), /^this browser has no createImageBitmap: /],
  ["no AbortSignal.any", { ...BROWSER, AbortSignal: class {} }, /^this browser has no AbortSignal.any: /],
  ["no workers", without("Worker"), /^this browser has no Worker: .*Safari 17\.4, or newer\. See https:/],
])("%s", (_, scope, message) => {
  const check = (): void => checkBrowser(scope as typeof globalThis);
  if (message === null) expect(check).not.toThrow();
  else
    expect(check).toThrow(
      expect.objectContaining({ name: "UnsupportedBrowserError", message: expect.stringMatching(message) }),
    );
});
