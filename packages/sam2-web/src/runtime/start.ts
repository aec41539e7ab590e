/** Starts onnxruntime-web, and notices when its threads hang. */
import type * as Ort from "onnxruntime-web";
import { Sam2Error } from "sam2-contract";

/** The smallest graph, y = Identity(x): opening it starts the runtime, and nothing else takes time. */
const SMALLEST = "CAhCAhANOjcKEAoBeBIBeSIISWRlbnRpdHkSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggB";

/** If the threads have not started this long after the runtime's WebAssembly has arrived, they hang; in milliseconds. */
const STARTED = 10_000;

/** The same, counted from the start, where the browser has told of no arrival. */
const UNTOLD = 45_000;

/** The runtimes that are started: later, a busy one would look like one that hangs. */
const started = new WeakSet<typeof Ort>();

/**
 * Starts a runtime that was loaded, once. In Firefox, starting threads sometimes hangs. A single
 * thread cannot, and then there is no limit.
 *
 * @param file address of the runtime's WebAssembly
 * @throws RuntimeStartError when the threads hang; otherwise the runtime's own error
 */
export async function startRuntime(runtime: typeof Ort, file: string): Promise<void> {
  if (started.has(runtime)) return;
  const { InferenceSession, env } = runtime;
  const graph = Uint8Array.from(atob(SMALLEST), (character) => character.charCodeAt(0));
  const opening = InferenceSession.create(graph, { executionProviders: ["wasm"] });
  const limit = env.wasm.numThreads === 1 ? null : limitAfter(file);
  try {
    const session = await (limit ? Promise.race([opening, limit.passed]) : opening);
    started.add(runtime);
    await session.release();
  } finally {
    limit?.end();
  }
}

/** A limit of time, from the moment on when a file has arrived, or a longer one where nothing is told of that. */
function limitAfter(file: string): { readonly passed: Promise<never>; end(): void } {
  let end = (): void => undefined;
  const passed = new Promise<never>((_, reject) => {
    const rejectAfter = (time: number): ReturnType<typeof setTimeout> =>
      setTimeout(() => {
        const message = `onnxruntime-web's threads did not start in ${time / 1000} s`;
        reject(new Sam2Error("RuntimeStartError", message));
      }, time);
    let timer = rejectAfter(UNTOLD);
    const observer = new PerformanceObserver((list) => {
      if (list.getEntriesByName(file).length === 0) return;
      observer.disconnect();
      clearTimeout(timer);
      timer = rejectAfter(STARTED);
    });
    observer.observe({ type: "resource", buffered: true });
    end = () => {
      observer.disconnect();
      clearTimeout(timer);
    };
  });
  return { passed, end: () => end() };
}
