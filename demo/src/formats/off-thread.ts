/** Reading and writing of files in a worker of their own, which ends with the work, or when that is cancelled. */
import { proxy, type Remote, wrap } from "comlink";
import type { Project } from "../annotations.ts";
import type { ExportedFile, Format } from "./archive.ts";
import type { CocoLabels, Progress } from "./coco.ts";
import type { FormatsWorker } from "./formats.worker.ts";

/** How work is followed, and ended. */
export interface WorkOptions {
  /** Ends the work at once. */
  readonly signal: AbortSignal;
  /** Told how far it is. */
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

/** Reads COCO annotations. @throws ImportError, by its name */
export async function readCoco(file: Blob, { signal, onProgress }: WorkOptions): Promise<CocoLabels> {
  return inWorker(signal, (formats) => formats.readCoco(file, proxy(onProgress)));
}

/** Writes a project. @throws ExportError, by its name */
export async function writeProject(
  project: Project,
  format: Format,
  pictureOf: (id: string) => Promise<Blob>,
  { signal, onProgress }: WorkOptions,
): Promise<ExportedFile> {
  return inWorker(signal, (formats) => formats.exportProject(project, format, proxy(pictureOf), proxy(onProgress)));
}
