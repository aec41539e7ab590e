/** Where pictures and checkpoints come from: files, folders, the camera, the clipboard, samples, what is dropped. */
import { type FileWithPath, fromEvent } from "file-selector";
import type { CheckpointSource } from "sam2-web";
import { hasCamera, takePicture } from "./camera.ts";
import { element } from "./element.ts";
import { showBusy, showError } from "./status.ts";

/** A file and the name it is known by: within a folder, its path there, `seaside/1.jpg`. */
export interface NamedFile {
  readonly name: string;
  readonly blob: Blob;
}

/** Called with what was opened. */
export interface Intake {
  pictures(files: readonly NamedFile[]): void;
  checkpoint(files: CheckpointSource): void;
  /** A set that was saved as one file. */
  project(file: NamedFile): void;
}

const SAMPLES = [
  { file: "truck.jpg", title: "A pick-up truck" },
  { file: "groceries.jpg", title: "Groceries" },
  { file: "cars.jpg", title: "Cars" },
];

const inOrder = (a: NamedFile, b: NamedFile): number => a.name.localeCompare(b.name, undefined, { numeric: true });

/** The files that an event brings, those in folders too. */
async function brought(event: Event): Promise<NamedFile[]> {
  const files = (await fromEvent(event)) as FileWithPath[];
  const paths = files.map(({ path }) => path.replace(/^\.?\//, ""));
  // one folder is what all paths are in
  const [folder = ""] = paths[0]?.match(/^[^/]+\//) ?? [];
  const skipped = paths.every((path) => path.startsWith(folder)) ? folder.length : 0;
  return files.map((blob, i) => ({ name: (paths[i] as string).slice(skipped), blob })).sort(inOrder);
}

/** The pictures among files, without hidden files, which some systems write beside each picture (`._1.jpg`). */
const picturesOf = (files: readonly NamedFile[]): NamedFile[] =>
  files.filter(({ name, blob: { type } }) => type.startsWith("image/") && !/(^|\/)\./.test(name));

/** Listens to all ways to open files. */
export function takeIn(intake: Intake): void {
  const chosen = (files: readonly NamedFile[]): void => {
    const pictures = picturesOf(files);
    if (pictures.length > 0) intake.pictures(pictures);
    else showError("There is no picture among these files", "choose pictures, such as JPEG or PNG.");
  };
  const unreadable = (error: unknown): void => {
    if ((error as Error).name !== "AbortError") showError(error, "choose the pictures one by one.");
  };

  for (const id of ["file", "folder"]) {
    element<HTMLInputElement>(id).addEventListener("change", (event) => {
      brought(event).then((files) => files.length > 0 && chosen(files), unreadable);
      (event.target as HTMLInputElement).value = "";
    });
  }

  element("folder-label").addEventListener("click", (event) => {
    if (!("showDirectoryPicker" in window)) return;
    event.preventDefault();
    pickFolder().then(chosen, unreadable);
  });

  element("camera").hidden = !hasCamera();
  element("camera").addEventListener("click", () => {
    takePicture().then(
      (blob) => blob && intake.pictures([{ name: `camera-${new Date().toISOString().replace(/\W/g, "-")}.jpg`, blob }]),
      (error: unknown) => showError(error, "allow the camera, or choose a picture."),
    );
  });

  addEventListener("paste", (event) => {
    brought(event).then((files) => {
      const pictures = picturesOf(files);
      if (pictures.length > 0) intake.pictures(pictures);
    }, unreadable);
  });

  const stage = element("stage");
  stage.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("dropping");
  });
  stage.addEventListener("dragleave", () => stage.classList.remove("dropping"));
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    brought(event).then((files) => {
      const weights = files.filter(({ name }) => name.endsWith(".safetensors")).map(({ blob }) => blob);
      const config = files.find(({ name }) => name === "config.json")?.blob;
      const [project] = files.filter(({ name }) => name.endsWith(".zip"));
      if (project) intake.project(project);
      else if (weights.length === 0) chosen(files);
      else if (!config) showError("A checkpoint needs its config.json", "drop both files together.");
      else intake.checkpoint({ id: "dropped", config, weights });
    }, unreadable);
  });

  element("samples").replaceChildren(
    ...SAMPLES.map(({ file, title }) => {
      const button = document.createElement("button");
      button.type = "button";
      const picture = document.createElement("img");
      picture.src = `samples/${file}`;
      picture.alt = title;
      picture.title = `${title}: facebookresearch/sam2, Apache-2.0`;
      button.append(picture);
      button.addEventListener("click", () => {
        fetchSample(file).then(
          (sample) => intake.pictures([sample]),
          (error: unknown) => {
            showBusy(null);
            showError(error, "choose a picture of your own.");
          },
        );
      });
      return button;
    }),
  );
}

async function fetchSample(file: string): Promise<NamedFile> {
  showBusy("Fetching the sample");
  const answer = await fetch(new URL(`samples/${file}`, document.baseURI));
  if (!answer.ok) throw new Error(`${file} could not be fetched: ${answer.status}`);
  return { name: file, blob: await answer.blob() };
}

/** The files of a folder that the person picks, by the File System Access API, which TypeScript does not know yet. */
async function pickFolder(): Promise<NamedFile[]> {
  const { showDirectoryPicker } = window as unknown as { showDirectoryPicker(): Promise<FileSystemDirectoryHandle> };
  const files: NamedFile[] = [];
  for await (const file of filesIn(await showDirectoryPicker())) files.push(file);
  return files.sort(inOrder);
}

async function* filesIn(folder: FileSystemDirectoryHandle, path = ""): AsyncGenerator<NamedFile> {
  for await (const handle of folder.values()) {
    const name = path + handle.name;
    if (handle.kind === "directory") yield* filesIn(handle as FileSystemDirectoryHandle, `${name}/`);
    else yield { name, blob: await (handle as FileSystemFileHandle).getFile() };
  }
}
