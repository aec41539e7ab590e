/** How long things take, and how much memory: nothing else runs meanwhile. */
import { readFileSync } from "node:fs";
import { launchBrowser } from "headless/browser";
import { ISOLATION } from "headless/pages";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ToyPage } from "../toy-page.ts";

let toy: ToyPage;
beforeAll(async () => {
  toy = await ToyPage.create(await launchBrowser());
});
afterAll(async () => {
  await toy.browser.close();
  await toy.dispose();
});
afterEach(() => toy.close());

beforeEach(() => toy.open());

test("aborting a download rejects at once", async () => {
  toy.handle = (path, _request, response) => {
    if (!path.endsWith("encoder.onnx")) return false;
    response.writeHead(200, { ...ISOLATION, "Content-Type": "application/octet-stream" });
    return true; // and never a byte
  };
  const [name, waited] = await toy.page.evaluate(async () => {
    const controller = new AbortController();
    const opening = window.sam2.createSegmenter({
      model: "models/toy/model.json",
      device: "wasm",
      signal: controller.signal,
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const start = performance.now();
    controller.abort();
    const error = await opening.catch((reason: Error) => reason);
    return [(error as Error).name, performance.now() - start] as const;
  });
  expect(name).toBe("AbortError");
  expect(waited).toBeLessThan(100);
});

test.skipIf(process.platform !== "linux")(
  "500 pictures, of which half are given up on the way and half segmented and released, keep memory flat",
  async () => {
    const session = await toy.browser.newBrowserCDPSession();
    /** Resident megabytes of the browser's renderers: pages and their workers. */
    const resident = async (): Promise<number> => {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      const renderers = processInfo.filter(({ type }) => type === "renderer");
      const pages = renderers.map(({ id }) => Number(readFileSync(`/proc/${id}/statm`, "utf8").split(" ")[1]));
      return (pages.reduce((sum, count) => sum + count, 0) * 4096) / 1e6;
    };
    await toy.page.evaluate(async () => {
      const { createSegmenter } = window.sam2;
      const segmenter = await createSegmenter({ model: "models/toy/model.json", device: "wasm" });
      const photo = await (await fetch("photo/truck.png")).blob();
      const phases = ["decode", "preprocess", "encode"];
      const giveUp = async (at: string | undefined): Promise<void> => {
        const stop = new AbortController();
        const onProgress = ({ phase }: { phase: string }): void => {
          if (phase === at) stop.abort();
        };
        const outcome = await segmenter
          .setImage(photo, { signal: stop.signal, onProgress })
          .catch((error) => error.name);
        if (outcome !== "AbortError") throw new Error(`given up in the phase ${at}: expected an AbortError`);
      };
      const segment = async (): Promise<void> => {
        const image = await segmenter.setImage(photo);
        const result = await segmenter.segment({ image, point_coords: [[192, 112]], point_labels: [1] });
        if (result.mask().width !== image.width) throw new Error("the mask has another size");
        await image.release();
      };
      /** Sets that many pictures. */
      const rounds = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i += 2) await Promise.all([giveUp(phases[(i / 2) % 3]), segment()]);
      };
      Object.assign(window, { rounds });
    });
    const run = (count: number): Promise<void> =>
      toy.page.evaluate((rounds) => (window as unknown as { rounds(n: number): Promise<void> }).rounds(rounds), count);
    await run(100);
    await toy.page.requestGC();
    const before = await resident();
    await run(400);
    await toy.page.requestGC();
    const after = await resident();
    expect(after / before).toBeLessThanOrEqual(1.05);
  },
);

test("the page stays responsive while a model is opened, an image encoded, and everything in it segmented", async () => {
  const longest = await toy.page.evaluate(async () => {
    const durations: number[] = [0];
    const observer = new PerformanceObserver((list) =>
      durations.push(...list.getEntries().map(({ duration }) => duration)),
    );
    observer.observe({ type: "longtask", buffered: false });
    const segmenter = await window.sam2.createSegmenter({ model: "models/toy/model.json", device: "wasm" });
    const image = await segmenter.setImage("photo/truck.png");
    const all = { points_per_side: 8, pred_iou_thresh: 0, stability_score_thresh: 0, box_nms_thresh: 1 };
    await segmenter.segmentEverything(image, { ...all, onProgress: () => undefined });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await segmenter.dispose();
    return Math.max(...durations);
  });
  expect(longest).toBeLessThanOrEqual(50);
});
