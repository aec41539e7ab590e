/** Firefox, over WebDriver BiDi, and Chromium, over its own protocol: both through Puppeteer. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { findBrowser, launchOptions } from "headless/browser";
import puppeteer, { type BrowserContext, type ElementHandle, type LaunchOptions } from "puppeteer-core";
import { type Browser, callOf, type Engine, type Tab } from "./driver.ts";
import { savedInto, savingFolder } from "./saved-files.ts";

const VIEWPORT = { width: 1280, height: 800 };

/**
 * A page counts as opened once its document is there: the tests wait for what it says. Its load event may come late, since
 * it waits for the service worker, which fetches all files at the same time.
 */
const NAVIGATION = { waitUntil: "domcontentloaded", timeout: 90_000 } as const;

const FIREFOXES = ["/usr/bin/firefox-esr", "/usr/bin/firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];

/** Path of an installed Firefox; undefined where there is none. */
function findFirefox(): string | undefined {
  const candidates = [process.env.FIREFOX_PATH, ...FIREFOXES];
  return candidates.find((path): path is string => path !== undefined && existsSync(path));
}

async function newTab(context: BrowserContext, folder: string): Promise<Tab> {
  const page = await context.newPage();
  await page.setViewport(VIEWPORT);
  return {
    goto: async (address) => void (await page.goto(address, NAVIGATION)),
    reload: async () => void (await page.reload(NAVIGATION)),
    evaluate: <A extends unknown[], R>(task: (...args: A) => R | Promise<R>, ...args: A) =>
      page.evaluate(callOf(task, args)) as Promise<R>,
    hover: ({ x, y }) => page.mouse.move(x, y),
    click: ({ x, y }) => page.mouse.click(x, y),
    async drag(from, to) {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(to.x, to.y, { steps: 5 });
      await page.mouse.up();
    },
    type: (text) => page.keyboard.type(text),
    async setFiles(selector, paths) {
      const input = (await page.$(selector)) as ElementHandle<HTMLInputElement> | null;
      if (!input) throw new Error(`the page has no ${selector}`);
      await input.uploadFile(...paths);
    },
    saved: (name, task) => savedInto(folder, name, task),
    screenshot: () => page.screenshot(),
    close: () => context.close(),
  };
}

async function launch(folder: string, options: LaunchOptions): Promise<Browser> {
  const browser = await puppeteer.launch({ headless: true, ...options });
  return {
    async newTab() {
      // Firefox has it in its preferences
      const context = await browser.createBrowserContext({
        downloadBehavior: { policy: "allow", downloadPath: folder },
      });
      return newTab(context, folder);
    },
    async close() {
      await browser.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}

/** Starts Firefox with preferences and environment variables of its own. */
export async function launchFirefox(
  preferences: Readonly<Record<string, unknown>> = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<Browser> {
  const folder = await savingFolder();
  return launch(folder, {
    browser: "firefox",
    executablePath: findFirefox() as string,
    env: { ...process.env, ...environment },
    extraPrefsFirefox: { "browser.download.folderList": 2, "browser.download.dir": folder, ...preferences },
  });
}

async function launchChromium(): Promise<Browser> {
  const folder = await savingFolder();
  const { args = [], chromiumSandbox } = launchOptions();
  return launch(folder, {
    browser: "chrome",
    executablePath: findBrowser() as string,
    args: chromiumSandbox ? args : ["--no-sandbox", ...args],
  });
}

/** Firefox. */
export const FIREFOX: Engine = {
  name: "Firefox",
  packages: ["firefox-esr"],
  absence: () => (findFirefox() === undefined ? "Firefox is not installed" : null),
  isPrivate: false,
  launch: () => launchFirefox(),
};

/** Chromium or Chrome. */
export const CHROMIUM: Engine = {
  name: "Chromium",
  packages: ["chromium"],
  absence: () => (findBrowser() === undefined ? "Chromium is not installed" : null),
  isPrivate: false,
  launch: launchChromium,
};
