/** Pictures that are read where they are: on the next visit, after a change, and where the folder may not be read. */
import "fake-indexeddb/auto";
import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { openDB } from "idb";
import { beforeEach, describe, expect, test } from "vitest";
import { readPictures, readProjectFile, writeProjectFile } from "../src/formats/project-file.ts";
import { newObject, withImage } from "../src/labels/annotations.ts";
import { type Folder, type FolderHandle, Folders, type Shelf } from "../src/storage/folders.ts";
import { LABELS, LabelLog } from "../src/storage/label-log.ts";
import { LabelStore } from "../src/storage/label-store.ts";
import { takeInDrop } from "../src/view/intake.ts";
import type { Files } from "../src/workspace/transfer.ts";
import { Workspace } from "../src/workspace/workspace.ts";

/** A folder as a browser gives it. */
class FakeFolder {
  readonly kind = "directory";
  readonly name: string;
  readonly files: Map<string, File>;
  permission: PermissionState = "granted";
  asked = 0;
  /** What the person says when the browser asks. */
  says: PermissionState = "granted";
  /** Whether the browser may ask. */
  mayAsk = true;
  isGone = false;

  constructor(name: string, files: Readonly<Record<string, string>>) {
    this.name = name;
    this.files = new Map();
    for (const [path, content] of Object.entries(files)) this.write(path, content, 1);
  }

  write(path: string, content: string, lastModified: number): void {
    this.files.set(path, new File([content], path, { type: "image/png", lastModified }));
  }

  as(): FolderHandle {
    return this as unknown as FolderHandle;
  }

  async isSameEntry(other: unknown): Promise<boolean> {
    return other === this;
  }

  async queryPermission(): Promise<PermissionState> {
    return this.permission;
  }

  async requestPermission(): Promise<PermissionState> {
    this.asked++;
    if (!this.mayAsk) throw new DOMException("no recent press", "SecurityError");
    this.permission = this.says;
    return this.says;
  }

  async *values(): AsyncGenerator<unknown> {
    if (this.isGone) throw new DOMException(this.name, "NotFoundError");
    for (const [name, file] of this.files) yield { kind: "file", name, getFile: async () => file };
  }

  async getDirectoryHandle(name: string): Promise<unknown> {
    return {
      getFileHandle: (file: string) => this.getFileHandle(`${name}/${file}`),
    };
  }

  async getFileHandle(path: string): Promise<{ getFile(): Promise<File> }> {
    const file = this.files.get(path);
    if (!file) throw new DOMException(path, "NotFoundError");
    return { getFile: async () => file };
  }
}

let kept: Folder[];
const shelf: Shelf = {
  all: async () => kept,
  put: async (folder) => {
    kept = [...kept.filter(({ id }) => id !== folder.id), folder];
  },
  clear: async () => {
    kept = [];
  },
};

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  kept = [];
});

/** A visit of the page. */
async function visit(
  given: Shelf = shelf,
  patience = 10_000,
  files: Partial<Files> = {},
): Promise<{ workspace: Workspace; store: LabelStore }> {
  const store = await LabelStore.open(patience, new Folders(Promise.resolve(given)));
  const workspace = new Workspace({
    store,
    measure: async () => ({ width: 4, height: 3 }),
    openModel: () => new Promise(() => undefined),
    models: [],
    files: files as never,
    surroundings: { isSparing: async () => true },
  });
  await workspace.resume();
  return { workspace, store };
}

/** A visit in which the files of a folder are added, and the first is labeled. */
async function label(folder: FakeFolder): Promise<void> {
  const { workspace, store } = await visit();
  const id = await workspace.set.keepFolder(folder.as(), false);
  await workspace.set.add(
    [...folder.files].map(([name, blob]) => ({
      name,
      blob,
      place: id === null ? undefined : { folder: id, path: name },
    })),
  );
  const [image] = store.project.images;
  if (!image) throw new Error("expected an image");
  const object = newObject("object", { size: [3, 4], counts: "0<" });
  expect(await store.change(withImage(store.project, { ...image, objects: [object] }))).toBe(true);
  await store.close();
}

const shown = async ({ state }: Workspace): Promise<string | undefined> => state.get().picture?.text();
const names = ({ state }: Workspace): string[] => state.get().project.images.map(({ name }) => name);

test("files are not copied; the next visit asks for the folder by one button, and goes on", async () => {
  const folder = new FakeFolder("street", { "1.png": "one", "a/2.png": "two" });
  await label(folder);
  const log = await LabelLog.open({ blocked: () => undefined, closed: () => undefined });
  const { project } = await log.read();
  for (const { sha256 } of project.images) {
    expect(await log.picture(sha256 as string)).toEqual({ folder: kept[0]?.id, path: expect.any(String) });
  }
  log.close();

  folder.permission = "prompt";
  const { workspace } = await visit();
  expect(names(workspace)).toEqual(["1.png", "a/2.png"]);
  expect([workspace.state.get().closedFolders, workspace.state.get().current]).toEqual([["street"], null]);
  expect([folder.asked, workspace.state.get().error]).toEqual([0, null]);
  folder.says = "denied";
  await workspace.openFolders();
  expect([workspace.state.get().closedFolders, await shown(workspace)]).toEqual([["street"], undefined]);
  folder.says = "granted";
  await workspace.openFolders();
  // the first without labels
  expect([workspace.state.get().closedFolders, await shown(workspace)]).toEqual([[], "two"]);
  expect(folder.asked).toBe(2);
});

test("a folder that the browser may not ask for keeps no other one closed, and is said", async () => {
  const [street, field] = [new FakeFolder("street", { "1.png": "one" }), new FakeFolder("field", { "2.png": "two" })];
  await label(street);
  await label(field);
  for (const folder of [street, field]) folder.permission = "prompt";
  street.mayAsk = false;
  const { workspace } = await visit();
  await workspace.openFolders();
  const { closedFolders, said } = workspace.state.get();
  expect([closedFolders, said, await shown(workspace)]).toEqual([
    ["street"],
    "The folder is still closed: the browser was not allowed to read it.",
    "two",
  ]);
});

test("with no picture open, the open one is not exported: it is not all of them", async () => {
  const folder = new FakeFolder("street", { "1.png": "one" });
  await label(folder);
  folder.permission = "prompt";
  const { workspace } = await visit(shelf, 10_000, {
    writeProject: async () => ({ name: "all.json", blob: new Blob(), missing: [] }),
    save: () => undefined,
  });
  await workspace.transfer.export("coco", "one");
  expect([workspace.state.get().error, workspace.state.get().said]).toEqual([
    "No picture is open — open one, or export all.",
    "",
  ]);
});

test("a folder of embeddings that is gone does not keep the set closed", async () => {
  await label(new FakeFolder("street", { "1.png": "one" }));
  const gone = new FakeFolder("embeddings", {});
  gone.isGone = true;
  kept = [...kept, { id: "gone", handle: gone.as(), hasEmbeddings: true }];
  expect(await shown((await visit()).workspace)).toBe("one");
});

test("a folder that is dropped is read where it is, too", async () => {
  const folder = new FakeFolder("street", { "1.png": "one", "2.png": "two" });
  const { workspace, store } = await visit();
  const item = { webkitGetAsEntry: () => ({ isDirectory: true }), getAsFileSystemHandle: async () => folder };
  takeInDrop(workspace, { dataTransfer: { items: [item] } } as unknown as DragEvent);
  await expect.poll(() => names(workspace)).toEqual(["1.png", "2.png"]);
  const stored = await Promise.all(store.project.images.map((image) => store.stored(image)));
  expect(stored).toEqual(["1.png", "2.png"].map((path) => ({ folder: kept[0]?.id, path })));
});

test("a file that has changed is said; its labels are kept, and the picture as it was is taken again", async () => {
  const folder = new FakeFolder("street", { "1.png": "one", "2.png": "two" });
  await label(folder);
  folder.write("1.png", "another", 2);
  const { workspace, store } = await visit();
  const [image] = workspace.state.get().project.images;
  expect(await workspace.set.open(image?.id as string)).toBe(false);
  expect(workspace.state.get().error).toMatch(
    /^The file of 1\.png has changed since it was labeled — its labels are kept/,
  );
  expect(store.project.images[0]?.objects).toHaveLength(1);
  folder.write("1.png", "one", 3);
  expect(await workspace.set.open(image?.id as string)).toBe(true);
  expect(await shown(workspace)).toBe("one");
  folder.files.delete("1.png");
  await workspace.set.open(store.project.images[1]?.id as string);
  expect(await store.picture(store.project.images[0] as NonNullable<typeof image>)).toBeUndefined();
});

test("a file that is changed while it is open is not saved as the picture that was labeled", async () => {
  const folder = new FakeFolder("street", { "1.png": "one" });
  await label(folder);
  const { workspace, store } = await visit();
  const [image] = store.project.images;
  expect(await (await workspace.set.pictureOf(image?.id as string))?.text()).toBe("one");
  folder.write("1.png", "another", 2);
  expect(await workspace.set.pictureOf(image?.id as string)).toBeUndefined();
});

test("a folder that was moved is found where it is when it is opened there", async () => {
  await label(new FakeFolder("street", { "1.png": "one" }));
  kept = kept.map((folder) => ({ ...folder, handle: new FakeFolder("street", {}).as() }));
  const moved = new FakeFolder("moved", { "b/1.png": "one" });
  const { workspace } = await visit();
  const id = await workspace.set.keepFolder(moved.as(), false);
  const place = { folder: id as string, path: "b/1.png" };
  await workspace.set.add([{ name: "b/1.png", blob: moved.files.get("b/1.png") as File, place }]);
  expect(names(workspace)).toEqual(["1.png"]);
  await expect.poll(() => workspace.set.isUnkept).toBe(false);
  expect(await shown((await visit()).workspace)).toBe("one");
});

test("a picture of a folder that is gone is kept when it is opened itself", async () => {
  await label(new FakeFolder("street", { "1.png": "one" }));
  kept = kept.map((folder) => ({ ...folder, handle: new FakeFolder("street", {}).as() }));
  const { workspace } = await visit();
  expect(workspace.state.get().error).toContain("open the picture itself");
  await workspace.set.add([{ name: "1.png", blob: new Blob(["one"]) }]);
  expect(names(workspace)).toEqual(["1.png"]);
  await expect.poll(() => workspace.set.isUnkept).toBe(false);
  const { workspace: next, store } = await visit();
  expect(await shown(next)).toBe("one");
  expect(store.project.images[0]?.objects).toHaveLength(1);
});

test("a deleted picture comes back to its place; where no folder can be kept, files are copied", async () => {
  const folder = new FakeFolder("street", { "1.png": "one" });
  await label(folder);
  const { workspace } = await visit();
  workspace.deletePicture();
  await expect.poll(() => names(workspace)).toEqual([]);
  workspace.set.undo();
  await expect.poll(() => shown(workspace)).toBe("one");
  await expect.poll(() => workspace.set.isUnkept).toBe(false);
  folder.write("1.png", "other", 9);
  expect(await shown((await visit()).workspace)).toBeUndefined();

  globalThis.indexedDB = new IDBFactory();
  kept = [];
  const refusing: Shelf = { ...shelf, put: () => Promise.reject(new DOMException("no clone", "DataCloneError")) };
  const { workspace: other, store } = await visit(refusing);
  expect(await other.set.keepFolder(folder.as(), false)).toBeNull();
  await other.set.add([{ name: "1.png", blob: new Blob(["one"]) }]);
  await store.close();
  folder.files.clear();
  expect(await shown((await visit()).workspace)).toBe("one");
  indexedDB.deleteDatabase(LABELS);
});

test("a project is saved without pictures that may not be read now: which, is said, then and when it is opened", async () => {
  const folder = new FakeFolder("street", { "1.png": "one", "2.png": "two", "3.png": "3", "4.png": "4", "5.png": "5" });
  await label(folder);
  const { workspace: first } = await visit();
  await first.set.add([{ name: "copied.png", blob: new Blob(["copied"]) }]);
  await expect.poll(() => first.set.isUnkept).toBe(false);
  folder.permission = "prompt";
  let saved = new Blob();
  const files: Partial<Files> = {
    writeProjectFile: (project, pictureOf, { onProgress }) => writeProjectFile(project, pictureOf, onProgress),
    readProjectFile,
    readPictures: (file, pictures, take, { onProgress }) => readPictures(file, pictures, take, onProgress),
    save: ({ blob }) => {
      saved = blob;
    },
  };
  const { workspace } = await visit(shelf, 10_000, files);
  await workspace.transfer.saveProject();
  expect(workspace.state.get().error).toBe(
    "project.zip is saved without pictures that are not here: 1.png, 2.png, 3.png, and 2 more — " +
      "their labels are in it; open their folder, or the pictures themselves, and save again.",
  );
  folder.permission = "granted";
  const granted = await visit(shelf, 10_000, files);
  const before = saved;
  await granted.workspace.transfer.saveProject();
  expect([granted.workspace.state.get().error, granted.workspace.state.get().said]).toEqual([
    null,
    "Saved project.zip.",
  ]);
  expect(saved).not.toBe(before);

  globalThis.indexedDB = new IDBFactory();
  const { workspace: elsewhere, store } = await visit(shelf, 10_000, files);
  await elsewhere.transfer.openProject({ name: "project.zip", blob: before });
  expect(elsewhere.state.get().said).toBe(
    "Opened project.zip: 6 pictures. Missing or damaged in it: 1.png, 2.png, 3.png, and 2 more.",
  );
  const there = await Promise.all(store.project.images.map((image) => store.picture(image)));
  expect(store.project.images.filter((_, i) => there[i]).map(({ name }) => name)).toEqual(["copied.png"]);
});

describe("folders are not forgotten", () => {
  test("when the labels are read late: they are asked for once the labels are there", async () => {
    const folder = new FakeFolder("street", { "1.png": "one" });
    await label(folder);
    folder.permission = "prompt";
    // what is asked of the storage now waits behind this
    const database = await openDB(LABELS);
    const held = database.transaction(["log", "snapshot", "images", "pictures"], "readwrite");
    let isHeld = true;
    const holding = (async () => {
      while (isHeld) await held.objectStore("log").count();
    })();
    const { workspace } = await visit(shelf, 1);
    expect([names(workspace), kept.map(({ handle }) => handle.name)]).toEqual([[], ["street"]]);
    isHeld = false;
    await holding;
    database.close();
    await expect.poll(() => names(workspace)).toEqual(["1.png"]);
    await expect.poll(() => workspace.state.get().closedFolders).toEqual(["street"]);
    await workspace.openFolders();
    expect(await shown(workspace)).toBe("one");
  });

  test("when the labels cannot be read", async () => {
    const folder = new FakeFolder("street", { "1.png": "one" });
    await label(folder);
    const { getAll } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.getAll = () => {
      throw new DOMException("the disk is broken", "UnknownError");
    };
    const { store } = await visit();
    IDBObjectStore.prototype.getAll = getAll;
    expect([store.trouble?.kind, kept.map(({ handle }) => handle.name)]).toEqual(["no storage", ["street"]]);
    expect(await shown((await visit()).workspace)).toBe("one");
  });

  test("unless all pictures are gone", async () => {
    await label(new FakeFolder("street", { "1.png": "one" }));
    const { workspace } = await visit();
    workspace.deletePicture();
    await expect.poll(() => workspace.state.get().said).toMatch(/is deleted/);
    await visit();
    expect(kept).toEqual([]);
  });
});
