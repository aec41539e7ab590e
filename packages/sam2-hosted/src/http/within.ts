/** Work that is given up after a time. */
import { abortable } from "sam2-core";

/**
 * Does a task under a signal that is also aborted after a time, with a TimeoutError; rejects then, whatever the task
 * does.
 *
 * In place of `AbortSignal.timeout`: where only an `AbortSignal.any` refers to that, Node may collect it before it fires.
 *
 * @param time milliseconds
 */
export async function within<T>(
  time: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const follow = (): void => limit.abort(signal.reason);
  if (signal.aborted) follow();
  signal.addEventListener("abort", follow, { once: true });
  const timer = setTimeout(() => {
    limit.abort(new DOMException(`expected an answer within ${time} ms, got none`, "TimeoutError"));
  }, time);
  try {
    return await abortable(task(limit.signal), limit.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", follow);
  }
}
