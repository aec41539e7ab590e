/** A segmenter whose worker is ended behind its back, and one that is asked for several things at once. */
import { createSegmenter, isSam2Error, type Segmenter } from "sam2-web";
import { afterEach, expect, test } from "vitest";

const FILES = import.meta.glob<string>("../../../../models/reference/fixtures/{toy,photo}/*", {
  query: "?url",
  import: "default",
  eager: true,
});

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url ?? expect.fail(`no fixture ${name}`))).blob();
}

const OriginalWorker = globalThis.Worker;
let workers: Worker[] = [];

/** Every worker that is started is kept here, to be ended by the test. */
class ObservedWorker extends OriginalWorker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    workers.push(this);
  }
}

afterEach(() => {
  globalThis.Worker = OriginalWorker;
  workers = [];
});

async function open(onProgress?: (progress: { phase: string }) => void): Promise<Segmenter> {
  globalThis.Worker = ObservedWorker;
  const model = {
    id: "toy",
    config: await fixture("toy/config.json"),
    weights: [await fixture("toy/model.safetensors")],
  };
  return createSegmenter({ device: "wasm", model, ...(onProgress ? { onProgress } : {}) });
}

const POINT = { point_coords: [[200, 100]], point_labels: [1] };
const EVERYTHING = { points_per_side: 4, pred_iou_thresh: 0, stability_score_thresh: 0 };
const endWorker = (): void => workers.at(-1)?.terminate();

test("a worker that ends while it opens: a named error", async () => {
  const opening = open(({ phase }) => phase === "compile" && endWorker());
  await expect(opening).rejects.toSatisfy((error) => isSam2Error(error, "DeviceError"));
});

test.each<[string, (segmenter: Segmenter, photo: Blob) => Promise<unknown>]>([
  [
    "encoding",
    (segmenter, photo) => segmenter.setImage(photo, { onProgress: ({ phase }) => phase === "encode" && endWorker() }),
  ],
  [
    "a click",
    async (segmenter, photo) => {
      const image = await segmenter.setImage(photo);
      const answer = segmenter.segment({ image, ...POINT });
      endWorker();
      return answer;
    },
  ],
  [
    "everything mode",
    (segmenter, photo) => segmenter.segmentEverything(photo, { ...EVERYTHING, onProgress: endWorker }),
  ],
  [
    "nothing",
    async (segmenter, photo) => {
      const image = await segmenter.setImage(photo);
      endWorker();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return segmenter.segment({ image, ...POINT });
    },
  ],
])("a worker that ends during %s: a named error, and a restart mends it", async (_, work) => {
  const segmenter = await open();
  const photo = await fixture("photo/truck.png");
  await expect(work(segmenter, photo)).rejects.toSatisfy((error) => isSam2Error(error, "DeviceError"));
  await segmenter.restart();
  const { scores } = await segmenter.segment({ image: photo, ...POINT });
  expect(scores.data).toHaveLength(3);
  await segmenter.dispose();
});

test("two runs of everything with crops on one image give what each gives alone", async () => {
  const segmenter = await open();
  const image = await segmenter.setImage(await fixture("photo/truck.png"));
  // between two batches of a crop, the other run has its turn
  const batches = { ...EVERYTHING, crop_n_layers: 1, points_per_batch: 3 };
  const runs = [batches, { ...batches, points_per_side: 3, crop_overlap_ratio: 0.6 }];
  const alone = [];
  for (const options of runs) alone.push(await segmenter.segmentEverything(image, options));
  const together = await Promise.all(runs.map((options) => segmenter.segmentEverything(image, options)));
  expect(together).toEqual(alone);
  await segmenter.dispose();
});

test("of many images of which half are given up, the others answer", async () => {
  const segmenter = await open();
  const photo = await fixture("photo/truck.png");
  const images = Array.from({ length: 40 }, (_, i) => {
    const stop = new AbortController();
    const image = segmenter.setImage(photo, { signal: stop.signal });
    if (i % 2 === 1) stop.abort();
    return image;
  });
  const settled = await Promise.allSettled(images);
  expect(settled.map(({ status }) => status)).toEqual(
    Array.from({ length: 40 }, (_, i) => (i % 2 === 1 ? "rejected" : "fulfilled")),
  );
  const last = settled[38] as PromiseFulfilledResult<Awaited<(typeof images)[0]>>;
  expect((await segmenter.segment({ image: last.value, ...POINT })).scores.data).toHaveLength(3);
  await segmenter.dispose();
});
