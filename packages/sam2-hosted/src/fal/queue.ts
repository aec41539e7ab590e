/** The queue: requests in the order of their turns, their states, canceling, and when they are forgotten. */
import { abortable } from "sam2-core";
import { v4 as randomId } from "uuid";
import type { HostedLimits } from "../http/limits.ts";

/** A line of a request's log. */
export interface Log {
  readonly message: string;
  readonly level: "INFO" | "ERROR";
  readonly source: "USER";
  /** ISO 8601. */
  readonly timestamp: string;
}

/** A request in the queue. */
export interface QueuedRequest<T> {
  readonly id: string;
  readonly state: "IN_QUEUE" | "IN_PROGRESS" | "COMPLETED";
  readonly logs: readonly Log[];
  /** Resolves with what its task returned, and rejects with what it threw. */
  readonly result: Promise<T>;
  /** Seconds from its turn to its end; null until then. */
  readonly seconds: number | null;
}

/** What a task gets. */
export interface TaskContext {
  readonly id: string;
  /** Aborted when the request is canceled, or takes too long. */
  readonly signal: AbortSignal;
  log(message: string, level?: Log["level"]): void;
  /** Waits for the request's turn, which it has until its end. */
  turn(): Promise<void>;
}

/** The queue has no room. */
export class QueueFull extends Error {}

/** The request has ended, and cannot be canceled any more. */
export class AlreadyCompleted extends Error {}

interface Progress {
  readonly id: string;
  readonly stop: AbortController;
  readonly logs: Log[];
  state: QueuedRequest<unknown>["state"];
  seconds: number | null;
}

interface Entry<T> extends Progress {
  readonly result: Promise<T>;
}

type QueueLimits = Pick<HostedLimits, "waiting" | "finished" | "abreast" | "answerTime">;

/** Requests of which so many at a time have their turns. */
export class Queue<T> {
  readonly #limits: QueueLimits;
  readonly #onForget: (id: string) => void;
  readonly #requests = new Map<string, Entry<T>>();
  /** Turns that are given and have not ended. */
  #turns = 0;
  /** Give a turn to those that wait for one, in order. */
  readonly #line: (() => void)[] = [];

  /** @param onForget told of each finished request whose result is not kept any more */
  constructor(limits: QueueLimits, onForget: (id: string) => void) {
    this.#limits = limits;
    this.#onForget = onForget;
  }

  /**
   * Starts a task. What it does before it asks for its turn goes on beside other requests, so that a
   * download that is slow holds up nobody.
   *
   * @throws QueueFull
   */
  submit(task: (context: TaskContext) => Promise<T>): QueuedRequest<T> {
    const unfinished = this.#all().filter(({ state }) => state !== "COMPLETED").length;
    if (unfinished >= this.#limits.waiting) throw new QueueFull(`${unfinished} requests are waiting already`);
    const progress: Progress = {
      id: privateId(),
      stop: new AbortController(),
      logs: [],
      state: "IN_QUEUE",
      seconds: null,
    };
    const entry = Object.assign(progress, { result: this.#run(progress, task) });
    this.#requests.set(entry.id, entry);
    // a failure is told to whoever asks for the result, and is no unhandled rejection where nobody does
    entry.result.catch(() => undefined);
    return entry;
  }

  async #run(progress: Progress, task: (context: TaskContext) => Promise<T>): Promise<T> {
    const { id, stop, logs } = progress;
    const { signal } = stop;
    let start: number | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const context: TaskContext = {
      id,
      signal,
      log: (message, level = "INFO") => {
        logs.push({ message, level, source: "USER", timestamp: new Date().toISOString() });
      },
      turn: async () => {
        await this.#turn(signal);
        progress.state = "IN_PROGRESS";
        start = performance.now();
        timer = setTimeout(() => stop.abort(timeOut(this.#limits.answerTime)), this.#limits.answerTime);
      },
    };
    try {
      // a task that does not listen to its signal keeps nobody waiting either
      return await abortable(task(context), signal);
    } finally {
      clearTimeout(timer);
      progress.state = "COMPLETED";
      progress.seconds = start === null ? 0 : (performance.now() - start) / 1000;
      if (start !== null) this.#passOn();
      this.#forget();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#turns < this.#limits.abreast) {
      this.#turns++;
      return;
    }
    const { promise, resolve } = deferred();
    this.#line.push(resolve);
    try {
      await abortable(promise, signal);
      signal.throwIfAborted();
    } catch (error) {
      const place = this.#line.indexOf(resolve);
      if (place >= 0) this.#line.splice(place, 1);
      // it had been given its turn already
      else this.#passOn();
      throw error;
    }
  }

  /** Ends a turn: whoever is next in line has it. */
  #passOn(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#turns--;
  }

  /** A request that waits, has its turn, or whose result is kept. */
  get(id: string): QueuedRequest<T> | undefined {
    return this.#requests.get(id);
  }

  /** Requests that come before one that waits. */
  position({ id }: QueuedRequest<T>): number {
    return this.#all()
      .filter(({ state }) => state === "IN_QUEUE")
      .findIndex((entry) => entry.id === id);
  }

  /** Ends a request, wherever it is. @throws AlreadyCompleted */
  cancel(id: string, reason: unknown): void {
    const entry = this.#requests.get(id);
    if (entry?.state === "COMPLETED") throw new AlreadyCompleted();
    entry?.stop.abort(reason);
  }

  /** Cancels all that wait or have their turn. */
  close(reason: unknown): void {
    for (const { state, stop } of this.#all()) if (state !== "COMPLETED") stop.abort(reason);
  }

  /** Forgets a request and its result. */
  forget(id: string): void {
    if (this.#requests.delete(id)) this.#onForget(id);
  }

  #all(): Entry<T>[] {
    return [...this.#requests.values()];
  }

  #forget(): void {
    const finished = this.#all().filter(({ state }) => state === "COMPLETED");
    for (const { id } of finished.slice(0, Math.max(0, finished.length - this.#limits.finished))) this.forget(id);
  }
}

/** A random UUID of version 8, which tells requests of this queue from those of the service (`serviceOf`). */
function privateId(): string {
  const id = randomId();
  return `${id.slice(0, 14)}8${id.slice(15)}`;
}

/** The reason of a request that takes too long. */
export function timeOut(time: number): DOMException {
  return new DOMException(`the request was not answered within ${time} ms`, "TimeoutError");
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}
