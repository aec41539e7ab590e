/**
 * What a batch has done, kept beside its result while it runs: one line of JSON for each picture. A line that was cut
 * off by a kill is not counted, so its picture is done again, and no other.
 */
import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, rm, truncate } from "node:fs/promises";
import { Sam2Error } from "sam2-contract";

/** A journal of results of type `T`, by picture. */
export class Journal<T> {
  readonly #path: string;
  readonly #file: FileHandle;
  /** What earlier runs did. */
  readonly done: ReadonlyMap<string, T>;

  private constructor(path: string, file: FileHandle, done: ReadonlyMap<string, T>) {
    this.#path = path;
    this.#file = file;
    this.done = done;
  }

  /**
   * Opens the journal of a batch, or begins one.
   *
   * @param settings what the results depend on; a journal of other settings is refused
   * @throws OutputError
   */
  static async open<T>(path: string, settings: string): Promise<Journal<T>> {
    try {
      const done = existsSync(path) ? await readDone<T>(path, settings) : null;
      const file = await open(path, "a");
      if (!done) await append(file, { settings });
      return new Journal(path, file, done ?? new Map());
    } catch (cause) {
      if (cause instanceof Sam2Error) throw cause;
      throw new Sam2Error("OutputError", `${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Adds a result; resolves when it is on disk. */
  async add(picture: string, result: T): Promise<void> {
    await append(this.#file, { picture, result });
  }

  /** Ends it; its results are in the batch's own file now. */
  async remove(): Promise<void> {
    await this.#file.close();
    await rm(this.#path);
  }

  /** Leaves it, to be gone on with later. */
  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function append(file: FileHandle, line: object): Promise<void> {
  // one write for the whole line: lines of several pictures do not mix
  await file.appendFile(`${JSON.stringify(line)}\n`);
  await file.datasync();
}

/** The results of a journal; null where not even its first line is whole. What follows the last whole line is cut off. */
async function readDone<T>(path: string, settings: string): Promise<Map<string, T> | null> {
  const text = await readFile(path, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
  if (whole === "") return null;
  const [head = "", ...lines] = whole.split("\n").filter((line) => line !== "");
  if ((JSON.parse(head) as { settings: string }).settings !== settings) {
    throw new Sam2Error(
      "OutputError",
      `${path}: expected the journal of this batch, got one of other options; delete it to begin anew`,
    );
  }
  return new Map(
    lines.map((line) => {
      const { picture, result } = JSON.parse(line) as { picture: string; result: T };
      return [picture, result] as const;
    }),
  );
}
