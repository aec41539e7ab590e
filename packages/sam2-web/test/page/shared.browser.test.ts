/** Segmenting with one call, with the built-in model, which is not named. */
import { createSegmenter, type Progress, segment, sharedSegmenter } from "sam2-web";
import { afterAll, expect, test } from "vitest";

afterAll(async () => (await sharedSegmenter()).dispose());

/** A disc on gray, in this color. */
function disc(color: string): OffscreenCanvas {
  const canvas = new OffscreenCanvas(300, 200);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = "#cccccc";
  context.fillRect(0, 0, 300, 200);
  context.fillStyle = color;
  context.arc(150, 100, 50, 0, 2 * Math.PI);
  context.fill();
  return canvas;
}

const address = async (color: string): Promise<string> => URL.createObjectURL(await disc(color).convertToBlob());

/** Collects the phases that are told. */
function phases(): { seen: string[]; options: { onProgress(progress: Progress): void } } {
  const seen: string[] = [];
  const onProgress = ({ phase, done, total }: Progress): void => {
    expect(total === null ? done : done / total).toBeGreaterThanOrEqual(0);
    if (seen.at(-1) !== phase) seen.push(phase);
  };
  return { seen, options: { onProgress } };
}

test("a point is all it takes; the model is opened once, and a picture is encoded once", async () => {
  const picture = disc("#bb0000");
  const first = phases();
  const { data } = (await segment(picture, { point: [150, 100] }, first.options)).mask();
  expect([data[100 * 300 + 150], data[5 * 300 + 5]]).toEqual([1, 0]);
  expect(first.seen).toEqual(["download", "compile", "decode", "preprocess", "encode"]);
  const second = phases();
  const boxed = await segment(picture, { box: [95, 45, 205, 155] }, second.options);
  expect(boxed.mask().data[100 * 300 + 150]).toBe(1);
  expect(second.seen).toEqual([]);
  const other = phases();
  await segment(disc("#00bb00"), { point: [150, 100] }, other.options);
  expect(other.seen).toEqual(["decode", "preprocess", "encode"]);
});

test("an <img> is encoded anew when it shows another picture", async () => {
  const image = new Image();
  const encoded = async (): Promise<string[]> => {
    const { seen, options } = phases();
    await segment(image, { point: [150, 100] }, options);
    return seen;
  };
  image.src = await address("#bb0000");
  expect(await encoded()).toEqual(["decode", "preprocess", "encode"]);
  expect(await encoded()).toEqual([]);
  image.src = await address("#0000bb");
  expect(await encoded()).toEqual(["decode", "preprocess", "encode"]);
});

test("calls at the same time share one segmenter; after it was disposed of, the next call opens another", async () => {
  const [a, b] = await Promise.all([sharedSegmenter(), sharedSegmenter()]);
  expect(a).toBe(b);
  await a.dispose();
  expect(a.isDisposed).toBe(true);
  const [c, d] = await Promise.all([sharedSegmenter(), sharedSegmenter()]);
  expect(c).not.toBe(a);
  expect(c).toBe(d);
});

test("a model that cannot be opened is tried again; giving up the wait leaves it to the others", async () => {
  const bad = { model: "nowhere/model.json" };
  await expect(segment(disc("#bb0000"), { point: [1, 1] }, bad)).rejects.toMatchObject({ name: "DownloadError" });
  const second = phases();
  await expect(segment(disc("#bb0000"), { point: [1, 1] }, { ...bad, ...second.options })).rejects.toThrow(
    "nowhere/model.json",
  );
  await (await sharedSegmenter()).dispose();
  const impatient = sharedSegmenter({ signal: AbortSignal.timeout(1) });
  const patient = sharedSegmenter();
  await expect(impatient).rejects.toMatchObject({ name: "TimeoutError" });
  expect((await patient).isDisposed).toBe(false);
});

test("what is no picture, and an option that there is not, are refused by name, and nothing else is rejected", async () => {
  const unhandled: unknown[] = [];
  const note = (event: PromiseRejectionEvent): void => void unhandled.push(event.reason);
  addEventListener("unhandledrejection", note);
  const segmenter = await sharedSegmenter();
  const things = [document.body, {}, 7, null, undefined, [], () => undefined, Promise.resolve(), new Image()];
  for (const thing of things as unknown as HTMLImageElement[]) {
    const calls = [
      segment(thing, { point: [1, 1] }),
      segment(thing, { point: [1, 1] }, { supersede: true }),
      segmenter.setImage(thing),
      segmenter.setImage(thing, { signal: AbortSignal.timeout(60_000) }),
      segmenter.segmentEverything(thing),
      segmenter.saveEmbedding(thing),
    ];
    for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
      const message = expect.stringMatching(/^expected a picture( that the browser can read)?, got [A-Za-z]+(: .*)?$/);
      expect(reason).toMatchObject({ name: "InvalidImageError", message });
    }
  }
  const misspelled = [
    [() => segment(disc("#bb0000"), { piont: [1, 1] } as object), "segment's prompt", "point"],
    [() => segment(disc("#bb0000"), { point: [1, 1] }, { modle: "sam2.1-tiny" } as object), "segment", "model"],
    [() => sharedSegmenter({ Model: "sam2.1-tiny" } as object), "sharedSegmenter", "model"],
    [() => createSegmenter({ modle: "sam2.1-tiny" } as object), "createSegmenter", "model"],
  ] as const;
  for (const [call, name, near] of misspelled) {
    const message = expect.stringMatching(`^${name}: there is no option "\\w+"; did you mean ${near}\\?$`);
    await expect(call()).rejects.toMatchObject({ name: "UnknownOptionError", message });
  }
  await new Promise((resolve) => setTimeout(resolve));
  removeEventListener("unhandledrejection", note);
  expect(unhandled).toEqual([]);
});
