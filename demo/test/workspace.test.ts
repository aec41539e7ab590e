/** The workspace without a page: prompts, answers, objects, and one history for all of it. */
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import type { SegmenterImage, SegmentPrompt } from "sam2-web";
import { beforeEach, describe, expect, test } from "vitest";
import { LabelStore } from "../src/storage/label-store.ts";
import type { Model } from "../src/workspace/sight.ts";
import { objectsOf } from "../src/workspace/state.ts";
import { Workspace } from "../src/workspace/workspace.ts";

/** Pixels of every picture. */
const SIZE = { width: 40, height: 30 };

/** An answer that has not come yet. */
interface Asked {
  readonly image: SegmenterImage;
  readonly prompt: SegmentPrompt;
  answer(score?: number): void;
  fail(error: Error): void;
}

/** A model whose answers a test gives. */
class FakeModel {
  readonly asked: Asked[] = [];
  readonly encoded: Blob[] = [];
  readonly released: Blob[] = [];
  isDisposed = false;
  /** Holds encodings back until it is called. */
  gate: Promise<void> = Promise.resolve();

  as(): Model {
    return this as unknown as Model;
  }

  readonly device = { encoder: "wasm", threads: 1, reason: "a test" };
  readonly model = { id: "fake", maskSize: 4 };

  async setImage(picture: Blob): Promise<SegmenterImage> {
    await this.gate;
    this.encoded.push(picture);
    return {
      ...SIZE,
      id: String(this.encoded.length),
      timings: { encode: 1, preprocess: 1 },
      quality: "full",
      refined: Promise.resolve(),
      release: async () => void this.released.push(picture),
    } as unknown as SegmenterImage;
  }

  segment({ image, ...prompt }: { image: SegmenterImage } & SegmentPrompt): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const answer = (score = 0.9): void => {
        const logits = { data: Float32Array.from({ length: 48 }, (_, i) => (i % 2 ? 1 : -1)), dims: [1, 3, 4, 4] };
        const mask = { ...SIZE, data: new Uint8Array(SIZE.width * SIZE.height).fill(1, 0, 10) };
        resolve({
          ...SIZE,
          scores: { data: Float32Array.from([score, 0.5, 0.1]), dims: [1, 3] },
          settledLogits: logits,
          logits,
          decodeTime: 1,
          mask: () => mask,
          maskInput: (index = 0) => ({ data: Float32Array.from([score, index]), dims: [1, 1, 1, 2] }),
        });
      };
      this.asked.push({ image, prompt, answer, fail: reject });
    });
  }

  async dispose(): Promise<void> {
    this.isDisposed = true;
  }
}

/** A picture with bytes of its own. */
const picture = (name: string): { name: string; blob: Blob } => ({
  name,
  blob: new Blob([name], { type: "image/png" }),
});

/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

let models: FakeModel[];
let workspace: Workspace;
const model = (): FakeModel => models.at(-1) as FakeModel;
const last = (): Asked => model().asked.at(-1) as Asked;
const state = () => workspace.state.get();
const classesOf = (): string[] => objectsOf(state()).map(({ className }) => className);
const names = (): string[] => state().project.images.map(({ name }) => name);

async function create(): Promise<Workspace> {
  return new Workspace({
    store: await LabelStore.open(),
    measure: async (blob) => {
      if ((await blob.text()) === "broken") throw new Error("expected a picture");
      return SIZE;
    },
    openModel: async () => {
      models.push(new FakeModel());
      return model().as();
    },
    models: [
      { name: "one", title: "One", details: "", source: "one" },
      { name: "two", title: "Two", details: "", source: "two" },
    ],
    files: {} as never,
    surroundings: { isSparing: async () => false },
  });
}

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  models = [];
  workspace = await create();
  workspace.models.choose("one");
  await workspace.set.add([picture("a"), picture("b")]);
  await settle();
});

/** Clicks, and answers. */
async function click(x = 5, y = 5): Promise<void> {
  workspace.addPoint(x, y, true);
  last().answer();
  await settle();
}

async function keep(x?: number): Promise<void> {
  await click(x);
  workspace.keep();
  await settle();
}

describe("what is asked", () => {
  test("marks are answered; another candidate is what the next click refines", async () => {
    await click();
    expect(state().answer?.result.scores.data[0]).toBeCloseTo(0.9);
    workspace.choose(2);
    workspace.addPoint(6, 6, false);
    expect(last().prompt).toMatchObject({
      point_coords: [
        [5, 5],
        [6, 6],
      ],
      point_labels: [1, 0],
    });
    expect((last().prompt.mask_input as { data: Float32Array }).data[1]).toBe(2);
  });

  const LATE: readonly (readonly [string, (asked: Asked) => void])[] = [
    ["answer", (asked) => asked.answer()],
    ["error", (asked) => asked.fail(new Error("the image is no longer kept"))],
  ];
  const CHANGES: readonly (readonly [string, () => void])[] = [
    ["another picture", () => workspace.set.step(1)],
    ["another model", () => workspace.models.choose("two")],
    ["a picture that is added", () => void workspace.set.add([picture("c")])],
    ["no picture", () => void workspace.set.delete(state().project.images)],
  ];
  test.each(CHANGES.flatMap(([change, act]) => LATE.map(([late, end]) => [change, late, act, end] as const)))(
    "%s while a click is pending: its late %s is dropped without a word",
    async (_change, _late, act, end) => {
      workspace.addPoint(5, 5, true);
      const pending = last();
      act();
      await settle();
      const before = state();
      end(pending);
      await settle();
      expect(state().error).toBeNull();
      expect(state().answer).toBe(before.answer);
    },
  );

  test("a newer click's answer is the one shown, whichever comes first", async () => {
    workspace.addPoint(5, 5, true);
    const first = last();
    workspace.addPoint(6, 6, true);
    last().answer(0.7);
    await settle();
    first.answer(0.2);
    await settle();
    expect(state().answer?.result.scores.data[0]).toBeCloseTo(0.7);
  });

  test("the marks are asked again of a new model; the old one is disposed of, and its late answer dropped", async () => {
    await click();
    workspace.models.choose("two");
    await settle();
    expect(models[0]?.isDisposed).toBe(true);
    expect(model().asked).toHaveLength(1);
    last().answer(0.4);
    await settle();
    expect(state().answer?.result.scores.data[0]).toBeCloseTo(0.4);
  });

  test("a picture that is left while it is encoded is not shown as encoded", async () => {
    let open: () => void = () => undefined;
    model().gate = new Promise((resolve) => {
      open = resolve;
    });
    await workspace.set.add([picture("c")]);
    workspace.set.step(-1);
    await settle();
    expect([state().isLooking, state().size]).toEqual([true, null]);
    open();
    await settle();
    expect([state().isLooking, state().size]).toEqual([false, SIZE]);
    await click();
    const asked = model().encoded[Number(last().image.id) - 1];
    expect(await asked?.text()).toBe("b");
  });

  test("neighbors are encoded ahead, and no more than they", async () => {
    await workspace.set.add(["c", "d", "e"].map(picture));
    await settle();
    for (const _ of "abc") {
      workspace.set.step(1);
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    const held = model().encoded.length - model().released.length;
    expect(held).toBeLessThanOrEqual(3);
    expect(await Promise.all(model().encoded.map((blob) => blob.text()))).toContain("e");
  });

  test("keeping before the answer is there keeps it when it comes", async () => {
    workspace.addPoint(5, 5, true);
    workspace.keep();
    expect(classesOf()).toEqual([]);
    last().answer();
    await settle();
    expect(classesOf()).toEqual(["object"]);
    expect(state().marks.points).toEqual([]);
  });

  test("a point outside of the picture is none, and a box is cut to it", () => {
    workspace.addPoint(-1, 5, true);
    workspace.addPoint(5, SIZE.height, true);
    expect(state().marks.points).toEqual([]);
    workspace.drawBox([30, 20, 100, -5]);
    expect(state().marks.box).toEqual([30, 0, 40, 20]);
  });
});

describe("one history", () => {
  /** Each changes something; undone, all is as before, and redone, as after. */
  const STEPS: readonly (readonly [string, () => void | Promise<void>])[] = [
    ["keep", () => keep()],
    ["a class added", () => workspace.set.chooseClass("wheel")],
    ["a class renamed", () => workspace.set.renameClass("object", "thing")],
    ["a class recolored", () => workspace.set.recolorClass("object", "#123456")],
    ["an object renamed", () => workspace.set.changeObject(first(), { name: "roof" }, "Name", "named")],
    ["an object hidden", () => workspace.set.changeObject(first(), { hidden: true }, "Hide", "hidden")],
    ["an object deleted", () => workspace.set.deleteObject(first())],
    ["objects in another order", () => workspace.set.moveObject(first(), 1)],
    ["a picture deleted", () => workspace.deletePicture()],
    ["all pictures deleted", () => workspace.set.delete(state().project.images)],
  ];
  const first = (): string => objectsOf(state())[0]?.id ?? "";

  test.each(STEPS)("%s is undone and redone", async (_, step) => {
    await keep(3);
    await keep(7);
    const before = state().project;
    await step();
    await settle();
    const after = state().project;
    expect(after).not.toEqual(before);
    workspace.set.undo();
    await settle();
    if (state().marks.points.length > 0) workspace.set.undo();
    expect(state().project).toEqual(before);
    workspace.set.redo();
    await settle();
    if (state().redoable !== null) workspace.set.redo();
    await settle();
    expect(state().project).toEqual(after);
  });

  test("a deleted picture comes back with its file, its labels, and is open", async () => {
    await keep();
    const { current } = state();
    workspace.deletePicture();
    await settle();
    expect(names()).toEqual(["b"]);
    workspace.set.undo();
    await settle();
    expect([names(), state().current, classesOf()]).toEqual([["a", "b"], current, ["object"]]);
    expect(await (await workspace.set.pictureOf(current as string))?.text()).toBe("a");
    // the file is kept again, not only in this window
    const kept = async (): Promise<string | undefined> =>
      (await (await create()).set.pictureOf(current as string))?.text();
    await expect.poll(kept).toBe("a");
  });

  test("a step of another picture opens that picture", async () => {
    await keep();
    const { current } = state();
    workspace.set.step(1);
    await settle();
    expect(state().current).not.toBe(current);
    workspace.set.undo();
    await settle();
    expect([state().current, classesOf(), state().marks.points.length]).toEqual([current, [], 1]);
  });

  test("marks of a picture that was left are no steps; pictures that were added since stay", async () => {
    await keep();
    await click();
    workspace.set.step(1);
    await settle();
    await workspace.set.add([picture("c")]);
    workspace.set.undo();
    await settle();
    expect([names(), classesOf()]).toEqual([["a", "b", "c"], []]);
  });

  test("a new step forgets what was undone", async () => {
    await keep(3);
    workspace.set.undo();
    expect(state().redoable).toBe("Keep object");
    workspace.set.chooseClass("wheel");
    expect(state().redoable).toBeNull();
  });
});

describe("objects and classes", () => {
  test("a locked object is not deleted, and not edited", async () => {
    await keep();
    const id = objectsOf(state())[0]?.id ?? "";
    workspace.select(id);
    workspace.chooseTool("paint");
    expect(state().tool).toBe("paint");
    workspace.set.changeObject(id, { locked: true }, "Lock", "locked");
    workspace.set.deleteObject(id);
    expect(objectsOf(state())).toHaveLength(1);
    workspace.brush({ points: [{ x: 20, y: 20 }], radius: 3, erase: false });
    expect(state().undoable).toBe("Lock");
  });

  test("a class with objects is not deleted, nor is the last one", async () => {
    await keep();
    workspace.set.deleteClass("object");
    expect(state().error).toBeNull();
    workspace.set.chooseClass("wheel");
    workspace.set.deleteClass("object");
    expect(state().error).toContain("1 object is of the class object");
    expect(state().project.classes.map(({ name }) => name)).toEqual(["object", "wheel"]);
  });

  test("joining classes waits for the person", async () => {
    await keep();
    workspace.set.chooseClass("wheel");
    const joining = workspace.set.renameClass("object", "wheel");
    expect(state().question).toEqual({ kind: "join classes", from: "object", to: "wheel" });
    workspace.notices.answer(null);
    await joining;
    expect(classesOf()).toEqual(["object"]);
    const again = workspace.set.renameClass("object", "wheel");
    workspace.notices.answer("join");
    await again;
    expect(classesOf()).toEqual(["wheel"]);
  });
});

test("of many files, those that cannot be opened are named, with the reason; the others are there", async () => {
  await workspace.set.add([picture("broken"), picture("c"), { name: "d", blob: new Blob(["broken"]) }]);
  expect(names()).toEqual(["a", "b", "c"]);
  expect(state().error).toContain("Not opened: broken: expected a picture; d: expected a picture");
});

test("of two pictures opened at once the later is shown", async () => {
  const [a, b] = state().project.images.map(({ id }) => id) as [string, string];
  await Promise.all([workspace.set.open(b), workspace.set.open(a), workspace.set.open(b), workspace.set.open(a)]);
  expect(state().current).toBe(a);
});

test("a sample on the welcome becomes a picture of the set with the first mark on it", async () => {
  globalThis.indexedDB = new IDBFactory();
  workspace = await create();
  workspace.models.choose("one");
  workspace.showSample(picture("truck"));
  await settle();
  expect([names(), state().current]).toEqual([[], null]);
  workspace.addPoint(5, 5, true);
  await settle();
  expect(names()).toEqual(["truck"]);
  expect(model().encoded).toHaveLength(1);
  last().answer();
  await settle();
  expect(state().answer).not.toBeNull();
});
