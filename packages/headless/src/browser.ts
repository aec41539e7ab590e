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
  /** A camera that shows a test picture, and needs no permission by hand. */
  readonly fakeCamera?: boolean;
}

/** Command-line switches: no traffic of its own, and WebGPU. */
export function chromiumArguments({ softwareWebGpu = false, fakeCamera = false }: BrowserOptions = {}): string[] {
  return [
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    "--enable-unsafe-webgpu",
    ...(softwareWebGpu ? ["--use-webgpu-adapter=swiftshader"] : []),
    ...(fakeCamera ? ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] : []),
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
  ];
}

/** Starts the browser. */
export async function launchBrowser(options: BrowserOptions = {}): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) {
    throw new Error("no Chromium or Chrome was found; install one, or set CHROME_PATH");
  }
  return chromium.launch({ executablePath, args: chromiumArguments(options) });
}
