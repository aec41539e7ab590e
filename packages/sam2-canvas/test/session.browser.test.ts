/** A session with a segmenter that only notes what it is asked. */
import { PictureView, type Prompts, SegmentSession } from "sam2-canvas";
import type { Segmenter, SegmenterImage, SegmentPrompt, SegmentResult, Tensor } from "sam2-web";
import { afterEach, beforeEach, expect, test } from "vitest";

let host: HTMLElement;
let view: PictureView;
let session: SegmentSession;
beforeEach(() => {
  host = document.createElement("main");
  host.style.width = "400px";
  host.style.height = "300px";
  document.body.append(host);
  view = new PictureView(host);
  session = new SegmentSession(view);
});
afterEach(() => {
  session.dispose();
  view.dispose();
  host.remove();
});

async function picture(): Promise<Blob> {
  const canvas = new OffscreenCanvas(200, 100);
  if (!canvas.getContext("2d")) expect.fail("no canvas");
  return canvas.convertToBlob();
}

/** A drag over the view, or the steps of one. */
const STEPS = { down: [100, 150], move: [150, 180], up: [150, 180] } as const;
function point(...types: readonly (keyof typeof STEPS)[]): void {
  const { left, top } = view.element.getBoundingClientRect();
  for (const type of types) {
    const [x, y] = STEPS[type];
    const init = { clientX: left + x, clientY: top + y, pointerId: 1, pointerType: "mouse", button: 0, buttons: 1 };
    view.element.dispatchEvent(new PointerEvent(`pointer${type}`, { ...init, bubbles: true }));
  }
}

/**
 * Answers with three empty masks; `asked` has the side of the mask that each question brings, 0 without one.
 *
 * @param encoding what the encoding of a picture waits for
 */
function answering(
  side: number,
  encoding?: Promise<void>,
): { readonly segmenter: Segmenter; readonly asked: number[] } {
  const asked: number[] = [];
  const tensor = (...dims: readonly number[]): Tensor =>
    ({ data: new Float32Array(dims.reduce((product, dim) => product * dim)), dims }) as unknown as Tensor;
  const segmenter = {
    takesMaskInput: true,
    setImage: async () => {
      await encoding;
      return { release: async () => undefined } as unknown as SegmenterImage;
    },
    segment: async ({ mask_input }: SegmentPrompt) => {
      asked.push((mask_input as Tensor | undefined)?.dims[2] ?? 0);
      const maskInput = (): Tensor => tensor(1, 1, side, side);
      return { scores: tensor(1, 3), settledLogits: tensor(1, 3, side, side), maskInput } as unknown as SegmentResult;
    },
  };
  return { segmenter: segmenter as unknown as Segmenter, asked };
}

const answered = (): Promise<void> =>
  expect.poll(() => [session.state, session.answer !== null]).toEqual(["ready", true]);

/** What a pointer does before another picture is opened, until it is decoded, and then. */
type Acts = Readonly<Record<"before" | "meanwhile" | "after", readonly (keyof typeof STEPS)[]>>;

const ONE: Prompts = { points: [{ x: 20, y: 20, positive: true }], box: null };
const TWO: Prompts = { points: [...ONE.points, { x: 40, y: 20, positive: true }], box: null };

test("prompts refine the mask before them; not that of another picture, or of another segmenter", async () => {
  const [first, second] = [answering(160), answering(256)];
  session.segmenter = first.segmenter;
  await session.open(await picture());
  session.prompts = ONE;
  await answered();
  session.prompts = TWO;
  await answered();
  expect(first.asked).toEqual([0, 160]);
  // the same object, as a parent that holds it sets it again
  await session.open(await picture());
  session.prompts = TWO;
  await answered();
  expect(first.asked).toEqual([0, 160, 0]);
  session.prompts = { points: TWO.points, box: [10, 10, 60, 60] };
  await answered();
  expect(first.asked).toEqual([0, 160, 0, 160]);
  session.segmenter = second.segmenter;
  await expect.poll(() => second.asked).toEqual([0]);
  await answered();
  session.undo();
  await expect.poll(() => second.asked).toEqual([0, 0]);
});

/** A promise, and what ends its wait. */
function gate(): { readonly closed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { closed, open };
}

test("a mask that is chosen while another segmenter encodes is not refined by it", async () => {
  const first = answering(160);
  const encoding = gate();
  const second = answering(256, encoding.closed);
  session.segmenter = first.segmenter;
  await session.open(await picture());
  session.prompts = ONE;
  await answered();
  session.segmenter = second.segmenter;
  session.choose(1);
  expect(session.answer?.chosen).toBe(1);
  session.prompts = TWO;
  encoding.open();
  await expect.poll(() => second.asked).toEqual([0]);
});

test("a mask that is chosen while newer prompts are answered is not taken for theirs", async () => {
  const { segmenter, asked } = answering(160);
  session.segmenter = segmenter;
  await session.open(await picture());
  session.prompts = ONE;
  await answered();
  session.prompts = TWO;
  session.choose(1);
  session.prompts = { points: TWO.points, box: [10, 10, 60, 60] };
  await answered();
  expect(asked).toEqual([0, 160, 0]);
});

test.each<[string, Acts]>([
  ["a click", { before: [], meanwhile: ["down", "up"], after: [] }],
  ["a box", { before: [], meanwhile: ["down", "move", "up"], after: [] }],
  ["a box that was begun before", { before: ["down", "move"], meanwhile: ["up"], after: [] }],
  ["a box that ends on the next", { before: ["down", "move"], meanwhile: [], after: ["up"] }],
  ["a click that ends on the next", { before: ["down"], meanwhile: [], after: ["up"] }],
])("while another picture is decoded, %s marks nothing", async (_, { before, meanwhile, after }) => {
  await session.open(await picture());
  const next = await picture();
  point(...before);
  const opened = session.open(next);
  point(...meanwhile);
  await opened;
  point(...after);
  expect([session.prompts, view.scene.rubberBand]).toEqual([{ points: [], box: null }, null]);
  point("down", "move", "up");
  expect(session.prompts.box).not.toBeNull();
});

test("an undo that was refused is forgotten with its picture", async () => {
  session.segmenter = answering(160).segmenter;
  await session.open(await picture());
  session.prompts = ONE;
  session.prompts = TWO;
  session.on("prompts", (change) => change.preventDefault());
  session.undo();
  await session.open(await picture());
  session.prompts = ONE;
  expect(session.prompts).toEqual(ONE);
});

test("after dispose the view shows no picture, and goes on", async () => {
  await session.open(await picture());
  expect(view.pictureSize).toEqual({ width: 200, height: 100 });
  session.dispose();
  view.zoomBy(2);
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  expect(view.pictureSize).toBeNull();
});
