/** Only one run at a time works on a batch: its journal, and what it writes. */
import { setTimeout as pause } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { Sam2Error } from "sam2-contract";

/** Milliseconds after which a run that does not renew its lock has ended: it was killed. */
const STALE = 5000;
/** Milliseconds between two tries. */
const PAUSE = 500;

/** The lock of a run. */
export class RunLock {
  readonly #path: string;
  #release: () => Promise<void> = async () => undefined;
  #isLost = false;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes the lock beside a file, which need not be there. What a killed run left is waited for until it is stale.
   *
   * @throws OutputError where another run has it
   */
  static async take(path: string): Promise<RunLock> {
    const lock = new RunLock(path);
    const onCompromised = (): void => {
      lock.#isLost = true;
    };
    for (let waited = 0; ; waited += PAUSE) {
      try {
        lock.#release = await lockfile.lock(path, { realpath: false, stale: STALE, onCompromised });
        return lock;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ELOCKED") throw error;
        if (waited > STALE) throw lock.#taken(error);
      }
      await pause(PAUSE);
    }
  }

  /** Checks that it is still held: a process that was stopped for a while may have lost it to another run. @throws OutputError */
  check(): void {
    if (this.#isLost) throw this.#taken();
  }

  /** Lets others have it; a second time is harmless. */
  async release(): Promise<void> {
    // of one that is lost or released
    await this.#release().catch(() => undefined);
  }

  #taken(cause?: unknown): Sam2Error {
    const message = `${this.#path}: expected no other run of this batch at the same time, found one; wait for its end`;
    return new Sam2Error("OutputError", message, { cause });
  }
}
