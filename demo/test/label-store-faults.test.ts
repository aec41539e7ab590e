/** Pictures are where their labels are, whatever fails while they are added, deleted, and brought back. */
import "fake-indexeddb/auto";
import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { openDB } from "idb";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type LabeledImage, type Project, withImage } from "../src/labels/annotations.ts";
import { LABELS } from "../src/storage/label-log.ts";
import { LabelStore } from "../src/storage/label-store.ts";
import { object, SIZE } from "./two-windows.ts";

const picture = (...bytes: number[]): Blob => new Blob([Uint8Array.from(bytes)], { type: "image/png" });
let opened: LabelStore[] = [];
async function open(): Promise<LabelStore> {
  const store = await LabelStore.open(10_000);
  opened.push(store);
  return store;
}

const { add, get, getKey, put } = IDBObjectStore.prototype;
beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});
afterEach(async () => {
  Object.assign(IDBObjectStore.prototype, { add, get, getKey, put });
  await Promise.all(opened.map((store) => store.close()));
  opened = [];
});

/** From now on, what is asked of the storage fails as this says. */
function failing(fault: (store: string, method: string, given: readonly unknown[]) => DOMException | null): void {
  const wrapped = Object.entries({ add, get, getKey, put }).map(([method, own]) => [
    method,
    function (this: IDBObjectStore, ...given: unknown[]) {
      const error = fault(this.name, method, given);
      if (error) throw error;
      return (own as (...all: unknown[]) => unknown).apply(this, given);
    },
  ]);
  Object.assign(IDBObjectStore.prototype, Object.fromEntries(wrapped));
}
const mended = (): void => void Object.assign(IDBObjectStore.prototype, { add, get, getKey, put });

const without = ({ classes, images }: Project, id: string): Project => ({
  classes,
  images: images.filter((each) => each.id !== id),
});

/** Every image has its picture: those bytes that it is known by. */
async function expectPictures(store: LabelStore): Promise<void> {
  for (const image of store.project.images) {
    const bytes = await (await store.picture(image))?.arrayBuffer();
    const sha256 = bytes && createHash("sha256").update(new Uint8Array(bytes)).digest("hex");
    expect(sha256, `the picture of ${image.name}`).toBe(image.sha256);
  }
}

describe("a picture is added", () => {
  test("twice at once: there is one image, and its bytes", async () => {
    const store = await open();
    const both = ["1.png", "2.png"].map((name) => store.addPicture(picture(1), { name, ...SIZE }, []));
    const [first, second] = await Promise.all(both);
    expect(second).toEqual(first);
    expect(await store.change(store.project)).toBe(true);
    expect(store.project.images).toHaveLength(1);
    await expectPictures(await open());
  });

  test("while it is deleted: it is there, with its bytes", async () => {
    const store = await open();
    const { id } = await store.addPicture(picture(1), { name: "1.png", ...SIZE }, []);
    await store.change(store.project);
    // what is asked of the storage now waits behind this
    const database = await openDB(LABELS);
    const held = database.transaction(["log", "snapshot", "images", "pictures"], "readwrite");
    let isHeld = true;
    const holding = (async () => {
      while (isHeld) await held.objectStore("log").count();
    })();
    const adding = store.addPicture(picture(1), { name: "1.png", ...SIZE }, []);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const deleting = store.change(without(store.project, id));
    isHeld = false;
    await Promise.all([holding, adding, deleting]);
    database.close();
    await store.change(store.project);
    await expectPictures(store);
    await expectPictures(await open());
  });

  test("when the storage cannot be read: it is in memory, and is kept once it can", async () => {
    const store = await open();
    await store.addPicture(picture(1), { name: "1.png", ...SIZE }, []);
    await store.change(store.project);
    failing((name) => (name === "pictures" ? new DOMException("the disk is broken", "UnknownError") : null));
    const image = await store.addPicture(picture(2), { name: "2.png", ...SIZE }, []);
    expect(await store.change(withImage(store.project, { ...image, objects: [object("a")] }))).toBe(false);
    expect(store.trouble?.kind).toBe("failed");
    expect(await (await store.picture(image))?.text()).toBe("\u0002");
    mended();
    expect(await store.change({ ...store.project })).toBe(true);
    expect(store.trouble).toBeNull();
    await expectPictures(await open());
  });
});

test("of many pictures, only the one for which there is no room is not kept", async () => {
  const store = await open();
  const large = createHash("sha256").update(Uint8Array.of(5)).digest("hex");
  failing((name, method, [, key]) => {
    const isLarge = name === "pictures" && method === "put" && key === large;
    return isLarge ? new DOMException("no room", "QuotaExceededError") : null;
  });
  await Promise.all(
    Array.from({ length: 8 }, (_, i) => store.addPicture(picture(i), { name: `${i}.png`, ...SIZE }, [])),
  );
  expect(await store.change(store.project)).toBe(false);
  expect(store.trouble?.kind).toBe("full");
  const database = await openDB(LABELS);
  expect([await database.count("pictures"), await database.count("pictures", large)]).toEqual([7, 0]);
  database.close();
  await expectPictures(store);
});

test("a picture whose file is changed on the disk before it is kept keeps nothing else from being kept", async () => {
  const store = await open();
  const folder = await mkdtemp(join(tmpdir(), "labels-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "1.png");
  await writeFile(path, Uint8Array.of(1));
  const file = await openAsBlob(path, { type: "image/png" });
  const image = await store.addPicture(file, { name: "1.png", ...SIZE }, []);
  const labeled = withImage(store.project, { ...image, objects: [object("a")] });
  await store.change(labeled);
  await store.change(without(store.project, image.id));
  await writeFile(path, Uint8Array.of(1, 2, 3));
  store.bringBack(image, file);
  void store.change(labeled);
  const other = await store.addPicture(picture(2), { name: "2.png", ...SIZE }, []);
  expect(await store.change(store.project)).toBe(true);
  expect([store.trouble, store.isUnkept]).toEqual([null, false]);
  const later = await open();
  expect(later.project.images.map(({ name, objects }) => [name, objects.length])).toEqual([
    ["1.png", 1],
    ["2.png", 0],
  ]);
  expect([await later.picture(image), await (await later.picture(other))?.text()]).toEqual([undefined, "\u0002"]);
  // its labels wait for it
  expect((await later.addPicture(picture(1), { name: "1.png", ...SIZE }, [])).id).toBe(image.id);
  await later.change(later.project);
  await expectPictures(later);
});

test("a picture that one window deletes while another labels it is there, with its bytes", async () => {
  const [one, two] = [await open(), await open()];
  const image = await one.addPicture(picture(1), { name: "1.png", ...SIZE }, []);
  await one.change(one.project);
  await two.catchUp();
  const there = (await two.picture(image)) as Blob;
  two.listen({ changed: () => undefined, trouble: () => undefined, fileOf: () => there });
  await Promise.all([
    one.change(without(one.project, image.id)),
    two.change(withImage(two.project, { ...image, objects: [object("a")] })),
  ]);
  await Promise.all([one.catchUp(), two.catchUp()]);
  expect(one.project.images).toHaveLength(1);
  await two.change(two.project);
  await expectPictures(await open());
});

/** A window of a person who adds, labels and deletes pictures, and brings them back. */
class Person {
  readonly #store: LabelStore;
  /** Files of pictures that are deleted, or were looked at, by image. */
  readonly #files = new Map<string, Blob>();
  readonly #gone: LabeledImage[] = [];

  constructor(store: LabelStore) {
    this.#store = store;
    store.listen({
      changed: () => undefined,
      trouble: () => undefined,
      fileOf: ({ id }) => this.#files.get(id),
    });
  }

  async step(random: (below: number) => number, name: string): Promise<unknown> {
    const store = this.#store;
    const { images } = store.project;
    const image = images[random(Math.max(images.length, 1))];
    const kind = random(6);
    if (!image || kind < 2) return store.addPicture(picture(random(6), 0), { name: "a.png", ...SIZE }, []);
    if (kind === 3 && this.#gone.length > 0) {
      const back = this.#gone.shift() as LabeledImage;
      if (store.project.images.some(({ id }) => id === back.id)) return;
      store.bringBack(back, this.#files.get(back.id) as Blob);
      return store.change(withImage(store.project, back));
    }
    const file = await store.picture(image).catch(() => undefined);
    const now = store.project.images.find(({ id }) => id === image.id);
    if (!file || !now) return;
    this.#files.set(image.id, file);
    if (kind !== 2) return store.change(withImage(store.project, { ...now, objects: [...now.objects, object(name)] }));
    this.#gone.push(now);
    return store.change(without(store.project, image.id));
  }
}

test.each(Array.from({ length: 16 }, (_, i) => [1 + (i % 2), i + 1] as const))(
  "%d windows, random steps while the storage fails at random, %d: each picture is there, and all is kept in the end",
  async (count, seed) => {
    let state = seed;
    const random = (below: number): number => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const stores = [await open(), ...(count === 2 ? [await open()] : [])];
    const people = stores.map((store) => new Person(store));
    failing(() => {
      if (random(12) > 0) return null;
      return new DOMException("no", random(2) === 0 ? "QuotaExceededError" : "UnknownError");
    });
    const running: Promise<unknown>[] = [];
    for (let step = 0; step < 120; step++) {
      running.push((people[random(count)] as Person).step(random, `${step}`));
      if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(3)));
    }
    await Promise.all(running);
    mended();
    for (const store of stores) {
      // room is looked for again when a picture is deleted
      const extra = await store.addPicture(picture(9, 9), { name: "extra.png", ...SIZE }, []);
      expect(await store.change(without(store.project, extra.id))).toBe(true);
    }
    for (const store of stores) await store.catchUp();
    for (const store of stores) {
      await store.change(store.project);
      await store.catchUp();
      expect([store.trouble, store.isUnkept]).toEqual([null, false]);
    }
    const other = await open();
    for (const store of [...stores, other]) {
      expect(store.project).toEqual(other.project);
      await expectPictures(store);
    }
  },
);
