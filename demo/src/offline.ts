/**
 * Registers the service worker: the page then works without a network, and cross-origin isolated on any host.
 * A new version is only loaded when the person asks for it, so that work is not interrupted.
 */
import { lockOfScript, OUTDATED, type ToWorker } from "../service-worker/versions.ts";

/** When the person returns to a tab after this time, it checks for a new version; in milliseconds. */
const UPDATE_INTERVAL = 3_600_000;

/** How long to wait for the new version to take over before reloading, which ends pending requests; in milliseconds. */
const TAKEOVER = 5_000;

/**
 * If the host sets no headers, the page becomes isolated only when the service worker delivers it. So the page is
 * reloaded once, if `idle` says that nothing would be lost.
 *
 * @param offer called when there is a new version, with what loads it
 */
export async function workOffline(idle: () => boolean, offer: (load: () => void) => void): Promise<void> {
  // the development server has no service worker, and its files must not be kept
  if (import.meta.hot || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const first = serviceWorker.controller === null;
  await holdVersion();
  const address = new URL("service-worker.js", document.baseURI);
  // registering fails if the browser has no storage for this page
  const registration = await serviceWorker.register(address, { updateViaCache: "none" }).catch(() => null);
  if (!registration) return;
  watchVersions(registration, () => offer(() => activate(registration)));
  if (!first || crossOriginIsolated || sessionStorage.getItem("isolated")) return;
  if (!serviceWorker.controller) {
    await new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
  }
  if (!idle()) return;
  sessionStorage.setItem("isolated", "tried");
  location.reload();
}

/** The script that index.html starts, whose name changes with all that it uses. */
function entryScript(): string {
  return (document.querySelector("script[type=module]") as HTMLScriptElement).src;
}

/** Has the service worker keep the files of this version as long as the page is open. */
function holdVersion(): Promise<void> {
  return new Promise((resolve) => {
    const held = async (): Promise<void> => {
      resolve();
      await new Promise(() => undefined);
    };
    void navigator.locks.request(lockOfScript(entryScript()), { mode: "shared" }, held);
  });
}

/** Offers each new version. */
function watchVersions(registration: ServiceWorkerRegistration, offer: () => void): void {
  const { serviceWorker } = navigator;
  const offerWaiting = (): void => {
    if (registration.waiting && registration.active) offer();
  };
  const tell = (): void => serviceWorker.controller?.postMessage({ runs: entryScript() } satisfies ToWorker);

  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", offerWaiting);
  });
  offerWaiting();

  // another tab may have asked for the new version
  serviceWorker.addEventListener("message", ({ data }) => data === OUTDATED && offer());
  serviceWorker.addEventListener("controllerchange", tell);
  tell();

  let checked = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || Date.now() - checked < UPDATE_INTERVAL) return;
    checked = Date.now();
    // without a network there is nothing new
    registration.update().catch(() => undefined);
  });
}

/** Loads the new version. */
function activate({ waiting }: ServiceWorkerRegistration): void {
  const reload = (): void => location.reload();
  if (!waiting) reload();
  navigator.serviceWorker.addEventListener("controllerchange", reload, { once: true });
  waiting?.postMessage("activate" satisfies ToWorker);
  setTimeout(reload, TAKEOVER);
}
