/** What two windows do at once, and what must hold then; with any IndexedDB. */
import { expect } from "vitest";
import { type LabeledObject, type Project, withClass, withImage } from "../src/labels/annotations.ts";
import type { LabelStore } from "../src/storage/label-store.ts";

const STEPS = 200;
/** Of pictures that are none. */
export const SIZE = { width: 2, height: 2 };

/** An object with one pixel. */
export const object = (id: string): LabeledObject => ({
  id,
  className: "object",
  rle: { size: [2, 2], counts: "04" },
  name: "",
  hidden: false,
  locked: false,
});
const idsIn = ({ images }: Project): string[] => images.flatMap(({ objects }) => objects.map(({ id }) => id));

/** 200 random steps in each window, in any order, without waiting for each other. */
export async function workInTwoWindows(windows: readonly [LabelStore, LabelStore], seed: number): Promise<void> {
  const [added, deleted] = [new Set<string>(), new Set<string>()];
  let state = seed;
  const random = (below: number): number => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };

  const step = async (store: LabelStore, name: string): Promise<unknown> => {
    const { images } = store.project;
    const image = images[random(Math.max(images.length, 1))];
    const chosen = image?.objects[random(Math.max(image.objects.length, 1))];
    const kind = random(10);
    if (!image || kind === 0) {
      return store.addPicture(new Blob([Uint8Array.of(random(6))]), { name: "a.jpg", ...SIZE }, []);
    }
    const become = (objects: readonly LabeledObject[]) => store.change(withImage(store.project, { ...image, objects }));
    if (kind === 1) return store.change(withClass(store.project, `class ${random(5)}`));
    if (kind === 2 && chosen) {
      deleted.add(chosen.id);
      return become(image.objects.filter((each) => each !== chosen));
    }
    if (kind === 3 && chosen) return become(image.objects.map((each) => (each === chosen ? { ...each, name } : each)));
    if (kind === 4) return become([...image.objects].reverse());
    added.add(name);
    return become([...image.objects, object(name)]);
  };

  const running: Promise<unknown>[] = [];
  const left: [number, number] = [STEPS, STEPS];
  while (left[0] + left[1] > 0) {
    const which = random(2) as 0 | 1;
    if (left[which] === 0) continue;
    left[which]--;
    running.push(step(windows[which], `${which}-${left[which]}`));
    if (random(4) === 0) await new Promise((resolve) => setTimeout(resolve, random(3)));
  }
  await Promise.all(running);
  await Promise.all(windows.map((store) => store.change(store.project)));
  await Promise.all(windows.map((store) => store.catchUp()));

  const [{ project }, other] = windows;
  expect(other.project).toEqual(project);
  expect(windows.map(({ isUnkept }) => isUnkept)).toEqual([false, false]);
  const there = idsIn(project);
  expect(new Set(there).size).toBe(there.length);
  for (const id of added) if (!deleted.has(id)) expect(there).toContain(id);
  expect(project.images.some(({ objects }) => objects.some(({ name }) => name !== ""))).toBe(true);
  for (const image of project.images) expect(await other.picture(image)).toBeDefined();
}
