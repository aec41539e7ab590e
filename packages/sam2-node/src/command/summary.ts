/** How a batch ended: for people in one line, for machines as JSON. */
import { availableParallelism } from "node:os";
import { ProgressLine } from "./progress.ts";

/** A picture that failed. */
export interface Failure {
  readonly picture: string;
  /** Name and message of the error. */
  readonly error: string;
}

/** How far a batch is: shown on a terminal; and the pictures that failed. */
export class Tally {
  readonly #pictures: readonly string[];
  readonly #failures = new Map<string, string>();
  readonly #line: ProgressLine;
  #ended = 0;

  constructor(pictures: readonly string[]) {
    this.#pictures = pictures;
    this.#line = new ProgressLine(pictures.length, "pictures");
  }

  /** Counts a picture that has ended; `error` is why it failed, as a name and a message. */
  ended(picture: string, error: string | null): void {
    if (error !== null) this.#failures.set(picture, error);
    this.#line.show(++this.#ended);
  }

  /** Shows no more. */
  close(): void {
    this.#line.end();
  }

  /** The pictures that failed, in the order that they were given in. */
  get failed(): Failure[] {
    return this.#pictures.flatMap((picture) => {
      const error = this.#failures.get(picture);
      return error === undefined ? [] : [{ picture, error }];
    });
  }
}

/** Measures a batch from now on. */
export class Stopwatch {
  readonly #start = performance.now();
  readonly #cpu = process.cpuUsage();

  /** Seconds since the start, and the share of all cores that was in use meanwhile. */
  stop(): { readonly seconds: number; readonly cores_busy: number } {
    const seconds = (performance.now() - this.#start) / 1000;
    const { user, system } = process.cpuUsage(this.#cpu);
    return { seconds, cores_busy: (user + system) / 1e6 / seconds / availableParallelism() };
  }
}

/** What came of a batch. */
export interface Summary {
  readonly pictures: number;
  /** Pictures that an earlier run had done. */
  readonly known: number;
  readonly seconds: number;
  readonly cores_busy: number;
  readonly failed: readonly Failure[];
}

/** A batch ended, but some pictures failed. */
const SOME_FAILED = 3;

/**
 * Tells how a batch ended, and sets the process's exit code.
 *
 * @param counts what was made, by its name: "masks"
 */
export function tellSummary(
  summary: Summary,
  counts: Readonly<Record<string, number>>,
  { json, out }: { readonly json: boolean; readonly out: string },
): void {
  const { pictures, known, failed, seconds, cores_busy } = summary;
  for (const { picture, error } of failed) process.stderr.write(`${picture}: ${error}\n`);
  if (json) {
    process.stdout.write(`${JSON.stringify({ pictures, known, ...counts, seconds, cores_busy, failed })}\n`);
  } else {
    const before = known > 0 ? `, ${known} of them done before` : "";
    const made = Object.entries(counts).map(([what, count]) => `, ${count} ${what.replaceAll("_", " ")}`);
    const busy = `${(100 * cores_busy).toFixed(0)} % of ${availableParallelism()} cores`;
    process.stdout.write(
      `${pictures} pictures${before}${made.join("")}, ${failed.length} failed, ${seconds.toFixed(1)} s, ${busy} → ${out}\n`,
    );
  }
  if (failed.length > 0) process.exitCode = SOME_FAILED;
}
