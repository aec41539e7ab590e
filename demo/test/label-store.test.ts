/** Labels are kept, whatever happens to the storage under them: two windows, older pages, full disks, none. */
import "fake-indexeddb/auto";
import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { deleteDB, openDB } from "idb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  EMPTY_PROJECT,
  type LabeledImage,
  type LabeledObject,
  type Project,
  withClass,
  withClassRenamed,
  withImage,
} from "../src/labels/annotations.ts";
import { LABELS, LabelLog, NOTHING_KEPT } from "../src/storage/label-log.ts";
import { LabelStore } from "../src/storage/label-store.ts";
import { workInTwoWindows } from "./two-windows.ts";

/** How long a store waits for storage that does not open, in milliseconds. */
const PATIENCE = 50;
const SIZE = { width: 2, height: 2 };
const picture = (...bytes: number[]): Blob => new Blob([Uint8Array.from(bytes)], { type: "image/png" });
const object = (id: string, className = "object"): LabeledObject => ({
  id,
  className,
  rle: { size: [2, 2], counts: "04" },
  name: "",
  hidden: false,
  locked: false,
});

let opened: LabelStore[] = [];
async function open(patience = 10_000): Promise<LabelStore> {
  const store = await LabelStore.open(patience);
  opened.push(store);
  return store;
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});
afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()));
  opened = [];
});

/** What another window would find. */
async function onDisk(): Promise<Project> {
  const log = await LabelLog.open({ blocked: () => undefined, closed: () => undefined });
  const { project } = await log.read();
  log.close();
  return project;
}

/** A store with a picture and an object. */
async function labeled(store: LabelStore): Promise<LabeledImage> {
  const image = { ...(await store.addPicture(picture(1), { name: "1.jpg", ...SIZE }, [])), objects: [object("a")] };
  expect(await store.change(withImage(store.project, image))).toBe(true);
  return image;
}

const imageOf = ({ project }: LabelStore, at = 0): LabeledImage => project.images[at] as LabeledImage;
const idsIn = ({ images }: Project): string[] => images.flatMap(({ objects }) => objects.map(({ id }) => id)).sort();

describe("a picture is known by its bytes", () => {
  test("the same name and size with other bytes is another picture; the one before keeps its labels", async () => {
    const store = await open();
    const image = await labeled(store);
    const other = await store.addPicture(picture(2), { name: "1.jpg", ...SIZE }, ["1.jpg"]);
    expect(other.id).not.toBe(image.id);
    expect(store.project.images.map(({ name, objects }) => [name, objects.length])).toEqual([
      ["1.jpg", 1],
      ["1.jpg", 0],
    ]);
    expect(new Uint8Array((await (await store.picture(image))?.arrayBuffer()) as ArrayBuffer)).toEqual(
      Uint8Array.of(1),
    );
  });

  test("the same bytes under another name are the picture that is there", async () => {
    const store = await open();
    const image = await labeled(store);
    expect(await store.addPicture(picture(1), { name: "copy.jpg", ...SIZE }, ["copy.jpg"])).toEqual(image);
    expect(store.project.images).toEqual([image]);
    expect(image.sha256).toBe("4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a");
  });

  test("labels that came before their picture are that picture's when it comes", async () => {
    const store = await open();
    const waiting = { id: "w", sha256: null, name: "set/1.jpg", ...SIZE, objects: [object("a")] };
    await store.change(withImage(store.project, waiting));
    const image = await store.addPicture(picture(1), { name: "1.jpg", ...SIZE }, ["1.jpg"]);
    expect(image).toEqual({ ...waiting, sha256: expect.stringMatching(/^4bf5/) });
    await store.change(store.project);
    expect((await onDisk()).images).toEqual([image]);
  });
});

describe("what was kept is there", () => {
  test("after hundreds of changes, of which the log holds the last", async () => {
    const store = await open();
    await labeled(store);
    for (let i = 0; i < 250; i++) {
      const image = imageOf(store);
      const objects = i % 7 === 0 ? image.objects.slice(1) : [...image.objects, object(`${i}`)];
      await store.change(withImage(store.project, { ...image, objects }));
    }
    await store.change(withClassRenamed(withClass(store.project, "cat"), "object", "dog"));
    expect(await onDisk()).toEqual(store.project);
    const database = await openDB(LABELS);
    expect(await database.count("log")).toBeLessThan(100);
    database.close();
    expect((await open()).project).toEqual(store.project);
  });

  test("a picture that is deleted is gone, its bytes too", async () => {
    const store = await open();
    const image = await labeled(store);
    await store.change({ ...store.project, images: [] });
    expect(await store.picture(image)).toBeUndefined();
    const database = await openDB(LABELS);
    expect(await database.count("pictures")).toBe(0);
    database.close();
  });

  test("a deleted picture that is brought back is there again with its bytes, for other windows too", async () => {
    const store = await open();
    const image = await labeled(store);
    const before = store.project;
    const bytes = (await store.picture(image)) as Blob;
    await store.change({ ...before, images: [] });
    store.bringBack(image, bytes);
    expect(await store.change(before)).toBe(true);
    const other = await open();
    expect(other.project).toEqual(before);
    expect(new Uint8Array((await (await other.picture(image))?.arrayBuffer()) as ArrayBuffer)).toEqual(
      Uint8Array.of(1),
    );
  });

  test("at any moment, all of it that was said to be", async () => {
    const store = await open();
    await labeled(store);
    const said = new Set<string>();
    const changes: Promise<void>[] = [];
    for (let i = 0; i < 60; i++) {
      const image = imageOf(store);
      const objects = [...image.objects, object(`${i}`)];
      changes.push(
        store
          .change(withImage(store.project, { ...image, objects }))
          .then((isKept) => void (isKept && said.add(`${i}`))),
      );
      if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, i % 5));
      // as if the page ended here: what another finds is all there is
      const kept = new Set(idsIn(await onDisk()));
      for (const id of said) expect(kept).toContain(id);
    }
    await Promise.all(changes);
    expect(said.size).toBe(60);
  });
});

describe("two windows", () => {
  test("each sees what the other keeps, and is told", async () => {
    const [one, two] = [await open(), await open()];
    const seen = new Promise<Project>((resolve) =>
      two.listen({ changed: resolve, trouble: () => undefined, fileOf: () => undefined }),
    );
    const image = await labeled(one);
    expect((await seen).images[0]?.name).toBe("1.jpg");
    await expect.poll(() => two.project).toEqual(one.project);
    expect(await (await two.picture(image))?.text()).toBe("\u0001");
  });

  test.each([1, 2, 3])("200 random steps in each, %d: they are equal at the end, and nothing is lost", async (seed) => {
    await workInTwoWindows([await open(), await open()], seed);
  });

  test("a change that was not kept yet goes together with what the other has kept meanwhile", async () => {
    const [one, two] = [await open(), await open()];
    const image = await labeled(one);
    await two.catchUp();
    const both = [
      one.change(withImage(one.project, { ...image, objects: [...image.objects, object("b")] })),
      two.change(withImage(two.project, { ...image, objects: [...image.objects, object("c")] })),
    ];
    expect(await Promise.all(both)).toEqual([true, true]);
    await Promise.all([one.catchUp(), two.catchUp()]);
    expect([idsIn(one.project), idsIn(two.project)]).toEqual([
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
  });
});

/** A database as version 1 of the page kept it. */
async function openVersion1(blocking: () => void = () => undefined) {
  const database = await openDB(LABELS, 1, {
    upgrade(fresh) {
      for (const name of ["project", "images", "pictures"]) fresh.createObjectStore(name);
    },
    blocking,
  });
  const images = ["x", "y"].map((id) => ({ id, name: "1.jpg", ...SIZE, objects: [object(`${id}1`, "cat")] }));
  await database.put("project", [{ name: "object", colour: "#123456" }], "classes");
  await database.put("project", ["y", "x"], "order");
  await database.put("project", "some", "revision");
  for (const image of images) await database.put("images", image, image.id);
  await database.put("pictures", picture(1), "x");
  return database;
}

/** What becomes of it. */
const MIGRATED = {
  classes: [
    { name: "object", color: "#123456" },
    { name: "cat", color: "#1d6ed8" },
  ],
  images: ["y", "x"].map((id) => ({ id, sha256: null, name: "1.jpg", ...SIZE, objects: [object(`${id}1`, "cat")] })),
};

describe("databases of other versions of the page", () => {
  test("an older one: its labels are there, and its pictures get to be known by their bytes", async () => {
    (await openVersion1()).close();
    const store = await open();
    expect(store.project).toEqual(MIGRATED);
    await expect.poll(() => imageOf(store, 1).sha256).toMatch(/^4bf5/);
    expect(imageOf(store, 0).sha256).toBeNull();
    await expect.poll(() => store.isUnkept).toBe(false);
    expect(await (await store.picture(imageOf(store, 1)))?.text()).toBe("\u0001");
    const database = await openDB(LABELS);
    expect(await database.getAllKeys("pictures")).toEqual([imageOf(store, 1).sha256]);
    database.close();
    // the same picture, opened again, is that one
    expect((await store.addPicture(picture(1), { name: "new.jpg", ...SIZE }, [])).id).toBe("x");
  });

  test("one before pictures were read where they are: labels and pictures are there", async () => {
    const database = await openDB(LABELS, 2, {
      upgrade(fresh) {
        fresh.createObjectStore("log", { keyPath: "at", autoIncrement: true });
        for (const name of ["snapshot", "images", "pictures"]) fresh.createObjectStore(name);
      },
    });
    const image: LabeledImage = { id: "x", sha256: "aa", name: "1.jpg", ...SIZE, objects: [object("x1")] };
    await database.put("images", image, "x");
    await database.put("snapshot", { at: 0, classes: EMPTY_PROJECT.classes, images: ["x"] }, "snapshot");
    await database.put("pictures", { bytes: await picture(1).arrayBuffer(), type: "image/png" }, "aa");
    database.close();
    const store = await open();
    expect(store.project.images).toEqual([image]);
    expect(await (await store.picture(image))?.text()).toBe("\u0001");
  });

  test("an older window that stays open: it goes on in memory, and keeps all of it once that window is closed", async () => {
    const old = await openVersion1();
    const store = await open(PATIENCE);
    expect(store.trouble?.kind).toBe("older window");
    const image = await store.addPicture(picture(7), { name: "7.jpg", ...SIZE }, []);
    expect(await store.change(withImage(store.project, { ...image, objects: [object("new")] }))).toBe(false);
    expect(await (await store.picture(image))?.text()).toBe("\u0007");
    const changed = new Promise((resolve) =>
      store.listen({ changed: resolve, trouble: () => undefined, fileOf: () => undefined }),
    );
    old.close();
    await changed;
    expect(store.trouble).toBeNull();
    await expect.poll(() => store.isUnkept).toBe(false);
    expect(idsIn(await onDisk())).toEqual(["new", "x1", "y1"]);
    expect((await onDisk()).classes).toEqual(MIGRATED.classes);
  });

  test("a newer one: it says so, and goes on in memory", async () => {
    (await openDB(LABELS, 99)).close();
    const store = await open();
    expect(store.trouble?.kind).toBe("newer window");
    await store.addPicture(picture(1), { name: "1.jpg", ...SIZE }, []);
    expect(store.project.images).toHaveLength(1);
  });

  test("a newer page in another window is let in; what was being kept is kept", async () => {
    const store = await open();
    const image = await labeled(store);
    const isKept = store.change(withImage(store.project, { ...image, objects: [object("a"), object("b")] }));
    await new Promise((resolve) => setTimeout(resolve));
    const newer = await openDB(LABELS, 99);
    await expect.poll(() => store.trouble?.kind).toBe("newer window");
    if (await isKept) expect(await newer.count("log")).toBe(3);
    newer.close();
    // it goes on in memory
    expect(await store.change(withImage(store.project, { ...image, objects: [] }))).toBe(false);
    expect([store.isUnkept, idsIn(store.project)]).toEqual([true, []]);
  });
});

test("what is deleted while the page is open is said to be that, and goes on in memory", async () => {
  const store = await open();
  await labeled(store);
  await deleteDB(LABELS);
  await expect.poll(() => store.trouble?.kind).toBe("closed");
  expect(idsIn(store.project)).toEqual(["a"]);
});

describe("where the browser keeps nothing", () => {
  const refusal = (): never => {
    throw new DOMException("The operation is insecure.", "SecurityError");
  };

  test.each<[string, () => unknown]>([
    ["no IndexedDB", () => undefined],
    ["IndexedDB refuses", () => ({ open: refusal })],
    ["IndexedDB never answers", () => ({ open: () => ({ addEventListener: () => undefined }) })],
    [
      "IndexedDB cannot be opened",
      () => {
        const factory = new IDBFactory();
        factory.open = (name: string) => IDBFactory.prototype.open.call(new IDBFactory(), name, -1);
        return factory;
      },
    ],
  ])("%s: pictures and labels are in memory", async (_, factory) => {
    globalThis.indexedDB = factory() as IDBFactory;
    const store = await open(PATIENCE);
    expect(store.trouble).toMatchObject({ kind: "no storage" });
    const image = await store.addPicture(picture(1), { name: "1.jpg", ...SIZE }, []);
    expect(await store.change(withImage(store.project, { ...image, objects: [object("a")] }))).toBe(false);
    expect([idsIn(store.project), store.isUnkept]).toEqual([["a"], true]);
    expect(await (await store.picture(image))?.text()).toBe("\u0001");
    expect((await store.addPicture(picture(1), { name: "2.jpg", ...SIZE }, [])).objects).toHaveLength(1);
  });
});

test("where no Blob is kept, as in private windows of Safari: in step and there after a reload, but not kept", async () => {
  const { put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function (this: IDBObjectStore, value, key) {
    if (!(value instanceof Blob)) return put.call(this, value, key);
    throw new DOMException("Error preparing Blob/File data to be stored in object store", "UnknownError");
  };
  try {
    const store = await open();
    expect(store.trouble).toMatchObject({ kind: "no storage" });
    const image = await store.addPicture(picture(1), { name: "1.jpg", ...SIZE }, []);
    expect(await store.change(withImage(store.project, { ...image, objects: [object("a")] }))).toBe(false);
    expect([store.isUnkept, store.trouble?.kind]).toEqual([false, "no storage"]);
    const again = await open();
    expect(idsIn(again.project)).toEqual(["a"]);
    expect(await (await again.picture(image))?.text()).toBe("\u0001");
  } finally {
    IDBObjectStore.prototype.put = put;
  }
});

describe("the quota is reached", () => {
  const { add, put } = IDBObjectStore.prototype;
  afterEach(() => Object.assign(IDBObjectStore.prototype, { add, put }));

  /** From now on there is no room for what `isRefused` says. */
  function fill(isRefused: (store: string) => boolean): void {
    const full = (write: typeof put) =>
      function (this: IDBObjectStore, ...given: Parameters<typeof put>) {
        if (isRefused(this.name)) throw new DOMException("no room", "QuotaExceededError");
        return write.apply(this, given);
      };
    Object.assign(IDBObjectStore.prototype, { add: full(add as typeof put), put: full(put) });
  }

  test("by a picture: its labels are kept, it is in memory, and is kept once another is deleted", async () => {
    const store = await open();
    const image = await labeled(store);
    fill((name) => name === "pictures");
    const large = await store.addPicture(picture(2), { name: "2.jpg", ...SIZE }, []);
    expect(await store.change(withImage(store.project, { ...large, objects: [object("b")] }))).toBe(false);
    expect(store.trouble?.kind).toBe("full");
    expect(await (await store.picture(large))?.text()).toBe("\u0002");
    expect(idsIn(await onDisk())).toEqual(["a", "b"]);
    Object.assign(IDBObjectStore.prototype, { add, put });
    const { classes, images } = store.project;
    expect(await store.change({ classes, images: images.filter(({ id }) => id !== image.id) })).toBe(true);
    expect([store.trouble, store.isUnkept]).toEqual([null, false]);
    expect(await (await (await open()).picture(large))?.text()).toBe("\u0002");
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])("at write %d of a session: what was said to be kept is", async (first) => {
    let writes = 0;
    fill(() => writes++ >= first);
    const store = await open();
    const said: string[] = [];
    for (let i = 0; i < 4; i++) {
      const image = await store.addPicture(picture(i), { name: `${i}.jpg`, ...SIZE }, []);
      const wanted = withImage(store.project, { ...image, objects: [object(`${i}`)] });
      if (await store.change(wanted)) said.push(...idsIn(wanted));
      const kept = idsIn(await onDisk());
      for (const id of said) expect(kept).toContain(id);
    }
    expect(idsIn(store.project)).toEqual(["0", "1", "2", "3"]);
    expect(store.trouble).toMatchObject({ kind: "full" });
    // with room again, the next change keeps all
    Object.assign(IDBObjectStore.prototype, { add, put });
    await store.change({ ...store.project, images: store.project.images.slice(1) });
    expect(await onDisk()).toEqual(store.project);
    expect(store.trouble).toBeNull();
  });
});

test("nothing is kept of a window in which nothing was done", async () => {
  await open();
  expect(await onDisk()).toEqual(EMPTY_PROJECT);
  expect(NOTHING_KEPT.project).toBe(EMPTY_PROJECT);
});
