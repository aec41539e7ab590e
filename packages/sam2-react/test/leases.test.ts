import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Leases } from "../src/leases.ts";

/** Leases of things whose opening the test ends. */
function opener(): {
  readonly log: string[];
  readonly settle: { ok(): void; fail(): void };
  open(signal: AbortSignal, progress: (done: number) => void): Promise<string>;
  close(value: string): void;
} {
  const log: string[] = [];
  const settle: { ok(): void; fail(): void } = { ok: () => undefined, fail: () => undefined };
  return {
    log,
    settle,
    open(signal, progress) {
      log.push("open");
      progress(0.5);
      signal.addEventListener("abort", () => log.push("abort"));
      return new Promise((resolve, reject) => {
        settle.ok = () => resolve("thing");
        settle.fail = () => reject(new Error("broken"));
      });
    },
    close: (value) => void log.push(`close ${value}`),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("several users share one; the last one's leaving closes it", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  const changed = vi.fn();
  const stops = [leases.of("a", made).use(changed), leases.of("a", made).use(changed)];
  expect(leases.peek("a")?.opening).toMatchObject({ status: "loading", progress: 0.5 });
  made.settle.ok();
  await vi.advanceTimersByTimeAsync(0);
  expect(leases.peek("a")?.opening).toMatchObject({ status: "ready", value: "thing" });
  expect(changed).toHaveBeenCalledTimes(2);
  stops[0]?.();
  await vi.advanceTimersByTimeAsync(100);
  expect(made.log).toEqual(["open"]);
  stops[1]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(made.log).toEqual(["open", "abort", "close thing"]);
  expect(leases.peek("a")).toBeUndefined();
});

test("leaving and coming again in one go, as in StrictMode, opens once", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  leases.of("a", made).use(() => undefined)();
  leases.of("a", made).use(() => undefined);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made.log).toEqual(["open"]);
});

test("leaving before it is open aborts it; what comes late is closed", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  leases.of("a", made).use(() => undefined)();
  await vi.advanceTimersByTimeAsync(0);
  expect(made.log).toEqual(["open", "abort"]);
  made.settle.ok();
  await vi.advanceTimersByTimeAsync(0);
  expect(made.log).toEqual(["open", "abort", "close thing"]);
});

test("opened for a suspended component that never comes: closed after a while", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  leases.of("a", made);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(made.log).toEqual(["open"]);
  made.settle.ok();
  await vi.advanceTimersByTimeAsync(29_000);
  expect(made.log).toEqual(["open"]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(made.log).toEqual(["open", "abort", "close thing"]);
});

test("a failure is kept until it is tried again", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  leases.of("a", made).use(() => undefined);
  made.settle.fail();
  await vi.advanceTimersByTimeAsync(0);
  expect(leases.of("a", made).opening).toMatchObject({ status: "failed", error: { message: "broken" } });
  leases.retry("a");
  expect(leases.of("a", made).opening.status).toBe("loading");
  leases.retry("a");
  expect(made.log).toEqual(["open", "open"]);
});

test("a new attempt is for all who use it, and closed with the last of them", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  const changed = [vi.fn(), vi.fn()];
  const stops = changed.map((each) => leases.of("a", made).use(each));
  made.settle.fail();
  await vi.advanceTimersByTimeAsync(0);
  const seen = changed.map((each) => each.mock.calls.length);
  leases.retry("a");
  made.settle.ok();
  await vi.advanceTimersByTimeAsync(0);
  // loading, its progress, ready
  expect(changed.map((each, i) => each.mock.calls.length - (seen[i] ?? 0))).toEqual([3, 3]);
  expect(leases.peek("a")?.opening).toMatchObject({ status: "ready", value: "thing" });
  stops[0]?.();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made.log).toEqual(["open", "open"]);
  stops[1]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(made.log.at(-1)).toBe("close thing");
});

test("a failure that only a suspended component waited for is kept until that was told, and then forgotten", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  leases.of("a", made);
  made.settle.fail();
  await vi.advanceTimersByTimeAsync(900);
  expect(leases.of("a", made).opening.status).toBe("failed");
  await vi.advanceTimersByTimeAsync(100);
  expect(leases.of("a", made).opening.status).toBe("loading");
});

test("a new attempt that nobody uses yet is not ended by the failure before", async () => {
  const [leases, made] = [new Leases<string, string, number>(), opener()];
  leases.of("a", made);
  made.settle.fail();
  await vi.advanceTimersByTimeAsync(0);
  leases.retry("a");
  await vi.advanceTimersByTimeAsync(60_000);
  expect([leases.peek("a")?.opening.status, made.log]).toEqual(["loading", ["open", "open"]]);
});
