/**
 * Registers the service worker: the page then works without a network, and isolated on any host. A new
 * version is offered, never forced: the person may be in the middle of something.
 */
import { lockOfScript, OUTDATED, type ToWorker } from "../service-worker/versions.ts";
import { button, element } from "./element.ts";

/** A tab that is left open looks for a new version when the person comes back to it after so long, ms. */
const UPDATE_INTERVAL = 3_600_000;

/** The new version takes over once the old one has answered all; a reload ends what this page still asks, ms. */
const TAKEOVER = 5_000;

/**
 * Where the host sets no headers, the page is isolated only once the worker answers for it: it is loaded
 * again, once, as long as `idle` says that nothing is lost by that.
 */
export async function workOffline(idle: () => boolean): Promise<void> {
  // the development server has no service worker, and must not be kept
  if (import.meta.hot || !("serviceWorker" in navigator)) return;
  const { serviceWorker } = navigator;
  const first = serviceWorker.controller === null;
  await holdVersion();
  const address = new URL("service-worker.js", document.baseURI);
  // a browser that keeps nothing for this page refuses
  const registration = await serviceWorker.register(address, { updateViaCache: "none" }).catch(() => null);
  if (!registration) return;
  watchVersions(registration);
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
function watchVersions(registration: ServiceWorkerRegistration): void {
  const { serviceWorker } = navigator;
  const offerWaiting = (): void => {
    if (registration.waiting && registration.active) offer(registration);
  };
  const tell = (): void => serviceWorker.controller?.postMessage({ runs: entryScript() } satisfies ToWorker);

  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", offerWaiting);
  });
  offerWaiting();

  // another tab may have asked for the new version
  serviceWorker.addEventListener("message", ({ data }) => data === OUTDATED && offer(registration));
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

/** Shows the offer of a new version, beside the status. */
function offer(registration: ServiceWorkerRegistration): void {
  const notice = element("update");
  if (!notice.hidden) return;
  notice.hidden = false;
  const reload = button("Reload", "Load the new version of this page", () => activate(registration));
  notice.replaceChildren("There is a new version of this page. ", reload);
}

/** Loads the new version. */
function activate({ waiting }: ServiceWorkerRegistration): void {
  const reload = (): void => location.reload();
  if (!waiting) reload();
  navigator.serviceWorker.addEventListener("controllerchange", reload, { once: true });
  waiting?.postMessage("activate" satisfies ToWorker);
  setTimeout(reload, TAKEOVER);
}
