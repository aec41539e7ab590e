/**
 * What a batch has done, kept beside its result while it runs: one line of JSON for each picture. A line that was cut
 * off by a kill is not counted, so its picture is done again, and no other; nor is a line of a picture that has changed
 * since. Results stay on disk until they are read, so that a batch needs no more memory the longer it is.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { Sam2Error } from "sam2-contract";
import { RunLock } from "./run-lock.ts";
import type { Failure } from "./summary.ts";

/** Where a line is in the file, in bytes. */
interface Place {
  readonly start: number;
  readonly length: number;
}

/** What a journal holds until it is closed. */
interface Held {
  readonly file: FileHandle;
  readonly lock: RunLock;
}

/** A journal of results of type `T`, by picture. */
export class Journal<T> {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #lock: RunLock;
  readonly #stamps: ReadonlyMap<string, string>;
  readonly #places: Map<string, Place>;
  /** Which model the results are of; undefined while there is none. */
  #model: string | undefined;
  #end: number;
  /** The last line's writing: lines are written one after the other. */
  #written: Promise<unknown> = Promise.resolve();

  private constructor(path: string, held: Held, stamps: ReadonlyMap<string, string>, found: Found) {
    this.#path = path;
    this.#file = held.file;
    this.#lock = held.lock;
    this.#stamps = stamps;
    this.#places = found.places;
    this.#model = found.model;
    this.#end = found.end;
  }

  /**
   * Opens the journal of a batch, or begins one.
   *
   * @param settings what the results depend on; a journal of other settings is refused
   * @param stamps what the file of each picture is now, as `stampsOf` has it: a result of another file does not count
   * @throws OutputError
   */
  static async open<T>(path: string, settings: string, stamps: ReadonlyMap<string, string>): Promise<Journal<T>> {
    let lock: RunLock | undefined;
    let file: FileHandle | undefined;
    try {
      lock = await RunLock.take(path);
      file = await open(path, "a+");
      const found = await readPlaces(path, settings, stamps);
      // what was cut off
      await file.truncate(found.end);
      const journal = new Journal<T>(path, { file, lock }, stamps, found);
      if (found.end === 0) await journal.#append({ settings });
      return journal;
    } catch (cause) {
      await file?.close();
      await lock?.release();
      if (cause instanceof Sam2Error) throw cause;
      throw new Sam2Error("OutputError", `${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Whether a picture is done. */
  has(picture: string): boolean {
    return this.#places.has(picture);
  }

  /**
   * Says which model the next results are of: that of all before.
   *
   * @param model as `identify` has it
   * @throws OutputError for another one
   */
  useModel(model: string): void {
    this.#model ??= model;
    if (this.#model === model) return;
    throw new Sam2Error(
      "OutputError",
      `${this.#path}: expected the journal of this model in this precision, got one of other weights or of another precision; delete it to begin anew`,
    );
  }

  /** Adds a result of the model that is used; resolves when it is on disk. @throws OutputError */
  async add(picture: string, result: T): Promise<void> {
    try {
      const about = { picture, file: this.#stamps.get(picture), model: this.#model };
      this.#places.set(picture, await this.#append({ ...about, result }));
    } catch (cause) {
      if (cause instanceof Sam2Error) throw cause;
      throw new Sam2Error("OutputError", `${this.#path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Reads a result. The picture must be done. @throws OutputError where something else was written over it */
  async read(picture: string): Promise<T> {
    const { start, length } = this.#places.get(picture) as Place;
    const { buffer } = await this.#file.read(Buffer.alloc(length), 0, length, start);
    const line = parsed(buffer.toString());
    if (line?.picture === picture) return line.result as T;
    throw new Sam2Error("OutputError", `${this.#path}: expected the result of ${picture}, found something else`);
  }

  #append(line: object): Promise<Place> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const written = this.#written.then(async () => {
      this.#lock.check();
      const start = this.#end;
      try {
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
      } catch (error) {
        // of a full disk: the next line must not follow half of this one
        await this.#file.truncate(start);
        throw error;
      }
      this.#end = start + bytes.length;
      return { start, length: bytes.length };
    });
    this.#written = written.catch(() => undefined);
    return written;
  }

  /**
   * Ends it, once its results are in the batch's own file. With failures it stays, so that another run tries those pictures
   * again, and only those.
   */
  async end(failed: readonly Failure[]): Promise<void> {
    await this.#file.close();
    if (failed.length === 0) await rm(this.#path);
    await this.close();
  }

  /** Closes its file, which stays as it is, and lets other runs have it; a second time is harmless. */
  async close(): Promise<void> {
    await this.#file.close();
    await this.#lock.release();
  }
}

/** The whole lines of a file, with their places. */
async function* wholeLines(path: string): AsyncGenerator<Place & { readonly text: string }> {
  let start = 0;
  let begun: Buffer[] = [];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...begun, chunk.subarray(from, at + 1)]);
      yield { start, length: line.length, text: line.toString() };
      start += line.length;
      begun = [];
      from = at + 1;
    }
    begun.push(chunk.subarray(from));
  }
}

/** A line, null for what is none. */
function parsed(text: string): { readonly picture?: unknown; readonly result?: unknown } | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What is in a journal. */
interface Found {
  /** Of the results that count. */
  readonly places: Map<string, Place>;
  /** Which model they are of. */
  readonly model: string | undefined;
  /** Where its last whole line ends. */
  readonly end: number;
}

/** Reads all of a journal but its results. @throws OutputError for one of other settings */
async function readPlaces(path: string, settings: string, stamps: ReadonlyMap<string, string>): Promise<Found> {
  const places = new Map<string, Place>();
  let model: string | undefined;
  let end = 0;
  for await (const { start, length, text } of wholeLines(path)) {
    if (start === 0) {
      if ((JSON.parse(text) as { settings: string }).settings !== settings) {
        throw new Sam2Error(
          "OutputError",
          `${path}: expected the journal of this batch, got one of other options; delete it to begin anew`,
        );
      }
    } else {
      const line = headOf(text);
      // a line without a file is of a picture that was not on this machine, or of an earlier release: it is done again
      if (line.file !== undefined && line.file === stamps.get(line.picture)) {
        places.set(line.picture, { start, length });
        model = line.model;
      } else places.delete(line.picture);
    }
    end = start + length;
  }
  return { places, model, end };
}

/** What a line says of its result, which may be long and is not parsed. */
function headOf(line: string): { readonly picture: string; readonly file?: string; readonly model?: string } {
  // no text in JSON holds this: its quotes have a backslash before them
  const end = line.indexOf('","result":') + 1;
  return JSON.parse(`${line.slice(0, end)}}`);
}
