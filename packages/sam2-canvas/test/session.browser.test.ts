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

/** Answers at once with an empty mask; `asked` has the side of the mask that each question brings, 0 without one. */
function answering(side: number): { readonly segmenter: Segmenter; readonly asked: number[] } {
  const asked: number[] = [];
  const tensor = (...dims: readonly number[]): Tensor =>
    ({ data: new Float32Array(dims.reduce((product, dim) => product * dim)), dims }) as unknown as Tensor;
  const segmenter = {
    takesMaskInput: true,
    setImage: async () => ({ release: async () => undefined }) as unknown as SegmenterImage,
    segment: async ({ mask_input }: SegmentPrompt) => {
      asked.push((mask_input as Tensor | undefined)?.dims[2] ?? 0);
      const maskInput = (): Tensor => tensor(1, 1, side, side);
      return { scores: tensor(1, 1), settledLogits: tensor(1, 1, side, side), maskInput } as unknown as SegmentResult;
    },
  };
  return { segmenter: segmenter as unknown as Segmenter, asked };
}

const answered = (): Promise<void> =>
  expect.poll(() => [session.state, session.answer !== null]).toEqual(["ready", true]);

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

test("after dispose the view shows no picture, and goes on", async () => {
  await session.open(await picture());
  expect(view.pictureSize).toEqual({ width: 200, height: 100 });
  session.dispose();
  view.zoomBy(2);
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  expect(view.pictureSize).toBeNull();
});
