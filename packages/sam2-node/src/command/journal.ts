/**
 * What a batch has done, kept beside its result while it runs: one line of JSON for each picture. A line that was cut
 * off by a kill is not counted, so its picture is done again, and no other. Results stay on disk until they are read, so
 * that a batch needs no more memory the longer it is.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { Sam2Error } from "sam2-contract";
import type { Failure } from "./summary.ts";

/** Where a line is in the file, in bytes. */
interface Place {
  readonly start: number;
  readonly length: number;
}

/** A journal of results of type `T`, by picture. */
export class Journal<T> {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #places: Map<string, Place>;
  #end: number;
  /** The last line's writing: lines are written one after the other. */
  #written: Promise<unknown> = Promise.resolve();

  private constructor(path: string, file: FileHandle, places: Map<string, Place>, end: number) {
    this.#path = path;
    this.#file = file;
    this.#places = places;
    this.#end = end;
  }

  /**
   * Opens the journal of a batch, or begins one.
   *
   * @param settings what the results depend on; a journal of other settings is refused
   * @throws OutputError
   */
  static async open<T>(path: string, settings: string): Promise<Journal<T>> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, "a+");
      const { places, end } = await readPlaces(path, settings);
      // what was cut off
      await file.truncate(end);
      const journal = new Journal<T>(path, file, places, end);
      if (end === 0) await journal.#append({ settings });
      return journal;
    } catch (cause) {
      await file?.close();
      if (cause instanceof Sam2Error) throw cause;
      throw new Sam2Error("OutputError", `${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Whether a picture is done. */
  has(picture: string): boolean {
    return this.#places.has(picture);
  }

  /** Adds a result; resolves when it is on disk. @throws OutputError */
  async add(picture: string, result: T): Promise<void> {
    try {
      this.#places.set(picture, await this.#append({ picture, result }));
    } catch (cause) {
      throw new Sam2Error("OutputError", `${this.#path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Reads a result. The picture must be done. */
  async read(picture: string): Promise<T> {
    const { start, length } = this.#places.get(picture) as Place;
    const { buffer } = await this.#file.read(Buffer.alloc(length), 0, length, start);
    return (JSON.parse(buffer.toString()) as { result: T }).result;
  }

  #append(line: object): Promise<Place> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const written = this.#written.then(async () => {
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
    await this.close();
    if (failed.length === 0) await rm(this.#path);
  }

  /** Closes its file, which stays as it is; a second time is harmless. */
  async close(): Promise<void> {
    await this.#file.close();
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

/** The places of a journal's results, and where its last whole line ends. @throws OutputError for one of other settings */
async function readPlaces(
  path: string,
  settings: string,
): Promise<{ readonly places: Map<string, Place>; readonly end: number }> {
  const places = new Map<string, Place>();
  let end = 0;
  for await (const { start, length, text } of wholeLines(path)) {
    if (start === 0) {
      if ((JSON.parse(text) as { settings: string }).settings !== settings) {
        throw new Sam2Error(
          "OutputError",
          `${path}: expected the journal of this batch, got one of other options; delete it to begin anew`,
        );
      }
    } else places.set(pictureOf(text), { start, length });
    end = start + length;
  }
  return { places, end };
}

/** The picture of a line. Its result, which may be long, is not parsed. */
function pictureOf(line: string): string {
  // no text in JSON holds this: its quotes have a backslash before them
  const end = line.indexOf('","result":') + 1;
  return (JSON.parse(`${line.slice(0, end)}}`) as { picture: string }).picture;
}
