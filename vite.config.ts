import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumArguments, findBrowser } from "./packages/headless/src/browser.ts";

const executablePath = findBrowser();

export default defineConfig({
  // onnxruntime-web then looks for its WebAssembly where it is told to, in development and when built
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  test: {
    projects: [
      {
        test: {
          name: "node",
          include: [
            "packages/*/test/**/*.test.ts",
            "demo/test/**/*.test.ts",
            "e2e/**/*.test.ts",
            "models/**/*.test.ts",
          ],
          exclude: ["**/*.browser.test.ts", "**/node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        optimizeDeps: {
          include: ["@bufbuild/protobuf/wire", "@noble/hashes/sha2.js", "@noble/hashes/utils.js"],
          exclude: ["onnxruntime-web"],
        },
        test: {
          name: "browser",
          include: ["packages/*/test/**/*.browser.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(executablePath === undefined ? {} : { executablePath }),
                args: chromiumArguments({ softwareWebGpu: true }),
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
