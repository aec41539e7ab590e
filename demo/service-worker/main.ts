/**
 * The page without a network, and cross-origin isolation where a host cannot set headers.
 *
 * What the page is made of is kept when this worker is installed; what is large (the runtime for GPUs)
 * when it is used first. The list of files is written in by the build.
 */
export {};

declare const self: ServiceWorkerGlobalScope;
/** Name of this version, and the files of the page; replaced by the build. */
declare const __FILES__: { readonly version: string; readonly files: readonly string[] };

const CACHE = `sam2-web-${__FILES__.version}`;
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => {
  const keep = async (): Promise<void> => {
    const cache = await caches.open(CACHE);
    await cache.addAll(__FILES__.files);
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const take = async (): Promise<void> => {
    const old = (await caches.keys()).filter((name) => name.startsWith("sam2-web-") && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(take());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const scope = self.registration.scope;
  if (request.method === "GET" && request.url.startsWith(scope)) event.respondWith(answer(request, scope));
});

async function answer(request: Request, scope: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  // the page may be asked for by its folder; names in it change with their content
  const name = request.mode === "navigate" ? scope : request.url;
  const kept = await cache.match(name, { ignoreSearch: true });
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.ok && response.status === 200) await cache.put(name, response.clone());
  return isolated(response);
}

function isolated(response: Response): Response {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
