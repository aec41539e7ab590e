/** The work of one picture: what batch, queue and server have in common, and which worker of a queue does it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createSegmenter, decodeRle, maskArea, maskBox, type Segmenter } from "sam2-node";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { REDIS, Redis } from "../../../e2e/faults/redis.ts";
import { runOnQueue } from "../dist/queue/batch.js";
import { VERSION } from "../dist/queue/job.js";
import { startWorker } from "../dist/queue/worker.js";
import { segmentBoxes } from "../dist/work/boxes.js";
import { findEverything } from "../dist/work/everything.js";
import { FIXTURES, PHOTO } from "./reference.ts";

let segmenter: Segmenter;
beforeAll(async () => {
  segmenter = await createSegmenter({ model: `${FIXTURES}toy`, device: "cpu" });
});
afterAll(() => segmenter.dispose());

test("everything: masks that are what they say", async () => {
  const limits = { points_per_side: 4, pred_iou_thresh: 0.01, stability_score_thresh: 0.01 };
  const { width, height, masks } = await findEverything(segmenter, PHOTO, limits);
  expect([width, height]).toEqual([480, 320]);
  expect(masks.length).toBeGreaterThan(0);
  for (const { segmentation, area, bbox } of masks) {
    const mask = decodeRle(segmentation);
    expect([maskArea(mask), maskBox(mask)]).toEqual([area, bbox]);
  }
});

describe("boxes", () => {
  /** Of boxes without an area, or none in float32, in which the decoder takes them. */
  const WIDTHS: Readonly<Record<number, number>> = { 3: -20, 7: 0, 11: 1e-6, 15: 1e39 };

  test("each gives the mask that it gives alone, and one without an area none", async () => {
    // more than are decoded at a time
    const boxes = Array.from({ length: 20 }, (_, i) => [10 * i, 5 * i, WIDTHS[i] ?? 100 + i, 80] as const);
    const { masks } = await segmentBoxes(segmenter, PHOTO, boxes);
    expect(masks.map((mask) => mask !== null)).toEqual(boxes.map((_, i) => !(i in WIDTHS)));
    for (const place of [0, 8, 19]) {
      const [x, y, width, height] = boxes[place] as (typeof boxes)[number];
      const box = [x, y, x + width, y + height];
      const alone = await segmenter.segment({ image: PHOTO, box, multimask_output: false });
      expect(masks[place]?.segmentation).toEqual(alone.toRle());
      expect(masks[place]?.area).toBe(maskArea(alone.mask()));
      expect(masks[place]?.score).toBeCloseTo(alone.scores.data[0] as number, 5);
    }
  });

  test("with a second look, each gives the mask that it then gives alone", async () => {
    const boxes = [
      [100, 80, 40, 30],
      [300, 200, 24, 40],
    ] as const;
    const { masks } = await segmentBoxes(segmenter, PHOTO, boxes, { detail: "always" });
    for (const [place, [x, y, width, height]] of boxes.entries()) {
      const prompt = { image: PHOTO, box: [x, y, x + width, y + height], multimask_output: false };
      const alone = await segmenter.segment(prompt, { detail: "always" });
      expect(masks[place]?.segmentation).toEqual(alone.toRle());
    }
  });

  test("none: nothing is wrong", async () => {
    expect(await segmentBoxes(segmenter, PHOTO, [])).toEqual({ width: 480, height: 320, masks: [] });
  });
});

test.skipIf(!REDIS)(
  "a worker takes pictures of its own model only; the others wait for theirs, and are told",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "sam2-queue-"));
    const redis = await Redis.start(folder);
    onTestFinished(async () => {
      await redis.kill();
      await rm(folder, { recursive: true });
    });
    const told: string[] = [];
    const work = (model: string) =>
      startWorker({
        url: redis.url,
        model,
        segmenter: { model: `${FIXTURES}toy`, device: "cpu", dtype: "fp32", threads: 1 },
        workers: 1,
        takeOver: 30_000,
        metrics: { host: "127.0.0.1", port: 0 },
        log: (_, event, { queue = "" } = {}) => void told.push(`${model}: ${event} ${queue}`.trim()),
      });
    const other = await work("other");
    const metrics = async (): Promise<string> => (await fetch(`${other.metricsUrl}/metrics`)).text();
    const failed: string[] = [];
    const asking: string[] = [];
    const batch = runOnQueue({
      url: redis.url,
      model: "toy",
      pictures: [0, 1, 2].map((i) => ({
        key: String(i),
        job: {
          work: { kind: "boxes", boxes: [[10 * i, 10, 100, 80]] } as const,
          folder: dirname(PHOTO),
          picture: basename(PHOTO),
          to: { folder },
          model: "toy",
          version: VERSION,
        },
      })),
      log: (_, event) => void asking.push(event),
      keep: async () => undefined,
      onEnd: (_, error) => error && failed.push(error),
    });
    await expect.poll(metrics, { timeout: 30_000 }).toMatch(/queue="sam2-[^"]*-toy",state="waiting"\} 3\n/);
    await expect.poll(metrics, { timeout: 30_000 }).toMatch(/queue="sam2-[^"]*-other",state="waiting"\} 0\n/);
    const another = await work("another");
    await expect.poll(() => told.length, { timeout: 30_000 }).toBe(3);
    const right = await work("toy");
    await batch;
    expect(failed).toEqual([]);
    expect(asking[0]).toBe("no worker");
    expect(told.filter((line) => !line.startsWith("toy"))).toEqual([
      "other: working",
      "another: working",
      expect.stringMatching(/^another: no worker sam2-.*-toy$/),
    ]);
    expect(told.filter((line) => line === "toy: picture done")).toHaveLength(3);
    await Promise.all([other, another, right].map((worker) => worker.close()));
  },
  120_000,
);
