/** The demo on a host whose files change while people have it open. */
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { exportFolder } from "sam2-export/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildServiceWorker } from "../../demo/service-worker.vite.ts";
import { sharedBrowser } from "../browser.ts";
import { DEMO, isReady } from "../demo-page.ts";
import { type StaticServer, serveStatically } from "../static-server.ts";
import { FIXTURES } from "../toy-page.ts";

let folder: string;
let browser: Browser;
let context: BrowserContext;
let server: StaticServer;

/** How the name of a script ends. */
const HASH = /-[\w-]{8}\.js$/;

/** Versions of the built page, each in a folder. */
const version = (name: "first" | "second" | "other-html" | "half"): string => join(folder, name);

/**
 * Gives a script of `assets` other content, and so another name, wherever it is named: scripts that name it have other
 * content then, too.
 *
 * @param changed scripts that have been given another name already, without their hashes
 */
async function change(
  root: string,
  isScript: (name: string) => boolean,
  edit: (code: string) => string,
  changed: ReadonlySet<string> = new Set(),
): Promise<void> {
  const assets = join(root, "assets");
  const name = (await readdir(assets)).find(isScript) as string;
  const [stem, code] = [name.replace(HASH, ""), edit(await readFile(join(assets, name), "utf8"))];
  const renamed = `${stem}-${createHash("sha256").update(code).digest("hex").slice(0, 8)}.js`;
  await rename(join(assets, name), join(assets, renamed));
  await writeFile(join(assets, renamed), code);
  for (const page of (await readdir(root)).filter((each) => each.endsWith(".html"))) {
    const text = await readFile(join(root, page), "utf8");
    await writeFile(join(root, page), text.replaceAll(name, renamed));
  }
  for (const other of (await readdir(assets)).filter((each) => each.endsWith(".js"))) {
    const text = await readFile(join(assets, other), "utf8").catch(() => "");
    if (!text.includes(name)) continue;
    const withName = (before: string): string => before.replaceAll(name, renamed);
    // scripts that name each other: one of them keeps its name
    if (changed.has(other.replace(HASH, ""))) await writeFile(join(assets, other), withName(text));
    else await change(root, (each) => each === other, withName, new Set([...changed, stem]));
  }
}

/** Puts a small model in the place of the built-in one: the page opens it at once. */
async function useToy(root: string): Promise<void> {
  const toy = join(folder, "toy");
  await exportFolder(join(FIXTURES, "toy"), toy);
  for (const name of await readdir(join(root, "assets"))) {
    const file = /^(encoder|decoder|model)-[\w-]{8}\.(onnx|json)$/.exec(name);
    if (file) await cp(join(toy, `${file[1]}.${file[2]}`), join(root, "assets", name));
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deployment-"));
  await cp(join(DEMO, "dist"), version("first"), { recursive: true });
  await useToy(version("first"));
  await buildServiceWorker(version("first"));

  await cp(version("first"), version("second"), { recursive: true });
  await change(
    version("second"),
    (name) => name.startsWith("worker-"),
    (code) => `${code}\n// second`,
  );
  await change(
    version("second"),
    (name) => /^index-.*\.js$/.test(name),
    (code) => `${code}\ndocument.documentElement.lang = "en-GB";`,
  );
  await rename(join(version("second"), "samples", "cars.jpg"), join(version("second"), "samples", "vans.jpg"));
  await buildServiceWorker(version("second"));

  await cp(version("first"), version("other-html"), { recursive: true });
  const page = join(version("other-html"), "index.html");
  await writeFile(page, (await readFile(page, "utf8")).replace('lang="en"', 'lang="en-GB"'));
  await buildServiceWorker(version("other-html"));

  // a deployment that has not ended: all is new but a file that is still missing
  await cp(version("second"), version("half"), { recursive: true });
  await rm(await workerFile("half"));

  browser = await sharedBrowser();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function workerFile(of: "first" | "second" | "half"): Promise<string> {
  const assets = join(version(of), "assets");
  return join(assets, (await readdir(assets)).find((name) => name.startsWith("worker-")) as string);
}

afterEach(async () => {
  await context.close();
  await server.close();
});

/** Opens the page, and waits until its version is kept and it answers. */
async function openPage(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(server.url);
  await isUp(page);
  return page;
}

async function isUp(page: Page): Promise<void> {
  // where the host sets no headers, the first visit is loaded twice
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null && crossOriginIsolated);
  await isReady(page);
}

/** Which version a tab runs. */
const runs = async (page: Page): Promise<string> =>
  (await page.evaluate(() => document.documentElement.lang)) === "en" ? "first" : "new";

const offer = (page: Page) => page.getByRole("status", { name: "New version" }).getByRole("button");

/** Accepts the new version. */
async function accept(page: Page): Promise<void> {
  await offer(page).click({ timeout: 20_000 });
  await page.waitForFunction(() => document.documentElement.lang === "en-GB", undefined, { timeout: 20_000 });
  await isUp(page);
}

/** Looks for a new version, and waits until it has come to nothing. */
const updateFails = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    const worker = registration.installing;
    while (worker && worker.state !== "redundant") {
      await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
    }
  });

/** Names of the files that are kept, without folders. */
const kept = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const names: string[] = [];
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys())
        names.push(new URL(url).pathname.split("/").at(-1) ?? "");
    }
    return names;
  });

describe.each([
  ["without Cache-Control", undefined],
  ["with files that may be kept for a year", "max-age=31536000, immutable"],
])("%s", (_, cacheControl) => {
  beforeEach(async () => {
    server = await serveStatically(version("first"), cacheControl);
    context = await browser.newContext();
  });

  test("a new version is offered and comes whole; another tab keeps its own until it is reloaded", async () => {
    const old = await openPage();
    const tab = await openPage();
    const oldWorker = (await workerFile("first")).split("/").at(-1) as string;
    server.folder = version("second");

    await tab.reload();
    await isUp(tab);
    expect(await runs(tab)).toBe("first");
    await accept(tab);

    await offer(old).waitFor();
    expect(await runs(old)).toBe("first");
    const served = await old.evaluate(async (name) => (await fetch(`assets/${name}`)).text(), oldWorker);
    expect(served === (await readFile(await workerFile("first"), "utf8"))).toBe(true);
    const sample = async (name: string): Promise<number> =>
      old.evaluate(async (file) => (await fetch(`samples/${file}`)).status, name);
    expect([await sample("cars.jpg"), await sample("none.jpg")]).toEqual([200, 404]);

    await accept(old);
    expect(await runs(old)).toBe("new");
    await expect.poll(() => kept(old)).not.toContain(oldWorker);
    await expect.poll(() => kept(old)).not.toContain("cars.jpg");
    await context.setOffline(true);
    await old.reload();
    await isUp(old);
    expect(await runs(old)).toBe("new");
  });

  test("a change of index.html alone arrives", async () => {
    const page = await openPage();
    server.folder = version("other-html");
    await page.reload();
    await accept(page);
    expect(await runs(page)).toBe("new");
  });

  test("a deployment that has not ended changes nothing until it has", async () => {
    const page = await openPage();
    server.folder = version("half");
    await page.reload();
    await isUp(page);
    await updateFails(page);
    expect(await offer(page).isVisible()).toBe(false);
    await context.setOffline(true);
    await page.reload();
    await isUp(page);
    expect(await runs(page)).toBe("first");
    await context.setOffline(false);
    server.folder = version("second");
    await page.reload();
    await accept(page);
  });
});

test("with no room left, what is asked for is answered all the same", async () => {
  server = await serveStatically(version("first"));
  context = await browser.newContext();
  const page = await openPage();
  const large = (await readdir(join(version("first"), "assets"))).find((name) =>
    /asyncify.*\.wasm$/.test(name),
  ) as string;
  expect(await kept(page)).not.toContain(large);
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(server.url).origin, quotaSize: 1 });
  const bytes = await page.evaluate(async (name) => (await (await fetch(`assets/${name}`)).blob()).size, large);
  expect(bytes).toBe((await readFile(join(version("first"), "assets", large))).length);
  await page.waitForTimeout(500);
  expect(await kept(page)).not.toContain(large);
  await page.reload();
  await isUp(page);
});

test("with no room left for a new version, the old one goes on", async () => {
  server = await serveStatically(version("first"));
  context = await browser.newContext();
  const page = await openPage();
  const session = await context.newCDPSession(page);
  const { origin } = new URL(server.url);
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  server.folder = version("second");
  await page.reload();
  await isUp(page);
  await updateFails(page);
  expect(await runs(page)).toBe("first");
  expect(await offer(page).isVisible()).toBe(false);
  await session.send("Storage.overrideQuotaForOrigin", { origin });
  await page.reload();
  await accept(page);
  expect(await runs(page)).toBe("new");
});

describe("at the root of an origin that is not its own", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(folder, "root-"));
    await cp(version("first"), root, { recursive: true });
    await mkdir(join(root, "other", "assets"), { recursive: true });
    await writeFile(join(root, "other", "index.html"), "<!doctype html><title>Other</title>");
    await writeFile(join(root, "assets", "other.js"), "export {};");
    server = await serveStatically(root);
    context = await browser.newContext();
  });

  test("other pages are theirs, and so is what they fetch", async () => {
    await openPage();
    const other = await context.newPage();
    const answer = await other.goto(`${server.url}other/`);
    expect(await other.title()).toBe("Other");
    expect(answer?.headers()["cross-origin-embedder-policy"]).toBeUndefined();
    const script = await other.evaluate(async () => {
      const { headers, status } = await fetch("/assets/other.js");
      return { status, policy: headers.get("Cross-Origin-Resource-Policy") };
    });
    expect(script).toEqual({ status: 200, policy: null });
    expect(await kept(other)).not.toContain("other.js");
    expect((await other.goto(`${server.url}other/none`))?.status()).toBe(404);
  });

  test("their caches stay, those of this page's workers before this one go", async () => {
    const page = await context.newPage();
    await page.goto(`${server.url}other/`);
    await page.evaluate(async () => {
      for (const name of ["other", "sam2-web", "sam2-web-models", "sam2-web-0123456789ab"]) {
        await (await caches.open(name)).put("/kept.txt", new Response(name));
      }
    });
    await page.goto(server.url);
    await isUp(page);
    await cp(version("second"), root, { recursive: true });
    await page.reload();
    await accept(page);
    const names = await page.evaluate(() => caches.keys());
    expect(names).toEqual(expect.arrayContaining(["other", "sam2-web", "sam2-web-models"]));
    expect(names).not.toContain("sam2-web-0123456789ab");
  });
});
