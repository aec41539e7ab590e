/** Limits that are given, their defaults, values that are no limit, and bodies that go over one. */
import { describe, expect, test } from "vitest";
import { BodyTooLarge, readBody } from "../../src/http/body.ts";
import { ByteBudget, NoRoomError } from "../../src/http/byte-budget.ts";
import { completeLimits, type HostedLimits } from "../../src/http/limits.ts";

test("what is not given has its default", () => {
  expect(completeLimits({ pixels: 5 })).toMatchObject({ pixels: 5, bodyBytes: 64e6 });
});

test.each<[string, object]>([
  ["no number", { pixels: "5" }],
  ["NaN", { bodyBytes: Number.NaN }],
  ["nothing", { answerTime: undefined }],
  ["zero", { waiting: 0 }],
])("refused by name: %s", (_, limits) => {
  const [name] = Object.keys(limits);
  const attempt = () => completeLimits(limits as Partial<HostedLimits>);
  expect(attempt).toThrow(expect.objectContaining({ name: "InvalidPromptError" }));
  expect(attempt).toThrow(`limits.${name}: expected`);
});

describe("a body", () => {
  const { signal } = new AbortController();
  const held = new ByteBudget(1e6).hold();

  /** A body without end, and how much of it was read. */
  function endless() {
    let sent = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        sent += 1000;
        controller.enqueue(new Uint8Array(1000));
      },
    });
    return { response: new Response(body), sent: () => sent };
  }

  test("is read to its end", async () => {
    const blob = await readBody(new Response("hello", { headers: { "Content-Type": "text/x" } }), 5, held, signal);
    expect([await blob.text(), blob.type]).toEqual(["hello", "text/x"]);
  });

  test("over the limit is read no further", async () => {
    const { response, sent } = endless();
    await expect(readBody(response, 10_000, held, signal)).rejects.toThrow(BodyTooLarge);
    expect(sent()).toBeLessThan(20_000);
  });

  test("that says so beforehand is not read at all", async () => {
    const { response, sent } = endless();
    response.headers.set("Content-Length", "11");
    const before = sent();
    await expect(readBody(response, 10, held, signal)).rejects.toThrow("expected at most 10 bytes");
    expect(sent()).toBe(before);
  });

  test("that never ends is given up with the signal", async () => {
    const stop = new AbortController();
    const silent = new Response(new ReadableStream());
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await expect(readBody(silent, 10, held, stop.signal)).rejects.toThrow("enough");
  });
});

describe("what requests hold together", () => {
  const { signal } = new AbortController();
  const text = (length: number): Response => new Response("x".repeat(length));

  test("is counted while bodies come, and given back", async () => {
    const budget = new ByteBudget(10);
    const first = budget.hold();
    await readBody(text(6), 10, first, signal);
    const second = budget.hold();
    await expect(readBody(text(6), 10, second, signal)).rejects.toThrow(NoRoomError);
    second.release();
    expect(budget.held).toBe(6);
    first.release();
    first.release();
    expect(budget.held).toBe(0);
    await budget.holding((held) => readBody(text(10), 10, held, signal));
    expect(budget.held).toBe(0);
  });

  test("that comes when nobody waits for it any more is not counted", async () => {
    const [budget, stop] = [new ByteBudget(10), new AbortController()];
    let come = (_: Blob): void => undefined;
    // as in Firefox, where a request has no stream
    const message = {
      headers: new Headers(),
      blob: () =>
        new Promise<Blob>((resolve) => {
          come = resolve;
        }),
    } as Request;
    const held = budget.hold();
    const reading = readBody(message, 10, held, stop.signal);
    stop.abort(new Error("enough"));
    held.release();
    come(new Blob(["hello"]));
    await expect(reading).rejects.toThrow("enough");
    expect(budget.held).toBe(0);
  });

  test.each([[0], [-1], [Number.NaN], ["512" as unknown as number]])("is no budget: %s", (most) => {
    expect(() => new ByteBudget(most)).toThrow(/^budget: expected a number of bytes over 0, got /);
  });

  test("is given back by a task that fails", async () => {
    const budget = new ByteBudget(10);
    const failing = budget.holding(async (held) => {
      held.take(7);
      throw new Error("failed");
    });
    await expect(failing).rejects.toThrow("failed");
    expect(budget.held).toBe(0);
  });
});
