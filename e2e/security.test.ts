/** The built demo under its own Content-Security-Policy: it works, and nothing else does. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, BrowserContext, Page, Worker } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";
import { canvasBox, DEMO, exported, isReady, keep, NAMED, says, serveDemo } from "./demo-page.ts";
import { serveStatically } from "./static-server.ts";

let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Somebody else's server, which would take what it is sent. */
let stranger: Server;
let received: string[] = [];

beforeAll(async () => {
  browser = await sharedBrowser();
  stranger = createServer((request, response) => {
    received.push(request.url ?? "");
    response.writeHead(200, { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" });
    response.end();
  });
  stranger.on("upgrade", (request, socket) => {
    received.push(request.url ?? "");
    socket.destroy();
  });
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  stranger.close();
});
afterEach(() => context.close());

/** What the policy refused so far, as directives. */
const refused = (): Promise<string[]> => page.evaluate(() => (window as unknown as { refused: string[] }).refused);

describe.each([
  ["a host that sets headers", () => serveDemo()],
  ["a host that sets none", () => serveStatically(join(DEMO, "dist"))],
])("%s", (_, start) => {
  test("a mask is made, kept and exported; what is injected neither runs nor sends", async () => {
    const server = await start();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    await page.addInitScript(() => {
      const refused: string[] = [];
      Object.assign(window, { refused });
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) =>
        refused.push(effectiveDirective),
      );
    });
    await page.goto(server.url);
    await page.waitForFunction(() => crossOriginIsolated && navigator.serviceWorker.controller !== null);
    await isReady(page);
    await page.locator(NAMED.samples).first().click();
    await says(page, /ready in/);
    const { x, y, width, height } = await canvasBox(page);
    await page.mouse.click(x + width * 0.3, y + height * 0.33);
    await says(page, /Mask with score/);
    await Promise.all([page.waitForEvent("download"), page.keyboard.press("x")]);
    await keep(page);
    // dialogs, menus and tooltips bring no styles of their own
    await exported(page);
    await page.locator(NAMED.model).click();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.keyboard.press("Escape");
    // the first movement after a key says that the pointer is in use again
    await page.mouse.move(x + 5, y + 5);
    await page.getByRole("radio", { name: "Box" }).hover();
    await page.getByRole("tooltip").waitFor();
    expect(await refused()).toEqual([]);

    const injected = await page.evaluate(async () => {
      const script = document.createElement("script");
      script.textContent = "window.injected = 'script'";
      document.body.append(script);
      const picture = document.createElement("p");
      picture.innerHTML = `<img src="none.png" onerror="window.injected = 'handler'"><p style="color: red">`;
      document.body.append(picture);
      // in a task of its own: what a debugger evaluates is not held to the policy
      await new Promise((resolve) =>
        setTimeout(() => {
          try {
            new Function("window.injected = 'function'")();
          } catch {}
          setTimeout(resolve, 500);
        }),
      );
      return (window as unknown as { injected?: string }).injected;
    });
    expect(injected).toBeUndefined();
    expect([...new Set(await refused())].sort()).toEqual([
      "script-src",
      "script-src-attr",
      "script-src-elem",
      "style-src-attr",
    ]);

    const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    received = [];
    const send = async (to: string): Promise<string> =>
      await fetch(to, { method: "POST" }).then(
        () => "sent",
        () => "refused",
      );
    expect(await page.evaluate(send, address)).toBe("refused");
    // the threads of WebAssembly answer nobody
    const worker = page.workers().find((each) => /\/worker-[^/]+$/.test(each.url())) as Worker;
    expect(await worker.evaluate(send, address)).toBe("refused");
    // nor is anything sent by other ways than fetch
    await page.evaluate(async (to) => {
      const { host } = new URL(to);
      new Image().src = `${to}image`;
      navigator.sendBeacon(`${to}beacon`, "labels");
      try {
        new WebSocket(`ws://${host}/socket`);
      } catch {}
      const form = document.createElement("form");
      Object.assign(form, { action: `${to}form`, method: "post" });
      document.body.append(form);
      await new Promise((resolve) => setTimeout(resolve, 500));
      form.submit();
    }, address);
    await page.waitForTimeout(1000);
    expect(received).toEqual([]);
    expect([...new Set(await refused())].sort()).toEqual([
      "connect-src",
      "form-action",
      "img-src",
      "script-src",
      "script-src-attr",
      "script-src-elem",
      "style-src-attr",
    ]);
    await server.close();
  });
});
