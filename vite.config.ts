import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { launchOptions } from "./packages/headless/src/browser.ts";
import { CONDITIONS } from "./packages/headless/src/pages.ts";

/** How long a state is waited for: a busy machine takes its time, and a test that is right does not notice. */
const PATIENT = { timeout: 20_000 };

/** Tests in a headless Chromium, whose WebGPU is a program. Made for each project: Vitest writes the project's name into it. */
const chromium = () => ({
  enabled: true,
  headless: true,
  screenshotFailures: false,
  provider: playwright({ launchOptions: launchOptions({ softwareWebGpu: true }) }),
  instances: [{ browser: "chromium" as const }],
});

/** Large arrays are compared fast. */
const SETUP = ["e2e/typed-arrays.ts"];

/** Tests that use what `e2e/setup.ts` builds, the demo and a page; a worker's files share its browser. */
const WITH_PAGES = {
  setupFiles: SETUP,
  globalSetup: "e2e/setup.ts",
  testTimeout: 120_000,
  hookTimeout: 240_000,
  expect: { poll: PATIENT },
  isolate: false,
  maxWorkers: 2,
};

/** What is tested, one project after the other. */
export default defineConfig({
  // onnxruntime-web then looks for its WebAssembly where it is told to, in development and when built
  resolve: { conditions: CONDITIONS },
  test: {
    projects: [
      {
        test: {
          name: "node",
          setupFiles: SETUP,
          include: [
            "packages/*/test/**/*.test.ts",
            "demo/test/**/*.test.ts",
            "e2e/{fuzz,soak}/test/*.test.ts",
            "bench/test/*.test.ts",
            "e2e/repository/*.test.ts",
            "models/**/*.test.ts",
          ],
          exclude: ["**/*.{native,webgpu,browser}.test.ts", "**/node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // a worker's files share what they import: half of the time goes there otherwise
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "native",
          setupFiles: SETUP,
          include: ["packages/*/test/**/*.native.test.ts", "e2e/fuzz/test/*.native.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
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
          setupFiles: SETUP,
          include: ["packages/*/test/**/*.browser.test.ts", "demo/test/**/*.browser.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
          expect: { poll: PATIENT },
          sequence: { groupOrder: 1 },
          browser: chromium(),
        },
      },
      {
        test: {
          ...WITH_PAGES,
          name: "e2e",
          include: ["e2e/*.test.ts"],
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...WITH_PAGES,
          name: "models",
          include: ["e2e/models/*.test.ts"],
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "alone",
          setupFiles: SETUP,
          include: ["e2e/alone/*.test.ts"],
          globalSetup: "e2e/setup.ts",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: PATIENT },
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        optimizeDeps: { exclude: ["onnxruntime-web"] },
        test: {
          name: "webgpu",
          setupFiles: SETUP,
          include: ["packages/*/test/**/*.webgpu.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          sequence: { groupOrder: 1 },
          browser: chromium(),
        },
      },
      {
        test: {
          ...WITH_PAGES,
          name: "faults",
          include: ["e2e/faults/*.test.ts"],
          sequence: { groupOrder: 6 },
        },
      },
      {
        test: {
          name: "examples",
          include: ["e2e/examples/*.test.ts"],
          // installing from the registry and building take most of it
          testTimeout: 480_000,
          hookTimeout: 240_000,
          fileParallelism: false,
          sequence: { groupOrder: 5 },
        },
      },
      {
        test: {
          name: "browsers",
          setupFiles: SETUP,
          include: ["e2e/browsers/*.test.ts"],
          globalSetup: "e2e/setup.ts",
          testTimeout: 240_000,
          hookTimeout: 120_000,
          expect: { poll: PATIENT },
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
