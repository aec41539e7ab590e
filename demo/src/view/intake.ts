/** Where pictures and checkpoints come from: files, folders, the clipboard, samples, what is dropped. */
import { type FileWithPath, fromEvent } from "file-selector";
import { counted } from "../labels/counted.ts";
import { type FolderHandle, filesIn, isEmbedding } from "../storage/folders.ts";
import type { NamedFile } from "../workspace/picture-set.ts";
import type { Workspace } from "../workspace/workspace.ts";

/** Pictures that come with the page. */
export const SAMPLES = [
  { file: "truck.jpg", title: "A pick-up truck" },
  { file: "groceries.jpg", title: "Groceries" },
  { file: "cars.jpg", title: "Cars" },
] as const;

const inOrder = (a: NamedFile, b: NamedFile): number => a.name.localeCompare(b.name, undefined, { numeric: true });

/** The files that an event brings, those in folders too. */
async function filesOf(event: Event): Promise<NamedFile[]> {
  const files = (await fromEvent(event)) as FileWithPath[];
  const paths = files.map(({ path }) => path.replace(/^\.?\//, ""));
  // one folder is what all paths are in
  const [folder = ""] = paths[0]?.match(/^[^/]+\//) ?? [];
  const skipped = paths.every((path) => path.startsWith(folder)) ? folder.length : 0;
  return files.map((blob, i) => ({ name: (paths[i] as string).slice(skipped), blob })).sort(inOrder);
}

/** The pictures among files, without hidden files, which some systems write beside each picture (`._1.jpg`). */
const picturesOf = (files: readonly NamedFile[]): NamedFile[] =>
  files.filter(({ name, blob: { type } }) => type.startsWith("image/") && !/(?:^|\/)\.|\.(?:svg|psd)$/i.test(name));

const isZip = ({ name }: NamedFile): boolean => /\.zip$/i.test(name);

/** Takes in files of any kind that the page reads: pictures, projects, annotations, or a checkpoint. */
export function takeIn(workspace: Workspace, files: readonly NamedFile[]): void {
  const [zips, others] = [files.filter(isZip), files.filter((file) => !isZip(file))];
  // what is in a zip may be labels of the pictures that come with it
  const openAll = async (): Promise<void> => {
    if (zips.length === 0 || others.some(isOfUse)) await takeInOthers(workspace, others);
    for (const zip of zips) await workspace.transfer.openProject(zip);
  };
  void openAll();
}

const isAnnotation = ({ name }: NamedFile): boolean =>
  /\.(?:json|geojson|xml|csv|tsv|txt|names|ya?ml|svg|psd)$/i.test(name);

const isOfUse = (file: NamedFile): boolean =>
  isEmbedding(file.name) || isAnnotation(file) || picturesOf([file]).length > 0;

/** Takes in files of which none is a zip. */
async function takeInOthers(workspace: Workspace, files: readonly NamedFile[]): Promise<void> {
  const { embeddings, notices, models, set, transfer } = workspace;
  // weights of a checkpoint, or embeddings
  const tensors = files.filter(({ name }) => isEmbedding(name));
  const config = files.find(({ name }) => name === "config.json")?.blob;
  const pictures = picturesOf(files);
  const annotations = files.filter(isAnnotation);
  if (tensors.length > 0 && config) {
    models.bring("Dropped checkpoint", { id: "dropped", config, weights: tensors.map(({ blob }) => blob) });
  } else if (tensors.length > 0) {
    const others = [...pictures, ...annotations];
    const found = await embeddings.add(tensors);
    if (others.length > 0) await takeInOthers(workspace, others);
    else if (found === 0) notices.fail("A checkpoint needs its config.json", "drop both files together.");
  } else if (pictures.length > 0) {
    await set.add(pictures);
    if (annotations.length > 0) await transfer.import(annotations);
  } else if (annotations.length > 0) await transfer.import(annotations);
  else if (files.length > 0) {
    notices.fail("There is no picture among these files", "choose pictures, such as JPEG or PNG.");
  }
}

/** Takes in files of labels: a PNG, which is a picture elsewhere, is a mask among these. */
export function takeInLabels({ transfer }: Workspace, files: readonly NamedFile[]): void {
  const [only, ...others] = files;
  if (only && isZip(only) && others.length === 0) void transfer.openProject(only);
  else void transfer.import(files);
}

/** Takes in the files that an event brings, with `take`. */
export function takeInFrom(workspace: Workspace, event: Event, take: typeof takeIn = takeIn): void {
  filesOf(event).then(
    (files) => take(workspace, files),
    (error: unknown) => workspace.notices.fail(error, "choose the pictures one by one."),
  );
}

/** Listens to what is pasted. */
export function listenToPaste(workspace: Workspace): () => void {
  const listener = (event: ClipboardEvent): void => {
    filesOf(event).then(
      (files) => {
        const pictures = picturesOf(files);
        if (pictures.length > 0) void workspace.set.add(pictures);
      },
      () => undefined,
    );
  };
  addEventListener("paste", listener);
  return () => removeEventListener("paste", listener);
}

/** Fetches a sample. @throws Error when it cannot be fetched */
export async function fetchSample(file: string): Promise<NamedFile> {
  const answer = await fetch(new URL(`samples/${file}`, document.baseURI));
  if (!answer.ok) throw new Error(`${file}: expected a picture, got status ${answer.status}`);
  return { name: file, blob: await answer.blob() };
}

/** Whether the browser shows a dialog of its own for folders. */
export function canPickFolder(): boolean {
  return "showDirectoryPicker" in window;
}

/** While a folder is read, it is said this often how far that is; in milliseconds. */
const PATIENCE = 500;

/** Lets the person pick a folder, by the File System Access API, which TypeScript does not know yet. */
export async function pickFolder(workspace: Workspace): Promise<void> {
  const { showDirectoryPicker } = window as unknown as { showDirectoryPicker(): Promise<FolderHandle> };
  await takeInFolder(workspace, await showDirectoryPicker());
}

/** Takes in what is dropped: one folder by its handle, where the browser gives it, and all else by the files. */
export function takeInDrop(workspace: Workspace, event: DragEvent): void {
  const items: readonly (DataTransferItem & { getAsFileSystemHandle?(): Promise<unknown> })[] = [
    ...(event.dataTransfer?.items ?? []),
  ];
  const [item] = items;
  const isFolder = items.length === 1 && item?.webkitGetAsEntry?.()?.isDirectory;
  // to be asked for before the event is over
  const handle = isFolder ? item?.getAsFileSystemHandle?.() : undefined;
  if (!handle) takeInFrom(workspace, event);
  else {
    handle
      .then((given) => takeInFolder(workspace, given as FolderHandle))
      .catch((error: unknown) => workspace.notices.fail(error, "choose the pictures one by one."));
  }
}

/**
 * Listens to files that are dropped anywhere on the page; the browser would open them in its place.
 *
 * @param hover told whether files are over the page
 * @returns a function that ends that
 */
export function listenToDrops(workspace: Workspace, hover: (isOver: boolean) => void): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  // text that is dragged is none of the page's
  const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes("Files") ?? false;
  const over = (event: DragEvent): void => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    hover(true);
  };
  const leave = ({ relatedTarget }: DragEvent): void => {
    if (relatedTarget === null) hover(false);
  };
  const drop = (event: DragEvent): void => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    hover(false);
    takeInDrop(workspace, event);
  };
  addEventListener("dragover", over, { signal });
  addEventListener("dragleave", leave, { signal });
  addEventListener("drop", drop, { signal });
  return () => ending.abort();
}

/** Takes in the files of a folder. Its pictures are read where they are, on later visits too. */
async function takeInFolder(workspace: Workspace, handle: FolderHandle): Promise<void> {
  const files: NamedFile[] = [];
  let isRead = false;
  await workspace.notices.run(async (signal, show) => {
    let shown = 0;
    for await (const file of filesIn(handle)) {
      signal.throwIfAborted();
      files.push(file);
      if (performance.now() - shown < PATIENCE) continue;
      shown = performance.now();
      show(`Reading the folder ${handle.name}: ${counted(files.length, "file")}`);
    }
    isRead = true;
  }, "choose the pictures one by one.");
  if (!isRead) return;
  files.sort(inOrder);
  const isCheckpoint = files.some(({ name }) => name === "config.json");
  const hasEmbeddings = !isCheckpoint && files.some(({ name }) => isEmbedding(name));
  const isOfUse = hasEmbeddings || picturesOf(files).length > 0;
  const folder = isOfUse ? await workspace.set.keepFolder(handle, hasEmbeddings) : null;
  takeIn(workspace, folder === null ? files : files.map((file) => ({ ...file, place: { folder, path: file.name } })));
}
