/** Latest wins: of requests that follow a pointer, only the newest is answered. */
import { expect, test } from "vitest";
import { Latest } from "../../src/segmenter/latest.ts";

test("one task runs at a time; of those that wait, the newest", async () => {
  const latest = new Latest();
  const begun: number[] = [];
  let finish: (() => void) | undefined;
  const request = (number: number): Promise<number> => {
    const signal = latest.begin(undefined);
    return latest.run(signal, async () => {
      begun.push(number);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return number;
    });
  };
  const first = request(1);
  await new Promise((resolve) => setTimeout(resolve));
  const rest = [request(2), request(3), request(4)];
  const settled = Promise.allSettled([first, ...rest]);
  finish?.();
  await new Promise((resolve) => setTimeout(resolve));
  finish?.();
  const names = (await settled).map((each) => (each.status === "fulfilled" ? each.value : each.reason.name));
  expect(names).toEqual(["AbortError", "AbortError", "AbortError", 4]);
  expect(begun).toEqual([1, 4]);
});

test("the caller's own signal ends a request, too", async () => {
  const latest = new Latest();
  const caller = new AbortController();
  const signal = latest.begin(caller.signal);
  const request = latest.run(signal, () => new Promise(() => undefined));
  caller.abort(new Error("enough"));
  await expect(request).rejects.toThrow("enough");
});
