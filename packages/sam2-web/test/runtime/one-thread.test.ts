/** Why WebAssembly has one thread: told in the device's reason. */
import { afterEach, expect, test, vi } from "vitest";
import { whyOneThread } from "../../src/runtime/sessions.ts";

afterEach(() => vi.unstubAllGlobals());

test.each<[string, boolean, unknown, string | null]>([
  ["isolated, with shared memory", true, SharedArrayBuffer, null],
  ["not isolated", false, undefined, "one thread, since the page is not cross-origin isolated"],
  ["isolated, as WebKitGTK is", true, undefined, "one thread, since this browser has no SharedArrayBuffer"],
])("%s", (_, crossOriginIsolated, shared, reason) => {
  vi.stubGlobal("crossOriginIsolated", crossOriginIsolated);
  vi.stubGlobal("SharedArrayBuffer", shared);
  expect(whyOneThread()).toBe(reason);
});
