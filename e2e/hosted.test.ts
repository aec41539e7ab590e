/** A page's plain `fetch` of the services, answered through a service worker. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ISOLATION } from "headless/pages";
import { type Server, serve } from "headless/server";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { build, type Rollup } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";

const FIXTURES = fileURLToPath(new URL("../models/reference/fixtures/", import.meta.url));
const README = readFileSync(new URL("../packages/sam2-hosted/README.md", import.meta.url), "utf8");

let server: Server;
let browser: Browser;
let page: Page;
const outside: string[] = [];

/** The lines of the package's README below a comment. */
function shown(comment: string): string {
  const [, lines] = README.match(new RegExp(`^// ${comment}\n([^\`]+)^\`{3}`, "m")) ?? [];
  if (lines === undefined) throw new Error(`expected lines below "// ${comment}" in the README, found none`);
  return lines;
}

/** The service worker that the README shows, bundled. */
async function serviceWorker(): Promise<string> {
  const entry = "\0sw.js";
  const built = await build({
    configFile: false,
    logLevel: "error",
    plugins: [
      {
        name: "sw",
        resolveId: (id) => (id === "sw.js" ? entry : null),
        load: (id) => (id === entry ? shown("sw.js") : null),
      },
    ],
    build: { write: false, rollupOptions: { input: "sw.js", output: { format: "es", entryFileNames: "sw.js" } } },
  });
  return (built as Rollup.RollupOutput).output[0].code;
}

/** A browser's profile of its own; what its pages or service worker ask of other hosts is noted, and refused. */
async function newProfile(): Promise<BrowserContext> {
  const context = await browser.newContext();
  const isOutside = ({ href }: URL): boolean => !href.startsWith(server.url) && /^https?:/.test(href);
  await context.route(isOutside, (route) => {
    outside.push(route.request().url());
    return route.abort();
  });
  return context;
}

async function openPage(context: BrowserContext): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(server.url);
  await opened.waitForFunction(() => "sam2Hosted" in window);
  return opened;
}

/** A page whose requests go through the service worker. */
async function controlledPage(context: BrowserContext): Promise<Page> {
  const opened = await openPage(context);
  await opened.evaluate(async () => {
    await navigator.serviceWorker.register("sw.js", { type: "module" });
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
    }
  });
  return opened;
}

beforeAll(async () => {
  const code = await serviceWorker();
  server = await serve({
    folders: { "models/checkpoint/": join(FIXTURES, "toy"), "photo/": join(FIXTURES, "photo") },
    handle: (path, _, response) => {
      const script = { "sw.js": code, "idle.js": "" }[path];
      if (script === undefined) return false;
      response.writeHead(200, { ...ISOLATION, "Content-Type": "text/javascript" });
      response.end(script);
      return true;
    },
  });
  browser = await sharedBrowser();
  page = await controlledPage(await newProfile());
});
afterAll(async () => {
  await page.context().close();
  await server.close();
});

/** A plain request to Livepeer's gateway. */
const request = (from = page) =>
  from.evaluate(async () => {
    const body = new FormData();
    body.append("image", await (await fetch("photo/truck.png")).blob());
    body.append("point_coords", "[[192, 112]]");
    body.append("point_labels", "[1]");
    body.append("return_logits", "false");
    const response = await fetch("https://dream-gateway.livepeer.cloud/segment-anything-2", { method: "POST", body });
    return { status: response.status, body: await response.json() };
  });

test("while no page serves, it says so", async () => {
  const { status, body } = await request();
  expect([status, body.detail.msg]).toEqual([503, expect.stringContaining("call serveHosted")]);
});

test("a plain fetch is answered by the page's segmenter", async () => {
  const expected = await page.evaluate(async () => {
    const { createSegmenter, toLivepeerJSON } = window.sam2;
    const segmenter = await createSegmenter({ model: { checkpoint: "models/checkpoint/" }, device: "wasm" });
    await window.sam2Hosted.serveHosted(window.sam2Hosted.createHostedFetch(segmenter));
    const prompt = { image: "photo/truck.png", point_coords: [[192, 112]], point_labels: [1] };
    return toLivepeerJSON(await segmenter.segment(prompt));
  });
  expect(await request()).toEqual({ status: 200, body: expected });
});

test("the README's lines are answered here from the first visit on", async () => {
  const context = await newProfile();
  const first = await openPage(context);
  const { status, masks } = (await first.evaluate(`(async () => {
    const { createHostedFetch, serveHosted } = sam2Hosted;
    const segmenter = await sam2.createSegmenter({ model: { checkpoint: "models/checkpoint/" }, device: "wasm" });
    const body = new FormData();
    body.append("image", await (await fetch("photo/truck.png")).blob());
    body.append("point_coords", "[[192, 112]]");
    body.append("point_labels", "[1]");
    body.append("return_logits", "false");
    ${shown("the page").replace(/^import .*$/m, "")}
    return { status: response.status, masks: JSON.parse((await response.json()).masks).length };
  })()`)) as { status: number; masks: number };
  expect([status, masks]).toEqual([200, 3]);
  await context.close();
});

test.each([
  ["no service worker", null, "call register() first"],
  ["a service worker that takes no page over", "idle.js", "call clients.claim()"],
])("with %s, a page is told that it cannot serve", async (_, worker, said) => {
  const context = await newProfile();
  const page = await openPage(context);
  const refusal = page.evaluate(async (file) => {
    if (file !== null) await navigator.serviceWorker.register(file);
    return window.sam2Hosted.serveHosted(fetch).then(
      () => null,
      ({ name, message }: Error) => `${name}: ${message}`,
    );
  }, worker);
  expect(await refusal).toMatch(new RegExp(`^DeviceError: .*${said.replace(/[().]/g, "\\$&")}`));
  await context.close();
});

test("streams and pictures come through as well", async () => {
  const { events, type, width } = await page.evaluate(async () => {
    const image_url = new URL("photo/truck.png", location.href).href;
    const input = { image_url, points_per_side: 2, pred_iou_thresh: 0, stability_score_thresh: 0 };
    const submitted = await fetch("https://queue.fal.run/fal-ai/sam2/auto-segment", {
      method: "POST",
      body: JSON.stringify(input),
    });
    const { request_id, status_url } = await submitted.json();
    const stream = await (await fetch(`${status_url}/stream`)).text();
    const result = await fetch(`https://queue.fal.run/fal-ai/sam2/requests/${request_id}`);
    const picture = new Image();
    picture.src = (await result.json()).combined_mask.url;
    await picture.decode();
    return { events: stream.trim().split("\n\n"), type: result.headers.get("content-type"), width: picture.width };
  });
  expect(events.at(-1)).toContain('"status":"COMPLETED"');
  expect([type, width]).toEqual(["application/json", 480]);
});

test.each([
  ["closes", "() => new Promise(() => {})", "the page that served this request was closed"],
  ["fails", "() => Promise.reject(new Error('out of order'))", "out of order"],
])("a request is not left waiting when the page that serves it %s", async (ending, hostedFetch, msg) => {
  const context = await newProfile();
  const [asking, serving] = [await controlledPage(context), await controlledPage(context)];
  const asked = serving.evaluate(`new Promise((resolve) => {
    const hostedFetch = ${hostedFetch};
    sam2Hosted.serveHosted(() => (resolve(), hostedFetch()));
  })`);
  const answer = request(asking);
  await asked;
  if (ending === "closes") await serving.close();
  expect(await answer).toEqual({ status: 503, body: { detail: { msg } } });
  await context.close();
});

test("an answer that nobody reads any more is not worked on", async () => {
  const context = await newProfile();
  const serving = await controlledPage(context);
  const reason = await serving.evaluate(async () => {
    const aborted = new Promise<string>((resolve) => {
      void window.sam2Hosted.serveHosted(async (_, init) => {
        init?.signal?.addEventListener("abort", () => resolve("aborted"));
        return new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(1)) }));
      });
    });
    const stop = new AbortController();
    await fetch("https://queue.fal.run/fal-ai/sam2/auto-segment", { signal: stop.signal });
    stop.abort();
    return aborted;
  });
  expect(reason).toBe("aborted");
  await context.close();
});

test("other requests are left alone, and nothing was asked of another host", async () => {
  expect(await page.evaluate(async () => (await fetch("photo/truck.png")).status)).toBe(200);
  expect(outside).toEqual([]);
});
