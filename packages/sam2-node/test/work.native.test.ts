/** The work of one picture: what batch, queue and server have in common. */
import { createSegmenter, decodeRle, maskArea, maskBox, type Segmenter } from "sam2-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  test("each gives the mask that it gives alone, and one without an area none", async () => {
    // more than are decoded at a time
    const boxes = Array.from({ length: 20 }, (_, i) => [10 * i, 5 * i, i === 7 ? 0 : 100 + i, 80] as const);
    const { masks } = await segmentBoxes(segmenter, PHOTO, boxes);
    expect(masks.map((mask) => mask !== null)).toEqual(boxes.map((_, i) => i !== 7));
    for (const place of [0, 8, 19]) {
      const [x, y, width, height] = boxes[place] as (typeof boxes)[number];
      const box = [x, y, x + width, y + height];
      const alone = await segmenter.segment({ image: PHOTO, box, multimask_output: false });
      expect(masks[place]?.segmentation).toEqual(alone.toRle());
      expect(masks[place]?.area).toBe(maskArea(alone.mask()));
      expect(masks[place]?.score).toBeCloseTo(alone.scores.data[0] as number, 5);
    }
  });

  test("none: nothing is wrong", async () => {
    expect(await segmentBoxes(segmenter, PHOTO, [])).toEqual({ width: 480, height: 320, masks: [] });
  });
});
