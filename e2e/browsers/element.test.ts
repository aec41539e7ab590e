/** `<sam2-canvas>` in a form, as an application has it, in the browsers that the examples are not tried in. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeRle, maskArea } from "sam2-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StaticServer, serveStatically } from "../static-server.ts";
import type { Browser, Tab } from "./driver.ts";
import { FIREFOX } from "./puppeteer.ts";
import { WEBKIT } from "./webkit.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const VITE = join(ROOT, "node_modules/.bin/vite");

const PAGE = `<!doctype html>
<title>A form</title>
<script type="module">import "sam2-canvas/define";</script>
<style>body { margin: 0 } sam2-canvas { width: 640px; height: 427px }</style>
<form><sam2-canvas name="truck" src="truck.jpg" label="A pick-up truck"></sam2-canvas></form>`;

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  // in the repository, where the packages are found
  await mkdir(join(ROOT, ".cache"), { recursive: true });
  folder = await mkdtemp(join(ROOT, ".cache", "element-"));
  await writeFile(join(folder, "index.html"), PAGE);
  await cp(join(ROOT, "examples/vue/public"), join(folder, "public"), { recursive: true });
  // as an application is built, not as a test is
  const env = { ...process.env, NODE_ENV: undefined };
  await promisify(execFile)(VITE, ["build", folder, "--logLevel", "error"], { env });
  server = await serveStatically(join(folder, "dist"));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const stateIn = (tab: Tab): Promise<string> =>
  tab.evaluate(() => (document.querySelector("sam2-canvas") as unknown as { state: string }).state);

const sent = (tab: Tab): Promise<string> =>
  tab.evaluate(() => String(new FormData(document.querySelector("form") as HTMLFormElement).get("truck") ?? ""));

describe.each([FIREFOX, WEBKIT].map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
  const absence = engine.absence();
  describe.skipIf(absence !== null)(absence ?? "the element", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await engine.launch();
    });
    afterAll(() => browser?.close());

    // WebKitGTK's JavaScriptCore crashes once in a while in a worker, and takes the page along
    test("a click on the picture gives the form its mask", { retry: 2 }, async () => {
      const tab = await browser.newTab();
      try {
        await tab.goto(server.url);
        await expect.poll(() => stateIn(tab), { timeout: 60_000 }).toBe("ready");
        expect(await sent(tab)).toBe("");
        await tab.click({ x: 300, y: 215 });
        await expect.poll(() => sent(tab), { timeout: 60_000 }).not.toBe("");
        const mask = decodeRle(JSON.parse(await sent(tab)));
        expect(mask).toMatchObject({ width: 640, height: 427 });
        expect([mask.data[215 * 640 + 300], mask.data[10 * 640 + 320]]).toEqual([1, 0]);
        expect(maskArea(mask) / (640 * 427)).toBeGreaterThan(0.1);
      } finally {
        await tab.close();
      }
    });
  });
});
