/** The worker that reads and writes files: large sets would block the page. */
import { expose } from "comlink";
import type { Project } from "../labels/annotations.ts";
import { exportProject, type Format, type WrittenFile } from "./archive.ts";
import type { Progress } from "./coco.ts";
import type { ReadLabels } from "./labels-file.ts";
import { fromLargeCoco, LARGE } from "./large-coco.ts";
import { decodePicture } from "./picture.ts";
import type { FiledPicture, ProjectFile } from "./project-file.ts";
import { IS_BYTES, readLabels } from "./read.ts";

/** Shortest time between two progress reports, in milliseconds. */
const PAUSE = 50;

/** Passes on progress, but not more often than every `PAUSE`. */
function nowAndThen(onProgress: Progress): Progress {
  let last = performance.now();
  return (done, total) => {
    if (performance.now() - last < PAUSE) return;
    last = performance.now();
    onProgress(done, total);
  };
}

const formats = {
  async readLabels(files: readonly { name: string; blob: Blob }[], onProgress: Progress): Promise<ReadLabels> {
    const [only, ...others] = files;
    if (only && others.length === 0 && only.blob.size > LARGE && /\.json$/i.test(only.name)) {
      const read = await fromLargeCoco(only.blob, nowAndThen(onProgress));
      if (read) return read;
    }
    const { unpacked } = await import("./zip.ts");
    const read = (await unpacked(files)).map(async ({ name, blob }) =>
      IS_BYTES.test(name)
        ? { name, bytes: new Uint8Array(await blob.arrayBuffer()) }
        : { name, text: await blob.text() },
    );
    return readLabels(await Promise.all(read), nowAndThen(onProgress));
  },

  async exportProject(
    project: Project,
    format: Format,
    pictureOf: (id: string) => Promise<Blob | undefined>,
    onProgress: Progress,
    only?: string,
  ): Promise<WrittenFile> {
    const bitmapOf = async (id: string): Promise<ImageBitmap | undefined> => {
      const picture = await pictureOf(id);
      return picture && decodePicture(picture);
    };
    return exportProject(project, format, bitmapOf, nowAndThen(onProgress), only);
  },

  async writeProjectFile(
    project: Project,
    pictureOf: (id: string) => Promise<Blob | undefined>,
    onProgress: Progress,
  ): Promise<WrittenFile> {
    const { writeProjectFile } = await import("./project-file.ts");
    return writeProjectFile(project, pictureOf, nowAndThen(onProgress));
  },

  async readProjectFile(file: Blob): Promise<ProjectFile> {
    const { readProjectFile } = await import("./project-file.ts");
    return readProjectFile(file);
  },

  async readPictures(
    file: Blob,
    pictures: readonly FiledPicture[],
    take: (picture: Blob, facts: FiledPicture) => Promise<unknown>,
    onProgress: Progress,
  ): Promise<string[]> {
    const { readPictures } = await import("./project-file.ts");
    return readPictures(file, pictures, take, nowAndThen(onProgress));
  },
};

/** The functions of the worker. */
export type FormatsWorker = typeof formats;

expose(formats);
