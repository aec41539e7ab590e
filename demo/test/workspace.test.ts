/** The workspace without a page: prompts, answers, objects, and one history for all of it. */
import "fake-indexeddb/auto";
import { openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { openDB } from "idb";
import { digest } from "sam2-core";
import {
  type Detail,
  type DeviceInfo,
  decodeRle,
  encodeRle,
  type Rle,
  rleArea,
  type SegmenterImage,
  type SegmentOptions,
  type SegmentPrompt,
} from "sam2-web";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type LabeledImage, type NamedImage, newObject, type Project } from "../src/labels/annotations.ts";
import type { DetectedImage } from "../src/labels/detections.ts";
import { LABELS } from "../src/storage/label-log.ts";
import { LabelStore } from "../src/storage/label-store.ts";
import { isBestBeside } from "../src/workspace/models.ts";
import type { Measure } from "../src/workspace/picture-set.ts";
import type { Model } from "../src/workspace/sight.ts";
import { imageOf, objectsOf, type Tool } from "../src/workspace/state.ts";
import { Workspace } from "../src/workspace/workspace.ts";

/** Pixels of every picture. */
const SIZE = { width: 40, height: 30 };

/** An answer that has not come yet. */
interface Asked {
  readonly image: SegmenterImage;
  readonly prompt: SegmentPrompt;
  readonly detail: Detail | undefined;
  /**
   * @param isCloser whether the best mask was seen closer
   * @param area how many pixels the mask has, the first ones of the picture: a hundred times the score
   */
  answer(score?: number, isCloser?: boolean, area?: number): void;
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

  segment(
    { image, ...prompt }: { image: SegmenterImage } & SegmentPrompt,
    { detail }: SegmentOptions = {},
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const answer = (score = 0.9, isCloser = false, area = Math.round(100 * score)): void => {
        const logits = { data: Float32Array.from({ length: 48 }, (_, i) => (i % 2 ? 1 : -1)), dims: [1, 3, 4, 4] };
        const mask = { ...SIZE, data: new Uint8Array(SIZE.width * SIZE.height).fill(1, 0, area) };
        resolve({
          ...SIZE,
          scores: { data: Float32Array.from([score, 0.5, 0.1]), dims: [1, 3] },
          settledLogits: logits,
          logits,
          decodeTime: 1,
          closeUps: [isCloser ? { region: [0, 0, 4, 4], logits: new Float32Array(16) } : null],
          mask: () => mask,
          maskInput: (index = 0) => ({ data: Float32Array.from([score, index]), dims: [1, 1, 1, 2] }),
        });
      };
      this.asked.push({ image, prompt, detail, answer, fail: reject });
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

/** Hashes of files that threads of their own are computing: on a busy machine they take longer than any turns of the loop. */
let hashing = 0;
beforeAll(() => {
  const compute = crypto.subtle.digest.bind(crypto.subtle);
  const spy = vi.spyOn(crypto.subtle, "digest").mockImplementation((...what) => {
    hashing++;
    return compute(...what).finally(() => hashing--);
  });
  return () => spy.mockRestore();
});

/** Waits until nothing changes for a while: many turns of the event loop, however slow the machine is. */
const settle = async (): Promise<void> => {
  let before: unknown;
  do {
    before = state();
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      for (let turn = 0; turn < 25; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  } while (state() !== before || hashing > 0);
};

let models: FakeModel[];
let workspace: Workspace;
const model = (): FakeModel => models.at(-1) as FakeModel;
const last = (): Asked => model().asked.at(-1) as Asked;
const state = () => workspace.state.get();
const classesOf = (): string[] => objectsOf(state()).map(({ className }) => className);
const names = (): string[] => state().project.images.map(({ name }) => name);

async function measure(blob: Blob): Promise<typeof SIZE> {
  if ((await blob.text()) === "broken") throw new Error("expected a picture");
  return SIZE;
}

async function create(files = {} as never, measuring: Measure = measure): Promise<Workspace> {
  return new Workspace({
    store: await LabelStore.open(),
    measure: measuring,
    openModel: async () => {
      models.push(new FakeModel());
      return model().as();
    },
    models: [
      { name: "one", title: "One", details: "", source: "one" },
      { name: "two", title: "Two", details: "", source: "two" },
    ],
    files,
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
async function click(x = 5, y = 5, area?: number): Promise<void> {
  workspace.addPoint(x, y, true);
  last().answer(0.9, false, area);
  await settle();
}

async function keep(x?: number, area?: number): Promise<void> {
  await click(x, 5, area);
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
    expect([state().isLooking, state().isEncoded]).toEqual([true, false]);
    open();
    await settle();
    expect([state().isLooking, state().isEncoded]).toEqual([false, true]);
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

  test.each<[string, Tool, Tool, () => void]>([
    ["kept", "remove", "add", () => workspace.keep()],
    ["added to an object", "remove", "add", () => workspace.combine("add")],
    ["taken from an object", "remove", "add", () => workspace.combine("subtract")],
    ["kept", "box", "box", () => workspace.keep()],
    ["cleared", "remove", "remove", () => workspace.escape()],
  ])("once a mask is %s with the tool %s, the tool is %s", async (_, tool, expected, act) => {
    await keep();
    workspace.select(objectsOf(state())[0]?.id ?? null);
    await click();
    workspace.chooseTool(tool);
    act();
    expect(state().tool).toBe(expected);
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

  test("a mask without a pixel is not kept", async () => {
    workspace.addPoint(5, 5, true);
    last().answer(0.1, false, 0);
    await settle();
    workspace.keep();
    await settle();
    expect([classesOf(), state().said, state().marks.points.length]).toEqual([
      [],
      "There is no pixel in this mask.",
      1,
    ]);
  });

  describe("before the picture is encoded", () => {
    let encode: () => void;
    beforeEach(async () => {
      await expect.poll(() => workspace.set.isUnkept).toBe(false);
      workspace = await create();
      await workspace.set.resume();
      workspace.models.choose("one");
      await settle();
      workspace.notices.say("Object 3 is deleted.");
      model().gate = new Promise((resolve) => {
        encode = resolve;
      });
    });
    /** Opens a picture that the model has to encode first. */
    async function look(): Promise<void> {
      await workspace.set.add([picture("c")]);
      await settle();
      expect([state().isLooking, state().isEncoded, state().said]).toEqual([true, false, ""]);
    }

    test.each<[string, () => void, object]>([
      ["a click", () => workspace.addPoint(5, 5, true), { point_coords: [[5, 5]] }],
      ["a box", () => workspace.drawBox([1, 1, 9, 9]), { box: [1, 1, 9, 9] }],
      ["a point at the crosshair", () => workspace.addAtCrosshair(true), { point_coords: [[20, 15]] }],
    ])("%s waits for that, and is then kept if that was asked for", async (_, act, asked) => {
      await look();
      act();
      workspace.keep();
      expect([state().isAsking, classesOf()]).toEqual([true, []]);
      encode();
      await settle();
      expect(last().prompt).toMatchObject(asked);
      last().answer();
      await settle();
      expect([state().isAsking, classesOf()]).toEqual([false, ["object"]]);
    });

    test("a click on a sample waits, too, also for the model", async () => {
      globalThis.indexedDB = new IDBFactory();
      workspace = await create();
      await workspace.showSample(picture("truck"));
      workspace.models.choose("one");
      workspace.addPoint(5, 5, true);
      await settle();
      expect([names(), last().prompt.point_coords]).toEqual([["truck"], [[5, 5]]]);
    });

    test("where that fails, nothing waits any longer", async () => {
      const { setImage } = model();
      model().setImage = async (given) => {
        await setImage.call(model(), given);
        throw new Error("the GPU is lost");
      };
      await look();
      workspace.addPoint(5, 5, true);
      workspace.keep();
      encode();
      await settle();
      expect([state().isAsking, state().error]).toEqual([
        false,
        "the GPU is lost — choose another picture, or reload the page.",
      ]);
      workspace.step(-1);
      await settle();
      expect(imageOf(state())?.name).toBe("b");
    });

    test("by hand, it can be labeled", async () => {
      await look();
      workspace.editing.brush({ points: [{ x: 20, y: 20 }], radius: 3, erase: false });
      expect(classesOf()).toEqual(["object"]);
    });
  });

  describe("between a further click and its answer", () => {
    beforeEach(async () => {
      workspace.editing.outline(
        [
          { x: 0, y: 0 },
          { x: 2, y: 0 },
          { x: 2, y: 30 },
          { x: 0, y: 30 },
        ],
        "add",
      );
      await click();
      workspace.addPoint(9, 9, true);
    });
    const areas = (): number[] => objectsOf(state()).map(({ rle }) => rleArea(rle));

    // two pixels of the mask's 20 are the object's
    test.each<[string, () => void, number[]]>([
      ["add to the object", () => workspace.combine("add"), [78]],
      ["take from the object", () => workspace.combine("subtract"), [58]],
      ["keep", () => workspace.keep(), [60, 20]],
    ])("%s: it is done with that answer", async (_, act, expected) => {
      act();
      expect(areas()).toEqual([60]);
      last().answer(0.2);
      await settle();
      expect([areas(), state().error]).toEqual([expected, null]);
    });

    test("the object that was edited then is added to, whatever is selected since", async () => {
      workspace.combine("subtract");
      workspace.select(null);
      last().answer(0.2);
      await settle();
      expect(areas()).toEqual([58]);
    });

    test("what is saved is that answer", async () => {
      const saved: number[] = [];
      workspace.withAnswer(({ result }) => saved.push(result.scores.data[0] as number));
      expect(saved).toEqual([]);
      last().answer(0.25);
      await settle();
      expect(saved).toEqual([0.25]);
    });

    test("no candidate of the answer before is chosen, nor refined by the next click", async () => {
      workspace.choose(2);
      workspace.chooseNext();
      expect(state().answer?.chosen).toBe(0);
      workspace.addPoint(11, 9, true);
      expect(last().prompt.mask_input).toBeUndefined();
    });

    test("what is looked at closer is that answer", async () => {
      workspace.lookCloser();
      expect(last().detail).toBe("off");
      last().answer(0.2);
      await settle();
      expect(last().detail).toBe("always");
    });
  });

  describe("what comes after keeping, before the answer is there, waits for it", () => {
    beforeEach(() => {
      workspace.addPoint(5, 5, true);
      workspace.keep();
    });

    test("a click is of the next object, which is kept in its turn", async () => {
      const first = last();
      workspace.addPoint(20, 20, true);
      workspace.addPoint(22, 20, false);
      workspace.keep();
      workspace.drawBox([0, 0, 9, 9]);
      expect(model().asked).toHaveLength(1);
      first.answer();
      await settle();
      expect(classesOf()).toEqual(["object"]);
      expect(last().prompt.point_coords).toEqual([
        [20, 20],
        [22, 20],
      ]);
      last().answer();
      await settle();
      expect(classesOf()).toEqual(["object", "object"]);
      expect(state().marks).toEqual({ points: [], box: [0, 0, 9, 9] });
    });

    test("the class is the one that was chosen when it was kept", async () => {
      workspace.set.chooseClass("wheel");
      workspace.addPoint(20, 20, true);
      workspace.keep();
      last().answer();
      await settle();
      last().answer();
      await settle();
      expect(classesOf()).toEqual(["object", "wheel"]);
    });

    test.each<[string, to: string, act: () => void]>([
      ["renamed", "thing", () => void workspace.set.renameClass("object", "thing")],
      [
        "renamed after another was chosen",
        "thing",
        () => {
          workspace.set.chooseClass("wheel");
          void workspace.set.renameClass("object", "thing");
        },
      ],
      [
        "joined with another",
        "wheel",
        () => {
          workspace.set.chooseClass("wheel");
          workspace.set.chooseClass("object");
          void workspace.set.renameClass("object", "wheel");
          workspace.notices.answer("join");
        },
      ],
    ])("its class is %s meanwhile: it is of the class %s", async (_, to, act) => {
      act();
      last().answer();
      await settle();
      expect(classesOf()).toEqual([to]);
      expect(state().project.classes.map(({ name }) => name)).not.toContain("object");
    });

    /** The names of all pictures, with what was kept of them. */
    const kept = (): string[] =>
      state().project.images.map(({ name, objects }) => [name, ...objects.map((each) => each.className)].join(" "));
    const LEAVES: readonly (readonly [string, () => void, string, string[]])[] = [
      ["the next picture", () => workspace.step(1), "b", ["a object", "b"]],
      ["a picture of the strip", () => workspace.open(state().project.images[1]?.id ?? ""), "b", ["a object", "b"]],
      ["the next to look at", () => workspace.reviewing.next(), "b", ["a object", "b doubtful"]],
      ["its deletion", () => workspace.deletePicture(), "b", ["b"]],
    ];
    test.each(LEAVES)("%s comes once it is kept", async (what, leave, name, expected) => {
      const pending = last();
      if (what === "the next to look at") await addDoubtful();
      leave();
      await settle();
      expect(imageOf(state())?.name).toBe("a");
      pending.answer();
      await settle();
      expect([imageOf(state())?.name, kept(), state().error]).toEqual([name, expected, null]);
    });
    test.each(LEAVES)("%s does not come where that fails", async (what, leave) => {
      const pending = last();
      if (what === "the next to look at") await addDoubtful();
      leave();
      pending.fail(new Error("the GPU is lost"));
      await settle();
      expect([imageOf(state())?.name, state().error]).toEqual([
        "a",
        "the GPU is lost — the picture is still there; try again.",
      ]);
    });
    /** Another window adds an object to b that waits to be looked at. */
    async function addDoubtful(): Promise<void> {
      const other = await LabelStore.open();
      const rle: Rle = { size: [SIZE.height, SIZE.width], counts: "0" };
      const objects = [{ ...newObject("doubtful", rle), score: 0.5 }];
      await other.change({
        ...other.project,
        images: other.project.images.map((image) => (image.name === "b" ? { ...image, objects } : image)),
      });
      workspace.set.catchUp();
      await expect.poll(kept).toEqual(["a", "b doubtful"]);
    }

    test.each<[string, () => unknown]>([
      ["pictures are added", () => workspace.set.add([picture("c")])],
      ["the next one is opened by other means", () => workspace.set.step(1)],
    ])("%s before it is there: that it is lost is said", async (_, act) => {
      act();
      const seen = (): unknown => [classesOf(), state().error];
      await expect
        .poll(seen)
        .toEqual([
          [],
          "The mask is lost: another picture was opened before the model had answered — go back, and mark it again.",
        ]);
    });

    test.each<[string, () => void, number]>([
      ["other marks", () => workspace.set.mark({ points: [{ x: 9, y: 9, positive: true }], box: null }, "Draw"), 1],
      ["no marks", () => workspace.escape(), 0],
      ["an error", () => last().fail(new Error("the GPU is lost")), 1],
    ])("%s: nothing is kept, and nothing waits any longer", async (_, act, points) => {
      const first = last();
      workspace.addPoint(20, 20, true);
      act();
      await settle();
      first.answer();
      last().answer();
      await settle();
      expect([classesOf(), state().marks.points.length]).toEqual([[], points]);
      workspace.addPoint(22, 20, true);
      expect(state().marks.points).toHaveLength(points + 1);
    });
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

  test.each<[string, act: () => void]>([
    ["it is deleted once more", () => workspace.deletePicture()],
    ["it is marked", () => workspace.reviewing.mark("done")],
    ["its objects change", () => workspace.set.setObjects([], "Delete all objects", "")],
  ])("a picture is deleted, and meanwhile %s: the next is open, and one step brings it back", async (_, act) => {
    workspace.deletePicture();
    act();
    await settle();
    expect([names(), imageOf(state())?.name]).toEqual([["b"], "b"]);
    workspace.set.undo();
    await settle();
    expect([names(), imageOf(state())?.name]).toEqual([["a", "b"], "a"]);
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

  test.each<[string, act: (id: string) => void]>([
    ["an object that is agreed to", (id) => workspace.set.changeObject(id, { checked: true }, "Agree to wheel", "")],
    ["a class that gets a rule", () => workspace.set.ruleClass("wheel", "protected")],
  ])("%s: undone once time was counted, nothing of it is left", async (_, act) => {
    const { project, current } = state();
    const made = { ...newObject("wheel", { size: [SIZE.height, SIZE.width], counts: "0" }), score: 0.5 };
    workspace.set.setObjects([made], "Keep wheel", "");
    act(made.id);
    const clock = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 20_000);
    onTestFinished(() => clock.mockRestore());
    workspace.set.step(1);
    await settle();
    const seconds = state().project.images[0]?.seconds;
    expect(seconds).toBeGreaterThanOrEqual(20);
    workspace.set.undo();
    workspace.set.undo();
    await settle();
    const timed = project.images.map((each) => (each.id === current ? { ...each, seconds } : each));
    expect(state().project).toEqual({ ...project, images: timed });
  });

  test("a step made on the welcome is undone and redone under the picture that was opened since", async () => {
    globalThis.indexedDB = new IDBFactory();
    const rle = encodeRle({ ...SIZE, data: new Uint8Array(1200).fill(1, 0, 50) });
    const images = ["a", "b"].map(
      (name): LabeledImage => ({ ...SIZE, id: name, sha256: null, name, objects: [newObject("dog", rle)] }),
    );
    const readLabels = async () => ({ project: { classes: [], images }, boxes: [], leftOut: [] });
    workspace = await create({ readLabels } as never);
    await workspace.transfer.import([{ name: "labels.json", blob: new Blob() }]);
    await workspace.set.add(["a", "b"].map(picture));
    await workspace.set.open("b");
    await settle();
    const shown = async () => [imageOf(state())?.name, await state().picture?.text(), classesOf()];
    workspace.set.undo();
    await settle();
    expect(await shown()).toEqual(["b", "b", []]);
    workspace.set.redo();
    await settle();
    expect(await shown()).toEqual(["b", "b", ["dog"]]);
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
    workspace.editing.brush({ points: [{ x: 20, y: 20 }], radius: 3, erase: false });
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

describe("while pictures are added", () => {
  /** Holds the last of them back. */
  let held: Promise<void>;
  let release: () => void;
  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory();
    held = new Promise((resolve) => {
      release = resolve;
    });
  });
  /** Adds a, b and c, and does something once b is added, while c is held back: the state need not show b yet. */
  async function addDuring(files: object, act: () => unknown, before?: () => Promise<void>): Promise<void> {
    workspace = await create(files as never, async (blob) => {
      if ((await blob.text()) === "c") await held;
      return SIZE;
    });
    await before?.();
    const adding = workspace.set.add(["a", "b", "c"].map(picture));
    const come = (): LabeledImage[] => workspace.set.project.images.filter(({ sha256 }) => sha256 !== null);
    await expect.poll(() => come().map(({ name }) => name)).toEqual(["a", "b"]);
    await act();
    release();
    await adding;
    await settle();
  }
  const expectAll = async (): Promise<void> => {
    expect(names()).toEqual(["a", "b", "c"]);
    await expect.poll(() => workspace.set.isUnkept).toBe(false);
    const store = await LabelStore.open();
    const kept = await Promise.all(store.project.images.map((image) => store.picture(image)));
    expect(await Promise.all(kept.map((blob) => blob?.text()))).toEqual(["a", "b", "c"]);
  };

  test("adding many pictures can be canceled: what was added by then is here, and that is said", async () => {
    workspace = await create({} as never, async (blob) => {
      if ((await blob.text()) === "3") workspace.notices.cancel();
      return SIZE;
    });
    await workspace.set.add(Array.from({ length: 25 }, (_, i) => picture(`${i}`)));
    expect([names(), state().said]).toEqual([["0", "1", "2"], "Stopped: what was added by then is here."]);
  });

  test("a picture is marked: all are there", async () => {
    await addDuring({}, () => workspace.reviewing.mark("done"));
    await expectAll();
    expect(state().project.images.map(({ review }) => review)).toEqual(["done", undefined, undefined]);
  });

  const rle = encodeRle({ ...SIZE, data: new Uint8Array(1200).fill(1, 0, 50) });
  const labeled: LabeledImage = { ...SIZE, id: "f", sha256: null, name: "a", objects: [newObject("dog", rle)] };
  test("an object is copied to a picture whose labels waited for it: all are there", async () => {
    const waiting = { ...labeled, name: "b" };
    const readLabels = async () => ({ project: { classes: [], images: [waiting] }, boxes: [], leftOut: [] });
    const copy = (): void => {
      workspace.select(objectsOf(state())[0]?.id as string);
      workspace.editing.copyToNext();
    };
    await addDuring({ readLabels }, copy, async () => {
      await workspace.set.add([picture("a")]);
      workspace.set.setObjects([newObject("cat", rle)], "Keep cat", "");
      await workspace.transfer.import([{ name: "labels.json", blob: new Blob() }]);
    });
    expect(classesOf()).toEqual(["dog", "cat"]);
    await expectAll();
  });

  const outlined: DetectedImage = {
    name: "a",
    size: null,
    unit: "pixels",
    detections: [{ className: "cat", score: 0.5, shape: [0, 0, 10, 0, 10, 10, 0, 10] }],
  };
  test.each([
    ["labels are imported", [labeled], [], ["dog"]],
    ["outlines become objects", [], [outlined], ["cat"]],
  ])("%s: all are there", async (_, images, boxes, classes) => {
    const readLabels = async () => ({ project: { classes: [], images }, boxes, leftOut: ["a line"] });
    await addDuring({ readLabels }, async () => {
      workspace.models.choose("one");
      const importing = workspace.transfer.import([{ name: "labels.json", blob: new Blob() }]);
      await expect.poll(() => state().question).not.toBeNull();
      workspace.notices.answer("replace");
      await importing;
    });
    await expectAll();
    expect(classesOf()).toEqual(classes);
  });
});

test("of many files, those that cannot be opened are named, with the reason; the others are there", async () => {
  await workspace.set.add([picture("broken"), picture("c"), { name: "d", blob: new Blob(["broken"]) }]);
  expect(names()).toEqual(["a", "b", "c"]);
  expect(state().error).toContain("Not opened: broken: expected a picture; d: expected a picture");
});

test("of a project's pictures, those that are refused are named, with the reason; the others are there", async () => {
  globalThis.indexedDB = new IDBFactory();
  const names = ["good", "broken", "other size"];
  const pictures = await Promise.all(
    names.map(async (name) => ({ name, path: name, sha256: await digest(new TextEncoder().encode(name)), ...SIZE })),
  );
  const images = pictures.map(({ name, sha256 }): LabeledImage => ({ id: name, sha256, name, ...SIZE, objects: [] }));
  const smaller = { ...(images[2] as LabeledImage), width: 4 };
  workspace = await create({
    readProjectFile: async () => ({ project: { classes: [], images: [...images.slice(0, 2), smaller] }, pictures }),
    readPictures: async (_: unknown, __: unknown, take: (picture: Blob, facts: NamedImage) => Promise<void>) => {
      for (const facts of [...pictures.slice(0, 2), { ...pictures[2], ...smaller }]) {
        await take(picture(facts.name).blob, facts);
      }
      return [];
    },
  } as never);
  await workspace.transfer.openProject({ name: "set.zip", blob: new Blob() });
  expect(state().error).toBe(
    "Not opened: broken: expected a picture; other size: expected a picture of 4×30, got one of 40×30 — " +
      "their labels are here, and wait for them.",
  );
  expect(state().said).toBe("Opened set.zip: 3 pictures.");
  const come = state().project.images;
  const there = await Promise.all(come.map(async ({ id }) => (await workspace.set.pictureOf(id)) !== undefined));
  expect(there).toEqual([true, false, false]);
});

describe("a picture whose file is changed on the disk while it is open", () => {
  const OPENED: readonly (readonly [string, see: () => Promise<Blob | null | undefined>])[] = [
    ["is exported as it was", async () => workspace.set.pictureOf(state().current as string)],
    [
      "is seen by another model as it was",
      async () => {
        workspace.models.choose("two");
        await expect.poll(() => models.length).toBe(2);
        await settle();
        return model().encoded[0];
      },
    ],
    [
      "is shown as it was once it is gone back to",
      async () => {
        workspace.set.step(-1);
        await settle();
        workspace.set.step(1);
        await settle();
        return state().picture;
      },
    ],
  ];
  test.each(OPENED)("%s", async (_, see) => {
    const folder = await mkdtemp(join(tmpdir(), "pictures-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "c.png");
    await writeFile(path, "as it was");
    await workspace.set.add([{ name: "c.png", blob: await openAsBlob(path, { type: "image/png" }) }]);
    await settle();
    await writeFile(path, "changed, and longer");
    expect(await (await see())?.text()).toBe("as it was");
  });
});

describe("a project that was opened", () => {
  const files = ["x", "y", "z"];
  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory();
    const pictures = await Promise.all(
      files.map(async (name) => ({ name, path: name, sha256: await digest(new TextEncoder().encode(name)), ...SIZE })),
    );
    const images = pictures.map(({ name, sha256 }): LabeledImage => ({ id: name, sha256, name, ...SIZE, objects: [] }));
    workspace = await create({
      readProjectFile: async () => ({ project: { classes: [], images }, pictures }),
      readPictures: async (_: unknown, __: unknown, take: (picture: Blob, facts: NamedImage) => Promise<void>) => {
        for (const facts of pictures) await take(picture(facts.name).blob, facts);
        return [];
      },
    } as never);
    await workspace.transfer.openProject({ name: "set.zip", blob: new Blob() });
    await expect.poll(() => workspace.set.isUnkept).toBe(false);
  });
  const texts = async ({ set }: Workspace): Promise<(string | undefined)[]> =>
    Promise.all(files.map(async (id) => (await set.pictureOf(id))?.text()));

  test("undone and redone, it has its pictures", async () => {
    workspace.set.undo();
    await expect.poll(() => state().said).toBe("Undone: Import set.zip.");
    expect([names(), state().picture, await texts(workspace)]).toEqual([[], null, files.map(() => undefined)]);
    workspace.set.redo();
    await expect.poll(() => state().said).toBe("Redone: Import set.zip.");
    expect([names(), await texts(workspace)]).toEqual([files, files]);
    expect(await texts(await create())).toEqual(files);
  });

  test("steps asked for at once are done one after the other", async () => {
    workspace.set.chooseClass("wheel");
    workspace.set.undo();
    workspace.set.undo();
    workspace.set.redo();
    workspace.set.redo();
    await expect.poll(() => state().said).toBe("Redone: Add the class wheel.");
    expect([names(), state().redoable, await texts(workspace)]).toEqual([files, null, files]);
  });

  test("a picture that cannot be read from the storage stays", async () => {
    const { get } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.get = () => {
      throw new DOMException("the disk is broken", "UnknownError");
    };
    try {
      workspace.set.undo();
      await expect
        .poll(() => state().error)
        .toBe("the disk is broken — nothing was undone; reload the page to try again.");
    } finally {
      IDBObjectStore.prototype.get = get;
    }
    expect([names(), state().undoable]).toEqual([files, "Import set.zip"]);
  });
});

test("a sample that is refused is not shown", async () => {
  globalThis.indexedDB = new IDBFactory();
  workspace = await create();
  await expect(workspace.showSample(picture("broken"))).rejects.toThrow("expected a picture");
  expect(state().picture).toBeNull();
});

test("a picture that cannot be read from the storage is said to be so; it is not deleted either", async () => {
  const { get } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.get = function (this: IDBObjectStore, ...given: Parameters<typeof get>) {
    if (this.name === "pictures") throw new DOMException("the disk is broken", "UnknownError");
    return get.apply(this, given);
  };
  try {
    workspace = await create();
    await workspace.set.resume();
    expect(state().error).toContain("the disk is broken — the picture cannot be read now");
    const [first] = state().project.images;
    await workspace.set.delete(first ? [first] : []);
    expect(names()).toEqual(["a", "b"]);
    expect(state().error).toContain("nothing was deleted");
  } finally {
    IDBObjectStore.prototype.get = get;
  }
});

describe("all pictures deleted", () => {
  test("the window asks before it closes until that is kept; then they are gone for good", async () => {
    await expect.poll(() => workspace.set.isUnkept).toBe(false);
    await workspace.set.delete(state().project.images);
    expect([names(), workspace.set.isUnkept]).toEqual([[], true]);
    expect(state().said).not.toContain("deleted");
    await expect.poll(() => state().said).toBe("2 pictures are deleted; Undo brings them back.");
    expect(workspace.set.isUnkept).toBe(false);
    expect((await LabelStore.open()).project.images).toEqual([]);
  });

  test("where nothing is kept, nothing is left to lose", async () => {
    globalThis.indexedDB = undefined as unknown as IDBFactory;
    workspace = await create();
    await workspace.set.add([picture("a")]);
    expect(workspace.set.isUnkept).toBe(true);
    await workspace.set.delete(state().project.images);
    await settle();
    expect(workspace.set.isUnkept).toBe(false);
  });
});

describe("the class of the next object", () => {
  beforeEach(() => {
    workspace.set.chooseClass("weel");
    workspace.set.chooseClass("door");
    workspace.set.chooseClass("weel");
  });

  test("is the same one when it is renamed, and when that is undone and redone", async () => {
    await workspace.set.renameClass("weel", "wheel");
    expect(state().className).toBe("wheel");
    workspace.set.undo();
    expect(state().className).toBe("weel");
    workspace.set.redo();
    expect(state().className).toBe("wheel");
  });

  test("is the same one when another window renames it", async () => {
    await expect.poll(() => workspace.set.isUnkept).toBe(false);
    const other = await LabelStore.open();
    await other.change({
      ...other.project,
      classes: other.project.classes.map((each) => (each.name === "weel" ? { ...each, name: "wheel" } : each)),
    });
    workspace.set.catchUp();
    await expect.poll(() => state().className).toBe("wheel");
  });

  test("is the first when it is deleted", () => {
    workspace.set.deleteClass("weel");
    expect(state().className).toBe("object");
  });
});

test("time spent is counted while the picture is open, and that before its first object with it", async () => {
  const start = performance.now();
  const clock = vi.spyOn(performance, "now");
  onTestFinished(() => clock.mockRestore());
  clock.mockReturnValue(start);
  for (const by of [1, -1]) {
    workspace.set.step(by);
    await settle();
  }
  const secondsAt = (passed: number): number | undefined => {
    clock.mockReturnValue(start + 1000 * passed);
    workspace.set.keepTime();
    return imageOf(state())?.seconds;
  };
  expect(secondsAt(20)).toBeUndefined();
  workspace.set.setObjects([newObject("thing", { size: [SIZE.height, SIZE.width], counts: "0" })], "Keep thing", "");
  expect([secondsAt(30), secondsAt(30.4), secondsAt(30.8)]).toEqual([30, 30, 31]);
  clock.mockReturnValue(start + 33_800);
  workspace.set.step(1);
  await settle();
  expect(state().project.images[0]?.seconds).toBe(34);
});

describe("an object that is gone is not selected", () => {
  const rle: Rle = { size: [SIZE.height, SIZE.width], counts: "0" };
  beforeEach(() => {
    workspace.set.setObjects([newObject("thing", rle), newObject("thing", rle)], "Keep things", "");
    workspace.select(objectsOf(state())[0]?.id as string);
  });

  test("once it is deleted", () => {
    workspace.set.deleteObject(state().selected as string);
    expect([state().selected, state().others]).toEqual([null, []]);
  });

  test("once its making is undone", () => {
    workspace.set.undo();
    expect([state().selected, state().others]).toEqual([null, []]);
  });

  test("of several, those that are left are selected", () => {
    const [first, second] = objectsOf(state()).map(({ id }) => id) as [string, string];
    workspace.selectAlso(second);
    workspace.set.deleteObject(first);
    expect([state().selected, state().others]).toEqual([second, []]);
  });

  test("and a digit chooses the class of the next object again", () => {
    workspace.chooseTool("select");
    workspace.set.deleteObject(state().selected as string);
    workspace.chooseClass(1);
    expect([state().className, state().said]).toEqual(["thing", "The next object is thing."]);
  });
});

test("done again on a picture that another window has deleted: the picture comes back as well", async () => {
  const [a] = state().project.images as [LabeledImage];
  await workspace.set.open(a.id);
  await expect.poll(() => state().current).toBe(a.id);
  workspace.set.setObjects([newObject("thing", { size: [SIZE.height, SIZE.width], counts: "0" })], "Keep thing", "");
  workspace.set.undo();
  await expect.poll(() => workspace.set.isUnkept).toBe(false);
  const other = await LabelStore.open();
  await other.change({ ...other.project, images: other.project.images.filter(({ id }) => id !== a.id) });
  workspace.set.catchUp();
  // another picture is open then
  await expect.poll(() => [names(), imageOf(state())?.name]).toEqual([["b"], "b"]);
  workspace.set.redo();
  await expect.poll(() => [names(), state().current, state().error]).toEqual([["b", "a"], a.id, null]);
  await expect.poll(() => workspace.set.isUnkept).toBe(false);
  await other.catchUp();
  expect(await (await other.picture(a))?.text()).toBe("a");
});

describe("beside pictures that are not here", () => {
  beforeEach(async () => {
    await workspace.set.add(["c", "d"].map(picture));
    await expect.poll(() => workspace.set.isUnkept).toBe(false);
  });
  /** A visit in which the files of these pictures are gone; the first that is here is open. */
  async function visitWithout(...missing: string[]): Promise<void> {
    const database = await openDB(LABELS);
    for (const { name, sha256 } of state().project.images) {
      if (missing.includes(name)) await database.delete("pictures", sha256 as string);
    }
    database.close();
    workspace = await create();
    const here = state().project.images.find(({ name }) => !missing.includes(name));
    if (here) await workspace.set.open(here.id);
    await settle();
  }
  const shown = async (): Promise<(string | null | undefined)[]> => [
    imageOf(state())?.name ?? null,
    await state().picture?.text(),
    state().error?.split(" — ")[0],
  ];
  const step = async (by: number): Promise<void> => {
    workspace.set.step(by);
    await settle();
  };

  test("steps go on from the one that was not opened", async () => {
    await visitWithout("b", "c");
    await step(1);
    expect(await shown()).toEqual(["a", "a", "b is not here"]);
    await step(1);
    expect(await shown()).toEqual(["a", "a", "c is not here"]);
    await step(1);
    expect(await shown()).toEqual(["d", "d", undefined]);
    await step(-1);
    await step(-1);
    expect(await shown()).toEqual(["d", "d", "b is not here"]);
    await step(-1);
    expect(await shown()).toEqual(["a", "a", undefined]);
  });

  test("a step the other way goes from the picture that is shown", async () => {
    await visitWithout("c");
    await workspace.set.open(state().project.images[1]?.id as string);
    await step(1);
    expect(await shown()).toEqual(["b", "b", "c is not here"]);
    await step(-1);
    expect(await shown()).toEqual(["a", "a", undefined]);
  });

  test("the deleted one is left for the next that is here", async () => {
    await visitWithout("b", "c");
    workspace.deletePicture();
    await settle();
    expect([names(), await shown()]).toEqual([
      ["b", "c", "d"],
      ["d", "d", undefined],
    ]);
    workspace.deletePicture();
    await settle();
    expect([names(), await shown()]).toEqual([
      ["b", "c"],
      [null, undefined, "c is not here"],
    ]);
    workspace.set.undo();
    await settle();
    expect([names(), await shown()]).toEqual([
      ["b", "c", "d"],
      ["d", "d", undefined],
    ]);
  });

  test("the one that another window has deleted is left likewise", async () => {
    await visitWithout("b", "c");
    const other = await LabelStore.open();
    await other.change({ ...other.project, images: other.project.images.slice(1) });
    workspace.set.catchUp();
    await expect.poll(names).toEqual(["b", "c", "d"]);
    await settle();
    expect(await shown()).toEqual(["d", "d", undefined]);
  });
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
  await workspace.showSample(picture("truck"));
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

describe("what is done with a sample at once", () => {
  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory();
    workspace = await create();
    workspace.models.choose("one");
    await workspace.showSample(picture("truck"));
    await settle();
    workspace.addPoint(5, 5, true);
  });
  const points = (): number => state().marks.points.length;

  test("the first click is a step: undo takes it back, redo brings it", async () => {
    await expect.poll(() => [points(), state().undoable]).toEqual([1, "Add a point"]);
    workspace.set.undo();
    expect([points(), names()]).toEqual([0, ["truck"]]);
    workspace.set.redo();
    expect(points()).toBe(1);
  });

  test("of quick clicks none is lost, nor is what is kept then", async () => {
    workspace.addPoint(6, 6, false);
    workspace.keep();
    await settle();
    expect(last().prompt.point_labels).toEqual([1, 0]);
    last().answer();
    await settle();
    expect([names(), classesOf()]).toEqual([["truck"], ["object"]]);
  });

  const label = async (): Promise<void> => {
    last().answer();
    await settle();
    workspace.keep();
    await settle();
  };
  test.each<[string, () => unknown, string[]]>([
    ["without an object", () => workspace.escape(), ["own", "two"]],
    ["with one", label, ["truck", "own", "two"]],
    ["with one that is undone", () => label().then(() => workspace.set.undo()), ["own", "two"]],
  ])("%s, beside pictures of one's own, the set is then", async (_, act, expected) => {
    await settle();
    await act();
    await workspace.set.add(["own", "two"].map(picture));
    await settle();
    expect([names(), imageOf(state())?.name, state().error]).toEqual([expected, "own", null]);
    await expect.poll(() => workspace.set.isUnkept).toBe(false);
    expect((await LabelStore.open()).project.images.map(({ name }) => name)).toEqual(expected);
  });

  test("one that has left the set comes back with an object that is kept again", async () => {
    await settle();
    await label();
    workspace.set.undo();
    await workspace.set.add([picture("own")]);
    workspace.set.redo();
    await settle();
    expect([names().sort(), imageOf(state())?.name, await state().picture?.text(), classesOf()]).toEqual([
      ["own", "truck"],
      "truck",
      "truck",
      ["object"],
    ]);
  });

  test("a click is none of another picture that is opened meanwhile", async () => {
    await workspace.set.add([picture("own")]);
    await settle();
    expect([imageOf(state())?.name, points()]).toEqual(["own", 0]);
  });
});

test("what is said twice is news twice", () => {
  const said: string[] = [];
  workspace.state.subscribe(() => said.at(-1) !== state().said && said.push(state().said));
  for (const _ of "abc") workspace.notices.say("Nothing would be left of the object.");
  expect(said).toHaveLength(3);
  expect(new Set(said.map((each) => each.trim()))).toEqual(new Set(["Nothing would be left of the object."]));
});

describe("a closer look", () => {
  const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));
  beforeEach(() => workspace.setOptions({ rest: 40 }));
  const points = (): number => state().marks.points.length;

  test("once the pointer rests, what is found closer takes the mask's place, as a step; undone, it stays away", async () => {
    await click();
    const first = state().answer?.result;
    await rest();
    expect([last().detail, state().isLookingCloser]).toEqual(["auto", true]);
    last().answer(0.95, true);
    await settle();
    expect([state().marks.closer, state().answer?.result.scores.data[0], state().isLookingCloser]).toEqual([
      "auto",
      expect.closeTo(0.95),
      false,
    ]);
    workspace.set.undo();
    last().answer(0.9);
    await settle();
    expect(state().answer?.result.scores.data[0]).toBeCloseTo(first?.scores.data[0] as number);
    const { length } = model().asked;
    await rest();
    expect([model().asked.length, points()]).toEqual([length, 1]);
    workspace.set.redo();
    await settle();
    expect([state().answer?.result.scores.data[0], model().asked.length]).toEqual([expect.closeTo(0.95), length]);
  });

  test("none that nobody asked for while a step can be redone, which it would take away", async () => {
    workspace.setOptions({ rest: null });
    await click();
    workspace.setOptions({ rest: 40 });
    await click(6);
    workspace.set.undo();
    last().answer();
    await settle();
    await rest();
    expect(last().detail).toBe("off");
    workspace.set.redo();
    await settle();
    expect(points()).toBe(2);
  });

  test("one that is under way when a step is undone, though the marks are the same, is dropped", async () => {
    workspace.set.ruleClass("object", "protected");
    await click();
    workspace.set.ruleClass("object", undefined);
    await rest();
    expect(last().detail).toBe("auto");
    workspace.set.undo();
    last().answer(0.95, true);
    await settle();
    expect([state().marks.closer, state().redoable]).toEqual([undefined, "Rule for object"]);
  });

  test("one that finds nothing better changes nothing", async () => {
    await click();
    const { answer, undoable } = state();
    await rest();
    last().answer(0.99);
    await settle();
    expect([state().answer, state().undoable, state().isLookingCloser]).toEqual([answer, undoable, false]);
  });

  test("a click takes the place of a look that is under way; the next clicks are seen closer at once", async () => {
    await click();
    await rest();
    const look = last();
    workspace.addPoint(6, 6, true);
    expect(last().detail).toBe("off");
    last().answer(0.8);
    await settle();
    look.answer(0.99, true);
    await settle();
    expect([state().answer?.result.scores.data[0], points()]).toEqual([expect.closeTo(0.8), 2]);
    workspace.lookCloser();
    expect(last().detail).toBe("always");
    last().answer(0.97, true);
    await settle();
    workspace.addPoint(7, 7, true);
    expect(last().detail).toBe("always");
  });

  test("another candidate is looked at by refining it, and not by itself", async () => {
    await click();
    workspace.choose(2);
    const { length } = model().asked;
    await rest();
    expect(model().asked).toHaveLength(length);
    workspace.lookCloser();
    expect((last().prompt.mask_input as { data: Float32Array }).data[1]).toBe(2);
  });

  test("none where the person does not want it", async () => {
    workspace.setOptions({ rest: null });
    await click();
    await rest();
    expect(last().detail).toBe("off");
  });
});

describe("by hand", () => {
  const areas = (): number[] => objectsOf(state()).map(({ rle }) => rleArea(rle));
  const square = (left: number, top: number, side: number) =>
    [
      [left, top],
      [left + side, top],
      [left + side, top + side],
      [left, top + side],
    ].map(([x, y]) => ({ x, y }) as { x: number; y: number });
  const draw = (left: number, top: number, side: number, how: "add" | "subtract" = "add"): void =>
    workspace.editing.outline(square(left, top, side), how);
  const fresh = (left: number, top: number, side: number): string => {
    workspace.select(null);
    draw(left, top, side);
    return state().selected as string;
  };
  const undoAll = async (): Promise<void> => {
    while (state().undoable !== null) workspace.set.undo();
    await settle();
  };

  test("without an object, an outline and a stroke make one, which the next ones change", () => {
    draw(2, 2, 10);
    draw(12, 2, 10);
    draw(4, 4, 2, "subtract");
    expect(areas()).toEqual([196]);
    workspace.select(null);
    workspace.editing.brush({ points: [{ x: 30.5, y: 20.5 }], radius: 0.6, erase: false });
    expect(areas()).toEqual([196, 1]);
  });

  test("erasing takes from the object where the stroke begins; where there is none, it says so", () => {
    fresh(2, 2, 10);
    workspace.select(null);
    workspace.editing.brush({ points: [{ x: 35, y: 25 }], radius: 1, erase: true });
    expect([state().said, areas()]).toEqual(["There is no object under the eraser.", [100]]);
    workspace.editing.brush({ points: [{ x: 5.5, y: 5.5 }], radius: 0.6, erase: true });
    expect(areas()).toEqual([99]);
  });

  test("corners that are clicked one by one make an outline; one at the first closes it, undo takes the last back", () => {
    for (const place of square(2, 2, 10)) workspace.editing.drawCorner(place, 1);
    workspace.editing.drawCorner({ x: 20, y: 20 }, 1);
    workspace.editing.takeBackCorner();
    expect([state().drawn.length, areas()]).toEqual([4, []]);
    workspace.editing.drawCorner({ x: 2.5, y: 2.5 }, 1);
    expect([state().drawn, areas()]).toEqual([[], [100]]);
    workspace.editing.drawCorner({ x: 20, y: 20 }, 1);
    workspace.escape();
    expect(state().drawn).toEqual([]);
  });

  test.each([
    ["grow", 140, "Grow: 40 pixels changed."],
    ["shrink", 64, "Shrink: 36 pixels changed."],
    ["smooth", 96, "Smooth: 4 pixels changed."],
    ["fill", 100, "Fill holes: there is nothing to change."],
  ] as const)("%s", async (how, area, said) => {
    workspace.setOptions({ reach: 1 });
    fresh(5, 5, 10);
    await settle();
    workspace.editing.reshape(how);
    await settle();
    expect([areas(), state().said]).toEqual([[area], said]);
  });

  test.each<[string, act: () => void | Promise<void>]>([
    ["shrink", () => workspace.editing.reshape("shrink")],
    ["erase", () => workspace.editing.brush({ points: [{ x: 5, y: 0 }], radius: 20, erase: true })],
    ["subtract an outline", () => draw(0, 0, 20, "subtract")],
    ["take a mask from it", () => click().then(() => workspace.combine("subtract"))],
  ])("what would leave nothing is not done: %s", async (_, act) => {
    await keep(5, 10);
    workspace.setOptions({ reach: 50 });
    workspace.select(objectsOf(state())[0]?.id as string);
    await act();
    await settle();
    expect([areas(), state().said]).toEqual([[10], "Nothing would be left of the object."]);
  });

  test("corners are moved, added and removed; a simplified outline says how near it is", () => {
    workspace.setOptions({ tolerance: 0 });
    fresh(5, 5, 10);
    expect(workspace.editing.simplicity).toEqual({ corners: 4, iou: 1 });
    expect(workspace.editing.addCorner({ x: 10, y: 5 }, 1)).toBe(true);
    const [ring] = workspace.editing.rings;
    workspace.editing.moveCorner(
      { ring: 0, corner: ring?.findIndex(({ x, y }) => x === 10 && y === 5) ?? 0 },
      { x: 10, y: 0 },
    );
    expect(areas()[0]).toBeGreaterThan(115);
    expect(workspace.editing.simplicity?.corners).toBe(5);
    workspace.editing.removeCorner({ x: 10, y: 0 }, 1);
    expect(areas()).toEqual([100]);
    workspace.setOptions({ tolerance: 9 });
    expect(workspace.editing.simplicity?.iou).toBeLessThan(1);
  });

  test("split, merge and subtract", async () => {
    const first = fresh(2, 2, 4);
    draw(10, 2, 6);
    workspace.editing.split();
    expect([areas(), objectsOf(state())[0]?.id]).toEqual([[36, 16], first]);
    workspace.selectAlso(objectsOf(state())[1]?.id as string);
    workspace.editing.merge();
    expect([areas(), state().others]).toEqual([[52], []]);
    const second = fresh(10, 2, 3);
    workspace.select(first);
    workspace.selectAlso(second);
    workspace.editing.subtractOthers();
    expect(areas()).toEqual([43, 9]);
    await undoAll();
    expect(areas()).toEqual([]);
  });

  test("a copy goes to the next picture, at its size, and undo comes back", async () => {
    fresh(2, 2, 10);
    const { current } = state();
    workspace.editing.copyToNext();
    await settle();
    expect([state().current === current, areas()]).toEqual([false, [100]]);
    expect(state().said).toMatch(/^Copied to /);
    workspace.set.undo();
    await settle();
    expect([state().current === current, areas()]).toEqual([true, [100]]);
    expect(state().project.images.map(({ objects }) => objects.length)).toEqual([1, 0]);
  });

  test("what nothing would be left of at the next picture's size is not copied there, and is said", async () => {
    globalThis.indexedDB = new IDBFactory();
    workspace = await create({} as never, async (blob) =>
      (await blob.text()) === "small" ? { width: 4, height: 3 } : SIZE,
    );
    await workspace.set.add([picture("a"), picture("small")]);
    const speck = fresh(2, 2, 1);
    workspace.editing.copyToNext();
    await settle();
    expect([imageOf(state())?.name, state().said]).toEqual([
      "a",
      "Nothing is copied to small. 1 left out: nothing would be left at its size.",
    ]);
    fresh(2, 2, 20);
    workspace.selectAlso(speck);
    workspace.editing.copyToNext();
    await settle();
    expect([imageOf(state())?.name, areas()]).toEqual(["small", [4]]);
    expect(state().said).toBe("Copied to small. 1 left out: nothing would be left at its size.");
  });

  test("the rule of a class holds for what is drawn next, in one step with it", async () => {
    workspace.set.ruleClass("object", "protected");
    fresh(2, 2, 10);
    workspace.set.chooseClass("grass");
    fresh(6, 2, 10);
    await settle();
    expect([areas(), state().said]).toEqual([[100, 40], "Kept as grass. 60 pixels stayed with other classes."]);
    fresh(3, 3, 2);
    await settle();
    expect([areas().length, state().selected, state().said]).toEqual([
      2,
      null,
      "Nothing is changed: 4 pixels stayed with other classes. 1 left out: nothing of it is free.",
    ]);
    workspace.set.ruleClass("grass", "protected");
    workspace.set.ruleClass("object", "gives way");
    workspace.set.chooseClass("grass");
    fresh(2, 2, 3);
    expect(areas()).toEqual([91, 40, 9]);
    workspace.set.undo();
    expect(areas()).toEqual([100, 40]);
  });

  test("what is painted and outlined joins its neighbors' edges, if that is wanted, as near as they are on the screen", () => {
    let scale = 4;
    workspace.editing.lookAt({ scale: () => scale, pixelsOf: () => null });
    fresh(20, 2, 10);
    fresh(8, 2, 10);
    expect(areas()).toEqual([100, 100]);
    workspace.set.undo();
    workspace.setOptions({ join: true });
    fresh(8, 2, 10);
    // two pixels are eight of the screen
    expect(areas()).toEqual([100, 120]);
    workspace.set.undo();
    scale = 32;
    fresh(8, 2, 10);
    draw(18, 2, 4);
    expect(areas()).toEqual([100, 108]);
    workspace.select(null);
    draw(21, 3, 2);
    expect([areas(), state().said]).toEqual([[100, 108], "Nothing would be left of the object."]);
  });

  test("a feathered brush takes what looks as what is under its middle", () => {
    const seen = {
      scale: () => 1,
      pixelsOf: (part: { left: number; width: number; height: number }) => {
        const data = new Uint8ClampedArray(4 * part.width * part.height);
        for (let i = 0; i < data.length / 4; i++)
          data.fill(part.left + (i % part.width) < 20 ? 0 : 255, 4 * i, 4 * i + 4);
        return data;
      },
    };
    workspace.editing.lookAt(seen);
    const stroke = {
      points: [
        { x: 17, y: 10 },
        { x: 17, y: 20 },
      ],
      radius: 6,
      erase: false,
    };
    const isLight = (): boolean =>
      [...decodeRle(objectsOf(state())[0]?.rle as Rle).data].some((value, i) => value === 1 && i % SIZE.width >= 20);
    workspace.editing.brush(stroke);
    expect(isLight()).toBe(true);
    workspace.set.undo();
    workspace.setOptions({ feather: 60 });
    workspace.editing.brush(stroke);
    expect(isLight()).toBe(false);
  });

  describe("several at once", () => {
    const shown = () => objectsOf(state()).map(({ className, hidden, checked }) => [className, hidden, checked]);
    beforeEach(() => {
      for (const left of [2, 12, 22]) fresh(left, 2, 6);
    });

    test("a lasso selects what is mostly inside; with the other button, what is there besides", () => {
      workspace.selection.within(square(0, 0, 10), false);
      expect([state().selected, state().others]).toEqual([objectsOf(state())[0]?.id, []]);
      workspace.selection.within(
        [
          { x: 15, y: 0 },
          { x: 35, y: 0 },
          { x: 35, y: 20 },
          { x: 15, y: 20 },
        ],
        true,
      );
      expect([state().others, state().said]).toEqual([
        objectsOf(state())
          .slice(1)
          .map(({ id }) => id),
        "3 selected.",
      ]);
      workspace.selection.within(square(35, 25, 4), false);
      expect([state().selected, state().others, state().said]).toEqual([null, [], "No object is selected."]);
    });

    test.each([
      ["delete", () => workspace.selection.delete(), []],
      ["hide", () => workspace.selection.hide(), Array(3).fill(["object", true, undefined])],
      ["a class", () => workspace.chooseClass(1), Array(3).fill(["grass", false, undefined])],
      ["merge", () => workspace.editing.merge(), [["object", false, undefined]]],
    ])("%s: one step for all", async (_, act, expected) => {
      workspace.set.chooseClass("grass");
      const before = shown();
      workspace.selection.all();
      act();
      await settle();
      expect(shown()).toEqual(expected);
      workspace.set.undo();
      await settle();
      expect(shown()).toEqual(before);
    });

    test("agreed to; a locked one stays as it is", () => {
      const [first] = objectsOf(state());
      workspace.set.setObjects(
        objectsOf(state()).map((each) => ({ ...each, score: 0.5, locked: each === first })),
        "",
        "",
      );
      workspace.selection.all();
      workspace.selection.agree();
      expect(shown().map(([, , checked]) => checked)).toEqual([undefined, true, true]);
      workspace.selection.delete();
      expect(shown()).toHaveLength(1);
    });

    test("hidden ones are shown again, though a locked one beside them is shown", () => {
      const [first] = objectsOf(state());
      workspace.set.changeObject(first?.id as string, { locked: true }, "Lock", "locked");
      workspace.selection.all();
      const seen: unknown[] = [];
      for (const _ of ["hide", "show"]) {
        workspace.selection.hide();
        seen.push(shown().map(([, hidden]) => hidden));
      }
      expect(seen).toEqual([
        [false, true, true],
        [false, false, false],
      ]);
    });
  });

  test("a locked object is left alone, and why is said", () => {
    const id = fresh(2, 2, 10);
    workspace.set.changeObject(id, { locked: true }, "Lock", "locked");
    draw(0, 0, 20);
    expect([areas(), state().said]).toEqual([[100], "The selected object is locked: unlock it first."]);
  });
});

test.each([
  [2, "needs a look", "2 objects found."],
  [1, "needs a look", "1 object found."],
  [0, undefined, "0 objects found."],
])("everything mode finds %i objects: the picture's review is %s; undo takes all back", async (count, review, said) => {
  const segmentation: Rle = { size: [SIZE.height, SIZE.width], counts: "0" };
  const found = Array.from({ length: count }, () => ({ segmentation, area: 1, predicted_iou: 0.5 }));
  // a mask without a pixel is no object
  found.push({ segmentation, area: 0, predicted_iou: 0.5 });
  Object.assign(model(), { segmentEverything: async () => found });
  await workspace.everything();
  await settle();
  const shown = () => [state().project.images[0]?.objects.length, state().project.images[0]?.review, state().said];
  expect(shown()).toEqual([count, review, said]);
  workspace.set.undo();
  await settle();
  expect(shown()).toEqual([0, undefined, "Undone: Find everything."]);
});

describe("boxes to masks, and their review", () => {
  /** What the reader of files gives. */
  let read: { project: Project; boxes: readonly DetectedImage[]; leftOut: readonly string[] };
  const detected = (name: string, count: number): DetectedImage => ({
    name,
    size: null,
    unit: "pixels",
    detections: Array.from({ length: count }, (_, i) => ({ className: "cat", score: null, shape: [i, 0, i + 9, 9] })),
  });
  /** Answers each batch with scores of its own. */
  const batchesOf = (scores: readonly number[]): void => {
    let at = 0;
    model().segment = async ({ box }: { box?: unknown }) => {
      const count = (box as { dims: number[] }).dims[0] as number;
      const own = scores.slice(at, at + count);
      at += count;
      return {
        scores: { data: Float32Array.from(own.flatMap((score) => [score, 0, 0])), dims: [count, 3] },
        // a score of 0 is that of a mask without a pixel
        toRle: ({ object }: { object: number }) =>
          encodeRle({ ...SIZE, data: new Uint8Array(1200).fill(1, 0, own[object] === 0 ? 0 : 9) }),
      };
    };
  };
  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory();
    workspace = await create({ readLabels: async () => read } as never);
    workspace.models.choose("one");
    await workspace.set.add([picture("a"), picture("b")]);
    await settle();
    read = {
      project: { classes: [], images: [] },
      boxes: [detected("a", 2), detected("b", 18), detected("c", 1)],
      leftOut: ["line 7: expected four numbers"],
    };
  });
  const start = async (): Promise<void> => {
    void workspace.transfer.import([{ name: "boxes.csv", blob: new Blob() }]);
    await settle();
  };
  const SCORES = Array.from({ length: 20 }, (_, i) => 0.9 - i / 100);

  test("what will happen is shown before; refused, nothing does", async () => {
    await start();
    expect(state().question).toMatchObject({
      kind: "import",
      boxes: 20,
      leftOut: ["line 7: expected four numbers", "1 of c: no picture here, or more than one, has this name"],
    });
    workspace.notices.answer(null);
    await settle();
    expect([classesOf(), state().undoable, state().task]).toEqual([[], null, null]);
  });

  test("each box becomes an object with a score; the most doubtful is looked at first, and one step takes all back", async () => {
    batchesOf(SCORES);
    await start();
    workspace.notices.answer("replace");
    await settle();
    expect(state().project.images.map(({ objects, review }) => [objects.length, review])).toEqual([
      [2, "needs a look"],
      [18, "needs a look"],
    ]);
    // a command by its name: not everyone has keys
    expect(state().said).toBe("20 boxes are masks now. “Next to look at” opens the most doubtful one.");
    workspace.reviewing.next();
    await settle();
    const selected = () => objectsOf(state()).find(({ id }) => id === state().selected);
    expect([imageOf(state())?.name, selected()?.score]).toEqual(["b", expect.closeTo(0.71)]);
    workspace.reviewing.agree();
    // also once the step is kept
    await settle();
    expect([selected()?.score, state().said]).toEqual([
      expect.closeTo(0.72),
      "19 to look at; this one has score 0.72.",
    ]);
    workspace.reviewing.mark("done");
    expect(imageOf(state())?.review).toBe("done");
    workspace.set.undo();
    workspace.set.undo();
    workspace.set.undo();
    await settle();
    expect(state().project.images.map(({ objects, review }) => [objects.length, review])).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
    workspace.set.redo();
    await settle();
    expect(state().project.images[1]?.review).toBe("needs a look");
  });

  test.each([
    [
      [0.9, 0, ...SCORES.slice(2)],
      [1, 18],
      "19 boxes are masks now. “Next to look at” opens the most doubtful one. In 1 box the model found nothing.",
    ],
    [SCORES.map(() => 0), [0, 0], "The model found nothing in these boxes."],
  ])("a box in which the model finds nothing becomes no object %#", async (scores, made, said) => {
    batchesOf(scores);
    await start();
    workspace.notices.answer("replace");
    await settle();
    expect(state().project.images.map(({ objects }) => objects.length)).toEqual(made);
    expect(state().said).toBe(said);
  });

  test("a box that the rules of classes leave nothing of becomes no object, and is said", async () => {
    workspace.set.chooseClass("cat");
    workspace.set.ruleClass("cat", "protected");
    const said: string[] = [];
    // all masks are the same place of their picture
    for (const _ of ["first", "again"]) {
      batchesOf(SCORES);
      await start();
      workspace.notices.answer("add");
      await settle();
      said.push(state().said);
    }
    expect(said).toEqual([
      "2 boxes are masks now. “Next to look at” opens the most doubtful one. 162 pixels stayed with other classes. 18 left out: nothing of them is free.",
      "Nothing is changed: 180 pixels stayed with other classes. 20 left out: nothing of them is free.",
    ]);
    expect(state().project.images.map(({ objects }) => objects.length)).toEqual([1, 1]);
  });

  describe.each<[batch: number, made: readonly number[]]>([
    [1, [0, 0]],
    [2, [2, 0]],
    [3, [2, 16]],
  ])("stopped at batch %d", (last, made) => {
    /** Does this instead of answering that batch. */
    const stopWith = async (stop: () => never): Promise<void> => {
      batchesOf(SCORES);
      const { segment } = model();
      let batch = 0;
      model().segment = async (request, options) =>
        ++batch === last ? stop() : segment.call(model(), request, options);
      await start();
      workspace.notices.answer("replace");
      await settle();
    };
    const [a = 0, b = 0] = made;
    const said = a === 0 ? "Stopped: no mask was made." : `Stopped after ${a + b} of 20 boxes`;

    test("by the person: what was made is kept", async () => {
      await stopWith(() => {
        workspace.notices.cancel();
        throw new DOMException("canceled", "AbortError");
      });
      expect(state().project.images.map(({ objects }) => objects.length)).toEqual(made);
      expect(state().said).toContain(said);
    });

    test("by a failure: what was made is kept, and how to take it back is said", async () => {
      await stopWith(() => {
        throw new Error("the GPU is lost");
      });
      expect(state().project.images.map(({ objects }) => objects.length)).toEqual(made);
      expect(state().error).toBe(
        a === 0
          ? "the GPU is lost — what was there is as it was."
          : "the GPU is lost — what was imported by then is here; Undo takes it back.",
      );
    });
  });

  describe("without a model", () => {
    const rle = encodeRle({ ...SIZE, data: new Uint8Array(1200).fill(1, 0, 50) });
    beforeEach(async () => {
      globalThis.indexedDB = new IDBFactory();
      workspace = await create({ readLabels: async () => read } as never);
      await workspace.set.add([picture("a"), picture("b")]);
      await settle();
    });

    test("boxes are not imported, nor is what came with them", async () => {
      const found = { ...SIZE, id: "f", sha256: null, name: "a", objects: [newObject("dog", rle)] };
      read = { ...read, project: { classes: [], images: [found] } };
      await start();
      workspace.notices.answer("replace");
      await settle();
      expect([classesOf(), state().error]).toEqual([
        [],
        "These boxes need a model, and none is ready yet: import them again once it is — what was there is as it was.",
      ]);
    });

    test("outlines become masks", async () => {
      const shape = [0, 0, 10, 0, 10, 10, 0, 10];
      read = { ...read, boxes: [{ ...detected("a", 0), detections: [{ className: "cat", score: 0.5, shape }] }] };
      await start();
      workspace.notices.answer("replace");
      await settle();
      expect([classesOf(), state().error]).toEqual([["cat"], null]);
    });
  });

  test("labels and boxes of one file: two steps, and no box is lost", async () => {
    batchesOf(SCORES);
    const rle = encodeRle({ ...SIZE, data: new Uint8Array(1200).fill(1, 0, 50) });
    const found = { ...SIZE, id: "f", sha256: null, name: "a", objects: [newObject("dog", rle)] };
    read = { ...read, project: { classes: [{ name: "dog", color: "#123456" }], images: [found] } };
    await start();
    workspace.notices.answer("replace");
    await settle();
    expect(classesOf()).toEqual(["dog", "cat", "cat"]);
    workspace.set.undo();
    workspace.set.undo();
    expect(classesOf()).toEqual([]);
  });

  test.each<["replace" | "add", readonly string[]]>([
    ["add", ["cat", "dog"]],
    ["replace", ["dog"]],
  ])("outlines that come again are asked about as masks are: %s", async (how, expected) => {
    const outline = (className: string, left: number) => {
      return { className, score: null, shape: [left, 0, left + 10, 0, left + 10, 10, left, 10] };
    };
    const importing = async (...detections: DetectedImage["detections"]): Promise<void> => {
      read = { ...read, boxes: [{ ...detected("a", 0), detections }], leftOut: [] };
      await start();
    };
    await importing(outline("cat", 0));
    expect([state().question, classesOf()]).toEqual([null, ["cat"]]);
    await importing(outline("cat", 0));
    expect([state().question, classesOf()]).toEqual([null, ["cat"]]);
    await importing(...(how === "add" ? [outline("cat", 0)] : []), outline("dog", 11));
    expect(state().question).toMatchObject({ kind: "import", boxes: 0 });
    workspace.notices.answer(how);
    await settle();
    expect(classesOf()).toEqual(expected);
  });

  test("an outline needs no model; time spent on a picture is counted", async () => {
    const shape = [0, 0, 10, 0, 10, 10, 0, 10];
    read = { ...read, boxes: [{ ...detected("a", 0), detections: [{ className: "cat", score: 0.5, shape }] }] };
    await start();
    workspace.notices.answer("replace");
    await settle();
    expect(objectsOf(state()).map(({ rle, score }) => [rleArea(rle), score])).toEqual([[100, 0.5]]);
    expect(model().asked).toEqual([]);
  });
});

test.each<["wasm" | "webgpu", string, boolean]>([
  ["wasm", "edgetam", true],
  ["wasm", "sam2.1-tiny", false],
  ["webgpu", "edgetam", false],
])("beside a model on %s, %s is called best: %s", (encoder, name, best) => {
  expect(isBestBeside({ device: { encoder } as DeviceInfo }, name)).toBe(best);
});
