/** The queue: turns, states, canceling, time, and what is forgotten. */
import { describe, expect, test } from "vitest";
import { AlreadyCompleted, Queue, QueueFull, type TaskContext } from "../../src/fal/queue.ts";

const LIMITS = { waiting: 4, finished: 2, abreast: 1, answerTime: 10_000 };
const pause = (time = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));
const never = new Promise<never>(() => undefined);

/** A task that is let go by the test. */
function held() {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    release,
    task: async ({ turn }: TaskContext) => {
      await turn();
      await gate;
      return "done";
    },
  };
}

function queueOf(limits: Partial<typeof LIMITS> = {}) {
  const forgotten: string[] = [];
  return { queue: new Queue<string>({ ...LIMITS, ...limits }, (id) => forgotten.push(id)), forgotten };
}

test("one request at a time has its turn, in order", async () => {
  const { queue } = queueOf();
  const [first, second] = [held(), held()];
  const requests = [queue.submit(first.task), queue.submit(second.task)] as const;
  await pause();
  expect(requests.map(({ state }) => state)).toEqual(["IN_PROGRESS", "IN_QUEUE"]);
  expect(queue.position(requests[1])).toBe(0);
  first.release();
  expect(await requests[0].result).toBe("done");
  await pause();
  expect(requests.map(({ state }) => state)).toEqual(["COMPLETED", "IN_PROGRESS"]);
  second.release();
  await requests[1].result;
  expect(requests[0].seconds).toBeGreaterThanOrEqual(0);
});

test("two at a time: the third has its turn when either ends", async () => {
  const { queue } = queueOf({ abreast: 2 });
  const tasks = [held(), held(), held(), held()];
  const requests = tasks.map(({ task }) => queue.submit(task));
  const states = async () => {
    await pause();
    return requests.map(({ state }) => state.slice(3));
  };
  expect(await states()).toEqual(["PROGRESS", "PROGRESS", "QUEUE", "QUEUE"]);
  tasks[1]?.release();
  expect(await states()).toEqual(["PROGRESS", "PLETED", "PROGRESS", "QUEUE"]);
  queue.cancel(requests[0]?.id as string, new Error("stop"));
  await expect(requests[0]?.result).rejects.toThrow("stop");
  expect(await states()).toEqual(["PLETED", "PLETED", "PROGRESS", "PROGRESS"]);
});

test("a turn that comes just when its request is canceled goes to the next", async () => {
  const { queue } = queueOf();
  const [first, next] = [held(), held()];
  const ends = queue.submit(first.task);
  const given = queue.submit(held().task);
  const after = queue.submit(next.task);
  await pause();
  const canceled = ends.result.then(() => queue.cancel(given.id, new Error("stop")));
  first.release();
  await canceled;
  await expect(given.result).rejects.toThrow("stop");
  await pause();
  expect(after.state).toBe("IN_PROGRESS");
  next.release();
  expect(await after.result).toBe("done");
});

test("a request that is slow before its turn holds up nobody", async () => {
  const { queue } = queueOf();
  const slow = queue.submit(async ({ turn }) => {
    await never;
    await turn();
    return "never";
  });
  const quick = queue.submit(held().task);
  await pause();
  expect([slow.state, quick.state]).toEqual(["IN_QUEUE", "IN_PROGRESS"]);
});

describe("canceling", () => {
  test.each(["waits", "has its turn"])("a request that %s, though it does not listen", async (where) => {
    const { queue } = queueOf();
    const [busy, other] = [
      queue.submit(async ({ turn }) => {
        await turn();
        return never;
      }),
      queue.submit(held().task),
    ];
    await pause();
    const canceled = where === "waits" ? other : busy;
    queue.cancel(canceled.id, new Error("stop"));
    await expect(canceled.result).rejects.toThrow("stop");
    await pause();
    expect([busy.state, other.state]).toEqual(
      where === "waits" ? ["IN_PROGRESS", "COMPLETED"] : ["COMPLETED", "IN_PROGRESS"],
    );
  });

  test("one that waited and was canceled passes its turn on", async () => {
    const { queue } = queueOf();
    const first = held();
    queue.submit(first.task);
    const second = queue.submit(held().task);
    const third = queue.submit(held().task);
    queue.cancel(second.id, new Error("stop"));
    await pause();
    expect(third.state).toBe("IN_QUEUE");
    first.release();
    await pause(5);
    expect(third.state).toBe("IN_PROGRESS");
  });

  test("one that has ended is refused", async () => {
    const { queue } = queueOf();
    const request = queue.submit(async () => "at once");
    await request.result;
    expect(() => queue.cancel(request.id, new Error("stop"))).toThrow(AlreadyCompleted);
  });
});

test("a turn ends when its time is up", async () => {
  const { queue } = queueOf({ answerTime: 20 });
  const stuck = queue.submit(async ({ turn }) => {
    await turn();
    return never;
  });
  const next = queue.submit(held().task);
  await expect(stuck.result).rejects.toMatchObject({ name: "TimeoutError", message: expect.stringContaining("20 ms") });
  await pause();
  expect(next.state).toBe("IN_PROGRESS");
});

test("a full queue refuses", () => {
  const { queue } = queueOf({ waiting: 2 });
  queue.submit(held().task);
  queue.submit(held().task);
  expect(() => queue.submit(held().task)).toThrow(QueueFull);
});

test("the oldest finished requests are forgotten, never those that wait", async () => {
  const { queue, forgotten } = queueOf();
  const waiting = queue.submit(held().task);
  const finished = [];
  for (let i = 0; i < 4; i++) {
    const request = queue.submit(async () => "at once");
    await request.result;
    finished.push(request.id);
  }
  await pause();
  expect(forgotten).toEqual(finished.slice(0, 2));
  expect([waiting.id, ...finished].map((id) => queue.get(id) !== undefined)).toEqual([true, false, false, true, true]);
});

test("a task that fails lets the next one go on, and is no unhandled rejection", async () => {
  const { queue } = queueOf();
  const failing = queue.submit(async ({ turn }) => {
    await turn();
    throw new Error("broken");
  });
  const next = queue.submit(async ({ turn }) => {
    await turn();
    return "fine";
  });
  expect(await next.result).toBe("fine");
  await expect(failing.result).rejects.toThrow("broken");
});

test("closing cancels all", async () => {
  const { queue } = queueOf();
  const requests = [queue.submit(held().task), queue.submit(held().task)];
  queue.close(new Error("closed"));
  const ends = await Promise.allSettled(requests.map(({ result }) => result));
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
