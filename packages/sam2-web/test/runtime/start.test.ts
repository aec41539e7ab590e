/** How long the runtime's threads may take to start: not counted before its WebAssembly has arrived. */
import type * as Ort from "onnxruntime-web";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startRuntime } from "../../src/runtime/start.ts";

const FILE = "https://example.com/ort.wasm";
const MINUTE = 60_000;
const NEVER = Number.POSITIVE_INFINITY;

/** Told of each file that arrives. */
let observers: Set<(name: string) => void>;

class FakeObserver {
  readonly #tell: (name: string) => void;

  constructor(told: (list: { getEntriesByName(name: string): unknown[] }) => void) {
    this.#tell = (arrived) => told({ getEntriesByName: (name) => (name === arrived ? [arrived] : []) });
  }

  observe(): void {
    observers.add(this.#tell);
  }

  disconnect(): void {
    observers.delete(this.#tell);
  }
}

beforeEach(() => {
  observers = new Set();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  vi.stubGlobal("PerformanceObserver", FakeObserver);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A runtime that starts at a time, or fails then. */
function runtime(numThreads: number, startsAt: number, error?: Error): typeof Ort {
  const create = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (startsAt === NEVER) return;
      setTimeout(() => (error ? reject(error) : resolve({ release: async () => undefined })), startsAt);
    });
  return { InferenceSession: { create }, env: { wasm: { numThreads } } } as unknown as typeof Ort;
}

test.each<[string, { threads: number; arrives: number; starts: number; error?: Error; ends: string; at: number }]>([
  ["a quick start", { threads: 4, arrives: 100, starts: 300, ends: "started", at: 300 }],
  ["a slow connection", { threads: 4, arrives: 44_000, starts: 53_000, ends: "started", at: 53_000 }],
  ["threads that take a while", { threads: 4, arrives: 1_000, starts: 9_000, ends: "started", at: 9_000 }],
  [
    "threads that hang",
    {
      threads: 4,
      arrives: 1_000,
      starts: NEVER,
      ends: "RuntimeStartError: onnxruntime-web's threads did not start in 10 s",
      at: 11_000,
    },
  ],
  [
    "threads that hang, and nothing is told of the file",
    {
      threads: 4,
      arrives: NEVER,
      starts: NEVER,
      ends: "RuntimeStartError: onnxruntime-web's threads did not start in 45 s",
      at: 45_000,
    },
  ],
  ["one thread, which cannot hang", { threads: 1, arrives: 100, starts: 2 * MINUTE, ends: "started", at: 2 * MINUTE }],
  [
    "a file that is missing",
    {
      threads: 4,
      arrives: 100,
      starts: 200,
      error: new Error("no available backend"),
      ends: "Error: no available backend",
      at: 200,
    },
  ],
])("%s", async (_, { threads, arrives, starts, error, ends, at }) => {
  const begun = Date.now();
  setTimeout(() => {
    for (const tell of observers) tell("https://example.com/other.mjs");
  }, 10);
  if (arrives !== NEVER) {
    setTimeout(() => {
      for (const tell of observers) tell(FILE);
    }, arrives);
  }
  const start = startRuntime(runtime(threads, starts, error), FILE).then(() => "started", String);
  const ended = start.then((how) => [how, Date.now() - begun]);
  await vi.advanceTimersByTimeAsync(60 * MINUTE);
  expect(await ended).toEqual([ends, at]);
  expect(observers.size).toBe(0);
});

test("a runtime that is started is not started again, however busy it is", async () => {
  const once = runtime(4, 300);
  const [set, cleared] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")];
  const first = startRuntime(once, FILE);
  await vi.advanceTimersByTimeAsync(300);
  await first;
  // by its length: tests of other files have timers, too
  const limit = set.mock.results[set.mock.calls.findIndex(([, time]) => time === 45_000)]?.value;
  expect(cleared.mock.calls).toContainEqual([limit]);
  vi.spyOn(once.InferenceSession, "create").mockImplementation(() => new Promise(() => undefined));
  await startRuntime(once, FILE);
  expect(observers.size).toBe(0);
});
