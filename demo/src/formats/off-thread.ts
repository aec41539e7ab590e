/** Reads and writes files in a worker, which is ended when the work is done or canceled. */
import { proxy, type Remote, wrap } from "comlink";
import type { Project } from "../labels/annotations.ts";
import type { Format, WrittenFile } from "./archive.ts";
import type { Progress } from "./coco.ts";
import type { FormatsWorker } from "./formats.worker.ts";
import type { ReadLabels } from "./labels-file.ts";
import type { FiledPicture, ProjectFile } from "./project-file.ts";

/** Progress and canceling. */
export interface WorkOptions {
  /** Ends the work at once. */
  readonly signal: AbortSignal;
  /** Called with progress. */
  readonly onProgress: Progress;
}

/** @throws the signal's reason, or what the work throws: an error keeps its name and message */
function inWorker<T>(signal: AbortSignal, work: (formats: Remote<FormatsWorker>) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const worker = new Worker(new URL("./formats.worker.ts", import.meta.url), { type: "module" });
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    worker.addEventListener("error", ({ message }) => {
      reject(new Error(`files cannot be read or written here: ${message || "the worker did not start"}`));
    });
    work(wrap<FormatsWorker>(worker)).then(resolve, reject);
  }).finally(() => worker.terminate());
}

/** Reads annotations. @throws ImportError, by its name */
export async function readLabels(
  files: readonly { readonly name: string; readonly blob: Blob }[],
  { signal, onProgress }: WorkOptions,
): Promise<ReadLabels> {
  const given = files.map(({ name, blob }) => ({ name, blob }));
  return inWorker(signal, (formats) => formats.readLabels(given, proxy(onProgress)));
}

/** Writes a project, or one image of it, by its id. @throws ExportError, by its name */
export async function writeProject(
  project: Project,
  format: Format,
  pictureOf: (id: string) => Promise<Blob | undefined>,
  { signal, onProgress, only }: WorkOptions & { readonly only?: string | undefined },
): Promise<WrittenFile> {
  return inWorker(signal, (formats) =>
    formats.exportProject(project, format, proxy(pictureOf), proxy(onProgress), only),
  );
}

/** Writes a set with its pictures as one file. */
export async function writeProjectFile(
  project: Project,
  pictureOf: (id: string) => Promise<Blob | undefined>,
  { signal, onProgress }: WorkOptions,
): Promise<WrittenFile> {
  return inWorker(signal, (formats) => formats.writeProjectFile(project, proxy(pictureOf), proxy(onProgress)));
}

/** Reads the labels of such a file. @throws ImportError, by its name */
export async function readProjectFile(file: Blob, { signal }: Pick<WorkOptions, "signal">): Promise<ProjectFile> {
  return inWorker(signal, (formats) => formats.readProjectFile(file));
}

/**
 * Reads its pictures, one after the other; `take` is waited for.
 *
 * @returns names of those that are missing or damaged
 */
export async function readPictures(
  file: Blob,
  pictures: readonly FiledPicture[],
  take: (picture: Blob, facts: FiledPicture) => Promise<unknown>,
  { signal, onProgress }: WorkOptions,
): Promise<string[]> {
  return inWorker(signal, (formats) => formats.readPictures(file, pictures, proxy(take), proxy(onProgress)));
}
