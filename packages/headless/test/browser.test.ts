import { expect, test } from "vitest";
import { launchOptions } from "../src/browser.ts";

test.each([
  ["a user", false, true],
  ["root, whom Chromium refuses it", true, false],
])("the sandbox for %s", (_, isRoot, chromiumSandbox) => {
  const options = launchOptions({}, isRoot);
  expect(options).toMatchObject({ chromiumSandbox });
  expect(options.args).not.toContain("--no-sandbox");
});
