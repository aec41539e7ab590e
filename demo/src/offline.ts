/** Registers the service worker: the page then works without a network, and isolated on any host. */

/**
 * Where the host sets no headers, the page is isolated only once the worker answers for it: it is loaded
 * again, once, as long as `idle` says that nothing is lost by that.
 */
export async function workOffline(idle: () => boolean): Promise<void> {
  // the development server has no service worker, and must not be kept
  if (import.meta.hot || !("serviceWorker" in navigator)) return;
  const first = navigator.serviceWorker.controller === null;
  await navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI));
  if (!first || crossOriginIsolated || sessionStorage.getItem("isolated")) return;
  if (!navigator.serviceWorker.controller) {
    await new Promise((resolve) =>
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }),
    );
  }
  if (!idle()) return;
  sessionStorage.setItem("isolated", "tried");
  location.reload();
}
