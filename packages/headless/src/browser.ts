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

/** Path of an installed Chromium or Chrome, or of Playwright's own; undefined if there is none. */
export function findBrowser(): string | undefined {
  const candidates = [process.env.CHROME_PATH, ...INSTALLED, chromium.executablePath()];
  return candidates.find((path): path is string => path !== undefined && path !== "" && existsSync(path));
}

/** Options for starting the browser. */
export interface BrowserOptions {
  /** Emulate WebGPU on the CPU, for machines without a GPU: correct, but very slow. */
  readonly softwareWebGpu?: boolean;
  /** Add a camera that shows a test picture, and allow it without asking. */
  readonly fakeCamera?: boolean;
}

let saidUnsandboxed = false;

/**
 * Playwright's options to start the browser: with WebGPU, in its sandbox, and without network traffic of its own.
 * For root, Chromium has no sandbox; a warning on stderr says so, once.
 */
export function launchOptions(
  { softwareWebGpu = false, fakeCamera = false }: BrowserOptions = {},
  isRoot: boolean = process.getuid?.() === 0,
): LaunchOptions {
  if (isRoot && !saidUnsandboxed) {
    process.stderr.write(
      "Chromium runs without its sandbox, since the user is root; run as another user to have it.\n",
    );
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

/** Starts the browser. @throws Error if there is none, or if the system does not allow it a sandbox */
export async function launchBrowser(options: BrowserOptions = {}): Promise<Browser> {
  if (findBrowser() === undefined) {
    throw new Error("no Chromium or Chrome was found; install one, or set CHROME_PATH");
  }
  try {
    return await chromium.launch(launchOptions(options));
  } catch (cause) {
    if (!/no usable sandbox/i.test((cause as Error).message)) throw cause;
    throw new Error("this system does not let Chromium use a sandbox; allow unprivileged user namespaces", { cause });
  }
}
