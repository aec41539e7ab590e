/** WebKitGTK's own small browser on a screen that is not there, through its WebDriver. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Builder, By, Capabilities, Origin, type WebDriver } from "selenium-webdriver";
import { freePort } from "../free-port.ts";
import { type Browser, callOf, type Engine, type Point, type Tab } from "./driver.ts";
import { savedInto } from "./saved-files.ts";

const DRIVER = "/usr/bin/WebKitWebDriver";
const SCREEN = "/usr/bin/Xvfb";
const WINDOW = { x: 0, y: 0, width: 1280, height: 860 };
/** Milliseconds that a function in the page may take. */
const LONGEST_TASK = 180_000;

/** Ends a process that was started here, and waits until it has ended. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await ended;
}

/** A screen in memory; it tells its number once it takes windows. */
async function startScreen(): Promise<{ child: ChildProcess; display: string }> {
  const size = `${WINDOW.width}x${WINDOW.height}x24`;
  const child = spawn(SCREEN, ["-displayfd", "3", "-screen", "0", size, "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const display = await new Promise<string>((resolve, reject) => {
    (child.stdio[3] as Socket).once("data", (number) => resolve(`:${String(number).trim()}`));
    child.once("exit", (code) => reject(new Error(`${SCREEN} ended with ${code}`)));
  });
  return { child, display };
}

/** Waits until the driver answers. */
async function answering(address: string): Promise<void> {
  for (let tries = 100; ; tries--) {
    try {
      await fetch(`${address}/status`);
      return;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function newTab(driver: WebDriver, folder: string): Promise<Tab> {
  await driver.manage().setTimeouts({ script: LONGEST_TASK });
  await driver.manage().window().setRect(WINDOW);
  const inWindow = ({ x, y }: Point): { origin: Origin; x: number; y: number } => ({
    origin: Origin.VIEWPORT,
    x: Math.round(x),
    y: Math.round(y),
  });
  return {
    goto: (address) => driver.get(address),
    reload: () => driver.navigate().refresh(),
    async evaluate<A extends unknown[], R>(task: (...args: A) => R | Promise<R>, ...args: A) {
      const answer = await driver.executeAsyncScript<{ value: R; error?: string }>(`const [done] = arguments;
        Promise.resolve()
          .then(() => ${callOf(task, args)})
          .then((value) => done({ value }), (error) => done({ error: String(error) }));`);
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.value;
    },
    hover: (at) => driver.actions().move(inWindow(at)).perform(),
    click: (at) => driver.actions().move(inWindow(at)).click().perform(),
    drag: (from, to) =>
      driver
        .actions()
        .move(inWindow(from))
        .press()
        .move(inWindow({ x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }))
        .move(inWindow(to))
        .release()
        .perform(),
    type: (text) => driver.actions().sendKeys(text).perform(),
    setFiles: (selector, paths) => driver.findElement(By.css(selector)).sendKeys(paths.join("\n")),
    saved: (name, task) => savedInto(folder, name, task),
    screenshot: async () => Buffer.from(await driver.takeScreenshot(), "base64"),
    close: () => driver.quit(),
  };
}

async function launch(): Promise<Browser> {
  // its settings and what it saves stay in a folder of their own
  const home = await mkdtemp(join(tmpdir(), "webkit-"));
  const [settings, folder] = [join(home, "config"), join(home, "saved")];
  await Promise.all([settings, folder].map((each) => mkdir(each)));
  await writeFile(join(settings, "user-dirs.dirs"), `XDG_DOWNLOAD_DIR="${folder}"\n`);
  const { child: screen, display } = await startScreen();
  const port = await freePort();
  const driver = spawn(DRIVER, [`--port=${port}`, "--host=127.0.0.1"], {
    stdio: "ignore",
    env: { ...process.env, DISPLAY: display, XDG_CONFIG_HOME: settings, XDG_CACHE_HOME: home, XDG_DATA_HOME: home },
  });
  const address = `http://127.0.0.1:${port}`;
  await answering(address);
  const wanted = new Capabilities({ browserName: "MiniBrowser" });
  return {
    newTab: async () => newTab(await new Builder().usingServer(address).withCapabilities(wanted).build(), folder),
    async close() {
      await end(driver);
      await end(screen);
      // its processes may still write there while they end
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}

function absence(): string | null {
  if (!existsSync(DRIVER)) return "WebKitWebDriver is not installed";
  return existsSync(SCREEN) ? null : "Xvfb is not installed";
}

/** WebKitGTK; every window under automation is private there, as are Safari's private windows. */
export const WEBKIT: Engine = {
  name: "WebKit",
  packages: ["webkit2gtk-driver", "xvfb"],
  absence,
  isPrivate: true,
  launch,
};
