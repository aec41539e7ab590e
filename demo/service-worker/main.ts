/**
 * The service worker. It answers for the page's files when there is no network, and adds the headers that the page needs
 * where the host cannot send them.
 *
 * A version of the page is kept as a whole: the worker is installed only once all files are there, and the hash of each
 * is right. A new version waits until the person asks for it, or until no tab runs the old one. The old version's files
 * stay as long as a tab runs it. Requests for other files are left alone: they may belong to other applications on the
 * same origin.
 */
import { setCacheNameDetails } from "workbox-core";
import { PrecacheController, PrecacheRoute } from "workbox-precaching";
import { registerRoute, setCatchHandler } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";
import { HEADERS } from "../headers.ts";
import type { PageFiles } from "./files.ts";
import { OUTDATED, PREFIX, scriptOfLock, type ToWorker } from "./versions.ts";

declare const self: ServiceWorkerGlobalScope;
/** Written in by the build. */
declare const __FILES__: PageFiles;

const { scope } = self.registration;
/** The page's own addresses. */
const PAGES: readonly string[] = [scope, `${scope}index.html`];
/** The folder of the files whose names contain a hash of their content. */
const ASSETS = `${scope}assets/`;
/** The page's other folders. The names of their files stay when the content changes. */
const FOLDERS = [...new Set(__FILES__.kept.map(({ url }) => new URL(".", new URL(url, scope)).href))].filter(
  (folder) => folder !== scope && folder !== ASSETS,
);
/** Name of the lock that is held while files are added or deleted. */
const FILES_LOCK = `${PREFIX} files ${scope}`;

/** Integrity of the files that are downloaded when they are first used, by address. */
const onFirstUse = new Map(__FILES__.onFirstUse.map(({ url, integrity }) => [new URL(url, scope).href, integrity]));

setCacheNameDetails({ prefix: PREFIX });

const withHeaders = {
  cachedResponseWillBeUsed: async ({ cachedResponse }: { cachedResponse?: Response | undefined }) =>
    cachedResponse && secured(cachedResponse),
};

const version = new PrecacheController({
  fallbackToNetwork: false, // the catch handler below asks the network, and works without storage
  plugins: [
    withHeaders,
    // the host may have let the browser keep an old copy for months: ask the host again
    { requestWillFetch: async ({ request }) => (request.cache === "default" ? fresh(request) : request) },
  ],
});
version.strategy.matchOptions = { ignoreVary: true };
version.addToCacheList([...__FILES__.kept]);

registerRoute(new PrecacheRoute(version, { cleanURLs: false, ignoreURLParametersMatching: [/./] }));

// files of an older version that a tab still runs, and files that are downloaded when they are first used
registerRoute(
  ({ url }) => url.href.startsWith(ASSETS),
  new CacheFirst({
    cacheName: version.strategy.cacheName,
    matchOptions: { ignoreVary: true },
    plugins: [
      withHeaders,
      {
        requestWillFetch: async ({ request }) => {
          const integrity = onFirstUse.get(request.url);
          return integrity === undefined ? request : fresh(request, integrity);
        },
        fetchDidSucceed: async ({ request, response }) => (onFirstUse.has(request.url) ? secured(response) : response),
        cacheWillUpdate: async ({ request, response }) =>
          onFirstUse.has(request.url) && response.status === 200 ? response : null,
      },
    ],
  }),
);

// files of an older version that this one no longer has, for the tabs that still run the older one
registerRoute(
  ({ url }) => FOLDERS.some((folder) => url.href.startsWith(folder)),
  async ({ request }) => {
    const cache = await caches.open(version.strategy.cacheName);
    const kept = await cache.match(request.url, { ignoreSearch: true, ignoreVary: true });
    return secured(kept ?? (await fetch(request)));
  },
);

// without storage, the network answers
setCatchHandler(async ({ request }) => secured(await fetch(request)));

self.addEventListener("install", (event) => {
  event.waitUntil(navigator.locks.request(FILES_LOCK, () => version.install(event)));
});

self.addEventListener("activate", (event) => {
  // not waited for, and what is requested waits for the activation: in Firefox each worker of a claimed page has to agree,
  // and onnxruntime-web's threads are asleep, so that page could start no more workers until the browser gives up
  void self.clients.claim();
  event.waitUntil(forgetUnversioned());
});

self.addEventListener("message", (event) => {
  const message = event.data as ToWorker;
  if (message === "activate") return event.waitUntil(self.skipWaiting());
  if (!isCurrent(message.runs)) event.source?.postMessage(OUTDATED);
  event.waitUntil(tidy());
});

/** Whether a script belongs to this worker's version. */
function isCurrent(script: string): boolean {
  return version.getURLsToCacheKeys().has(script);
}

/** Deletes the files of other versions, once no tab runs them. */
async function tidy(): Promise<void> {
  await navigator.locks.request(FILES_LOCK, { ifAvailable: true }, async (lock) => {
    const { installing, waiting } = self.registration;
    if (!lock || installing || waiting || (await isOldVersionRun())) return;
    const cache = await caches.open(version.strategy.cacheName);
    const current = new Set([...version.getURLsToCacheKeys().values(), ...onFirstUse.keys()]);
    const old = (await cache.keys()).filter(({ url }) => !current.has(url));
    await Promise.all(old.map((request) => cache.delete(request, { ignoreVary: true })));
  });
}

/** Whether a tab runs another version, or has not yet taken the lock that tells its version. */
async function isOldVersionRun(): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  const running = held.map(({ name = "" }) => scriptOfLock(name) ?? "").filter((script) => script.startsWith(ASSETS));
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  // browsers disagree about what a lock's clientId is, so locks and windows are not matched but counted
  const tabs = windows.filter(({ url }) => PAGES.includes(url.replace(/[?#].*/, "")));
  return running.length < tabs.length || !running.every(isCurrent);
}

/** Deletes the caches of earlier releases of this worker, which used a cache for each version. */
async function forgetUnversioned(): Promise<void> {
  for (const name of await caches.keys()) {
    if (!/^sam2-web-[0-9a-f]{12}$/.test(name)) continue;
    const requests = await (await caches.open(name)).keys();
    if (requests.every(({ url }) => url.startsWith(scope))) await caches.delete(name);
  }
}

/** The request, with a copy in the browser's HTTP cache only used if the server says that it is current. */
function fresh(request: Request, integrity = request.integrity): Request {
  return new Request(request, { cache: "no-cache", integrity });
}

/** The response, with the headers that the page needs. */
function secured(response: Response): Response {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
