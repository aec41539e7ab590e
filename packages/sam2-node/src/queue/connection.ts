/** How Redis is reached, and what is said when it is not. */
import { Sam2Error } from "sam2-contract";
import type { Log } from "../command/log.ts";

/** The longest that the first answer may take, in milliseconds. */
const FIRST_ANSWER = 10_000;

/** BullMQ's options of a connection: commands wait while Redis is gone, and it is looked for every two seconds. */
export function connectionTo(url: string): object {
  if (!/^rediss?:[/][/]/.test(url) || !URL.canParse(url)) {
    throw new Sam2Error("QueueError", `expected an address such as redis://127.0.0.1:6379, got ${hidden(url)}`);
  }
  return {
    url,
    maxRetriesPerRequest: null,
    retryStrategy: (attempt: number) => Math.min(100 * attempt, 2000),
  };
}

/**
 * The error of a Redis that answers a command with one, as where its memory is full; others as they are.
 */
export function refusedBy(url: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "ReplyError") return error;
  const message = `${hidden(url)}: expected a Redis or Valkey that takes what it is told, got ${error.message}`;
  return new Sam2Error("QueueError", message, { cause: error });
}

/** The address without its password. */
function hidden(url: string): string {
  // a password may hold a slash or an @ that is not escaped
  return url.replace(/[/][/].*@/, "//…@");
}

/**
 * Waits for the first connection.
 *
 * @throws QueueError
 */
export async function firstAnswer(url: string, ready: Promise<unknown>, state: Connectedness): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const expected = `${hidden(url)}: expected a Redis or Valkey that answers within ${FIRST_ANSWER / 1000} s`;
    timer = setTimeout(
      () => reject(new Sam2Error("QueueError", `${expected}, got ${state.refusal ?? "none"}`)),
      FIRST_ANSWER,
    );
  });
  try {
    await Promise.race([ready, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Logs a Redis that is gone once, and again when it is back. */
export class Connectedness {
  readonly #log: Log;
  #isLost = false;
  #refusal: string | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Why it takes no commands: a password that is missing or wrong; null where it says nothing. */
  get refusal(): string | null {
    return this.#refusal;
  }

  lost = ({ name, message }: Error): void => {
    if (name === "ReplyError") this.#refusal = message;
    if (!this.#isLost) this.#log("error", "redis lost", { error: `QueueError: ${message}` });
    this.#isLost = true;
  };

  back = (): void => {
    if (this.#isLost) this.#log("info", "redis back");
    this.#isLost = false;
  };
}
