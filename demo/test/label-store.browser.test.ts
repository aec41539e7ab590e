/** The labels' storage on a browser's own IndexedDB: what Node cannot show. */
import { deleteDB } from "idb";
import { afterEach, expect, test } from "vitest";
import { type LabeledObject, withImage } from "../src/labels/annotations.ts";
import { LABELS } from "../src/storage/label-log.ts";
import { LabelStore } from "../src/storage/label-store.ts";
import { workInTwoWindows } from "./two-windows.ts";

let opened: LabelStore[] = [];
async function open(): Promise<LabelStore> {
  const store = await LabelStore.open(20_000);
  opened.push(store);
  return store;
}
afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()));
  opened = [];
  await deleteDB(LABELS);
});

test.each([1, 2])(
  "two windows, 200 random steps in each, %d: they are equal at the end, and nothing is lost",
  async (seed) => {
    await workInTwoWindows([await open(), await open()], seed);
    const { project } = opened[0] as LabelStore;
    expect((await open()).project).toEqual(project);
  },
);

test("pictures of any size come back as they were; the browser is asked to protect what is kept", async () => {
  let asked = 0;
  navigator.storage.persist = async () => {
    asked++;
    return true;
  };
  const store = await open();
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const large = new Blob(
    Array.from({ length: 200 }, () => bytes),
    { type: "image/jpeg" },
  );
  const image = await store.addPicture(large, { name: "a.jpg", width: 2, height: 2 }, []);
  expect([await store.change(store.project), asked]).toEqual([true, 0]);
  const object: LabeledObject = {
    id: "a",
    className: "object",
    rle: { size: [2, 2], counts: "04" },
    name: "",
    hidden: false,
    locked: false,
  };
  await store.change(withImage(store.project, { ...image, objects: [object] }));
  await expect.poll(() => asked).toBe(1);
  const again = await (await open()).picture(image);
  expect([again?.size, again?.type]).toEqual([large.size, "image/jpeg"]);
  expect(new Uint8Array((await again?.slice(-60_000).arrayBuffer()) as ArrayBuffer)).toEqual(bytes);
});

test("a folder's handle is kept; the next visit reads its files where they are", async () => {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("street", { create: true });
  const written = await (await folder.getFileHandle("1.png", { create: true })).createWritable();
  await written.write("one");
  await written.close();
  const file = await (await folder.getFileHandle("1.png")).getFile();
  const store = await open();
  const id = (await store.keepFolder(folder, false)) as string;
  expect(await store.keepFolder(await root.getDirectoryHandle("street"), false)).toBe(id);
  const facts = { name: "1.png", width: 2, height: 2 };
  const image = await store.addPicture(file, facts, [], { folder: id, path: "1.png" });
  expect(await store.change(store.project)).toBe(true);
  const again = await open();
  expect(await again.closedFolders()).toEqual([]);
  expect(await (await again.picture(image))?.text()).toBe("one");
  await folder.removeEntry("1.png");
  expect(await again.picture(image)).toBeUndefined();
});
