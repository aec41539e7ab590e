/** Finds a Chromium and starts it headless. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type LaunchOptions } from "playwright-core";

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

let saidUnsandboxed = false;

/**
 * How Playwright is to start the browser: without traffic of its own, with WebGPU, and in its sandbox. Chromium
 * refuses root a sandbox; that is said on stderr, once.
 */
export function launchOptions(
  { softwareWebGpu = false, fakeCamera = false }: BrowserOptions = {},
  isRoot: boolean = process.getuid?.() === 0,
): LaunchOptions {
  if (isRoot && !saidUnsandboxed) {
    process.stderr.write("Chromium runs without its sandbox, since this is root; run as a user to have it.\n");
    saidUnsandboxed = true;
  }
  const executablePath = findBrowser();
  return {
    ...(executablePath === undefined ? {} : { executablePath }),
    chromiumSandbox: !isRoot,
    args: [
      "--enable-unsafe-webgpu",
      ...(softwareWebGpu ? ["--use-webgpu-adapter=swiftshader"] : []),
      ...(fakeCamera ? ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] : []),
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-quic",
      "--no-first-run",
    ],
  };
}

/** Starts the browser. @throws Error where there is none, or where the system refuses it a sandbox */
export async function launchBrowser(options: BrowserOptions = {}): Promise<Browser> {
  if (findBrowser() === undefined) {
    throw new Error("no Chromium or Chrome was found; install one, or set CHROME_PATH");
  }
  try {
    return await chromium.launch(launchOptions(options));
  } catch (cause) {
    if (!/no usable sandbox/i.test((cause as Error).message)) throw cause;
    throw new Error("this system refuses Chromium a sandbox; allow unprivileged user namespaces", { cause });
  }
}
