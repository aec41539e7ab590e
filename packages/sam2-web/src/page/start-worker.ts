/** Starts the worker's script. The only file that knows where it is. */
import type * as Comlink from "comlink";
import { Sam2Error, seeGuide } from "sam2-contract";
import { fetchFault, type StartedWorker } from "sam2-core";
import type { PageWorker } from "../worker.ts";

function workerStartError(address: string, problem: string, options?: ErrorOptions): Sam2Error {
  const message = `the worker did not start; its script was looked for at ${address}: ${problem}. `;
  return new Sam2Error("WorkerStartError", message + seeGuide("the-worker-does-not-start"), options);
}

/** What a worker can be started from: a script of another origin is imported by one of the page's own. */
function startable(address: URL): URL | string {
  if (address.origin === location.origin) return address;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(address.href)};`], { type: "text/javascript" }));
}

/** A worker, and the address that its script is loaded from. */
interface AddressedWorker {
  readonly worker: Worker;
  readonly address: string;
}

/** Starts the script. @throws WorkerStartError where the browser refuses at once */
function startScript(): AddressedWorker {
  let address = "";
  const Native = globalThis.Worker;
  // Bundlers find the script by the words `new Worker(new URL(…))` alone, and put their own address there. A class
  // that takes the global's place for this one statement learns that address.
  globalThis.Worker = class extends Native {
    constructor(script: string | URL, options?: WorkerOptions) {
      const given = new URL(script, globalThis.document?.baseURI ?? location.href);
      address = given.href;
      super(startable(given), options);
    }
  };
  try {
    const worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module", name: "sam2-web" });
    return { worker, address };
  } catch (cause) {
    throw workerStartError(address, (cause as Error).message, { cause });
  } finally {
    globalThis.Worker = Native;
  }
}

/**
 * Starts a worker.
 *
 * @throws WorkerStartError where the browser refuses at once
 */
export function startWorker(): StartedWorker {
  const { worker, address } = startScript();
  return {
    endpoint: worker,
    async watch(remote, onEnd, signal) {
      let directive: string | null = null;
      const blocked = ({ blockedURI, effectiveDirective }: SecurityPolicyViolationEvent): void => {
        // of a blocked script of another origin, browsers tell only the origin or the scheme
        if (blockedURI && (address.startsWith(blockedURI) || blockedURI === "blob")) directive = effectiveDirective;
      };
      globalThis.addEventListener("securitypolicyviolation", blocked as EventListener, { signal });
      const failed = async ({ message }: ErrorEvent): Promise<void> => {
        if (message) return onEnd(new Sam2Error("DeviceError", `the worker stopped: ${message}`));
        // without a message, the script was not loaded
        const forbidden = directive && `this page's Content-Security-Policy forbids it (${directive})`;
        onEnd(workerStartError(address, forbidden ?? (await fetchFault(address)) ?? "it could not be run"));
      };
      worker.addEventListener("error", failed, { signal });
      await watchLock(remote as Comlink.Remote<PageWorker>, onEnd, signal);
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * Notices when the browser ends the worker, for example for lack of memory. There is no event for that, but the
 * worker holds a lock as long as it lives, and here that lock is waited for. Pages without https have no locks,
 * and are not told.
 */
async function watchLock(
  remote: Comlink.Remote<PageWorker>,
  onEnd: (reason: Sam2Error) => void,
  signal: AbortSignal,
): Promise<void> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return;
  const name = `sam2-web/worker/${crypto.randomUUID()}`;
  await remote.holdLock(name);
  locks
    .request(name, { signal }, () =>
      onEnd(new Sam2Error("DeviceError", "the worker ended; restart() opens the model again")),
    )
    .catch(() => undefined);
}
