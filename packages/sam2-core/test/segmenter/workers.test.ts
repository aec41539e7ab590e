/** The life of a segmenter's workers: opening, restarting and ending, in every order. */
import { Sam2Error } from "sam2-contract";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { DeviceInfoOf } from "../../src/runtime/sessions.ts";
import { Connection } from "../../src/segmenter/connection.ts";
import { type WorkerStart, Workers } from "../../src/segmenter/workers.ts";

type TestWorkers = Workers<Blob, DeviceInfoOf>;

const HOW: WorkerStart = { start: () => expect.fail("connections are made up here"), base: "https://example.com/" };

/** A worker that opens when the test says so. */
interface FakeConnection {
  readonly opened: { readonly spec: object; readonly encodeTime: number | null };
  readonly ended: Error | null;
  readonly isDraft: boolean;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  finish(error?: Error): void;
}

const started: FakeConnection[] = [];
let encodeTime: number | null = null;

/** Stands in for `Connection.open`. */
const open = (_start: unknown, request: { draft: boolean; threads?: number }, _: unknown, signal?: AbortSignal) =>
  new Promise<Connection<Blob, DeviceInfoOf>>((resolve, reject) => {
    const connection = {
      opened: { spec: {}, encodeTime },
      ended: null as Error | null,
      isDraft: request.draft,
      threads: request.threads,
      signal,
      close(reason: Error) {
        connection.ended ??= reason;
      },
      finish: (error?: Error) => (error ? reject(error) : resolve(connection as never)),
    };
    signal?.addEventListener("abort", () => reject(signal.reason));
    started.push(connection);
  });

beforeEach(() => {
  started.length = 0;
  encodeTime = null;
  vi.spyOn(Connection, "open").mockImplementation(open as never);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const stopped = new DOMException("restarted", "AbortError");
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

async function opened(options: { draft?: boolean; signal?: AbortSignal } = {}): Promise<TestWorkers> {
  const workers = Workers.open(HOW, options);
  started.at(-1)?.finish();
  await turn();
  if (options.draft) started.at(-1)?.finish();
  return workers;
}

test("a restart ends the worker and waits for the next", async () => {
  const workers = await opened();
  const restarted = workers.restart(stopped);
  expect(started[0]?.ended).toBe(stopped);
  const ready = workers.ready();
  started[1]?.finish();
  await restarted;
  expect((await ready).main).toBe(started[1]);
  expect(started).toHaveLength(2);
});

test("two restarts at once are one, and leave one worker", async () => {
  const workers = await opened();
  const both = Promise.all([workers.restart(stopped), workers.restart(stopped)]);
  started[1]?.finish();
  await both;
  expect(started.map(({ ended }) => ended === null)).toEqual([false, true]);
});

test("the signal of the opening says nothing about a restart", async () => {
  const opening = new AbortController();
  const workers = await opened({ signal: opening.signal });
  opening.abort();
  const restarted = workers.restart(stopped);
  expect(started[1]?.signal?.aborted).toBe(false);
  started[1]?.finish();
  await restarted;
});

test("threads that hang at their start: another worker opens with one", async () => {
  const opening = Workers.open(HOW, {});
  started[0]?.finish(new Sam2Error("RuntimeStartError", "it did not start"));
  await turn();
  expect(started.map(({ threads }) => threads)).toEqual([undefined, 1]);
  started[1]?.finish();
  expect((await (await opening).ready()).main).toBe(started[1]);
});

test("one thread that does not start either is an error", async () => {
  const opening = Workers.open(HOW, { threads: 1 });
  started[0]?.finish(new Sam2Error("RuntimeStartError", "it did not start"));
  await expect(opening).rejects.toMatchObject({ name: "RuntimeStartError" });
  expect(started).toHaveLength(1);
});

test("an aborted opening rejects with the reason", async () => {
  const opening = new AbortController();
  const workers = Workers.open(HOW, { signal: opening.signal });
  opening.abort(new Error("enough"));
  await expect(workers).rejects.toThrow("enough");
});

test("a restart that failed is told to every call, and may be tried again", async () => {
  const workers = await opened();
  const restarted = workers.restart(stopped);
  started[1]?.finish(new Error("no network"));
  await expect(restarted).rejects.toThrow("no network");
  await expect(workers.ready()).rejects.toThrow("no network");
  const again = workers.restart(stopped);
  started[2]?.finish();
  await again;
  expect((await workers.ready()).main).toBe(started[2]);
});

test.each<[string, (workers: TestWorkers) => void]>([
  ["before a restart", () => undefined],
  ["during a restart, which never ends", (workers) => workers.restart(stopped).catch(() => undefined)],
  [
    "when a restart has just ended",
    (workers) => {
      workers.restart(stopped).catch(() => undefined);
      started[1]?.finish();
    },
  ],
])("disposed of %s: no worker stays, and nobody waits", async (_, before) => {
  const workers = await opened();
  before(workers);
  const joined = started.length > 1 ? workers.restart(stopped) : null;
  workers.dispose();
  if (joined) await expect(joined).rejects.toMatchObject({ name: "DisposedError" });
  await turn();
  expect(started.every(({ ended, signal }) => ended !== null || signal?.aborted)).toBe(true);
  await expect(workers.ready()).rejects.toMatchObject({ name: "DisposedError" });
  await expect(workers.restart(stopped)).rejects.toMatchObject({ name: "DisposedError" });
});

test.each([
  ["slow, or not known", null, 2],
  ["quick", 500, 1],
])("a draft is opened where the encoder is %s", async (_, time, count) => {
  encodeTime = time;
  const opening = Workers.open(HOW, { draft: true });
  started[0]?.finish();
  await turn();
  started[1]?.finish();
  const { draft } = await (await opening).ready();
  expect(started).toHaveLength(count);
  expect(draft ?? undefined).toBe(started[1]);
});

test("when the draft cannot be opened, the main worker does not stay", async () => {
  const opening = Workers.open(HOW, { draft: true });
  started[0]?.finish();
  await turn();
  started[1]?.finish(new Error("no draft"));
  await expect(opening).rejects.toThrow("no draft");
  expect(started[0]?.ended).not.toBeNull();
});
