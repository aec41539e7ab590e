/** Finds a Chromium and starts it headless. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const INSTALLED = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Path of an installed Chromium or Chrome, or of Playwright's own; undefined where there is none. */
export function findBrowser(): string | undefined {
  const candidates = [process.env.CHROME_PATH, ...INSTALLED, chromium.executablePath()];
  return candidates.find((path): path is string => path !== undefined && path !== "" && existsSync(path));
}

/** What the browser is started for. */
export interface BrowserOptions {
  /** WebGPU on the CPU, for machines without a GPU: right, and very slow. */
  readonly softwareWebGpu?: boolean;
}

/** Starts the browser without any traffic of its own. */
export async function launchBrowser({ softwareWebGpu = false }: BrowserOptions = {}): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) {
    throw new Error("no Chromium or Chrome was found; install one, or set CHROME_PATH");
  }
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const webGpu = softwareWebGpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : ["--enable-unsafe-webgpu"];
  return chromium.launch({
    executablePath,
    args: [
      ...asRoot,
      ...webGpu,
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-quic",
      "--no-first-run",
    ],
  });
}
