/** EdgeTAM through the whole library: a checkpoint converted on the device, from a picture to masks. */

import { createSegmenter, decodeRle, type Mask, maskArea, type Rle, type Segmenter } from "sam2-web";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededWeights } from "../../../sam2-export/test/seeded.ts";

const FILES = import.meta.glob<string>(
  [
    "../../../../models/reference/fixtures/photo/{truck.png,expected-edgetam.json}",
    "../../../../models/reference/fixtures/edgetam/tf_efficientnet_lite0/config.json",
  ],
  { query: "?url", import: "default", eager: true },
);

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url ?? expect.fail(`no fixture ${name}`))).blob();
}

interface Case {
  readonly mask_input?: true;
  readonly scores: readonly (readonly number[])[];
  readonly masks: readonly (readonly Rle[])[];
}

const SIDE = 16;
const wave = { data: Float32Array.from({ length: SIDE ** 2 }, (_, i) => 9 * Math.sin(0.021 * i)), dims: [SIDE, SIDE] };

function iou(a: Mask, b: Mask): number {
  let both = 0;
  for (let i = 0; i < a.data.length; i++) both += (a.data[i] as number) & (b.data[i] as number);
  const either = maskArea(a) + maskArea(b) - both;
  return either === 0 ? 1 : both / either;
}

let model: { config: Blob; weights: Blob[] };
let photo: Blob;
let segmenter: Segmenter;
beforeAll(async () => {
  const config = await fixture("config.json");
  const weights = seededWeights(JSON.parse(await config.text())) as Uint8Array<ArrayBuffer>;
  model = { config, weights: [new Blob([weights])] };
  photo = await fixture("truck.png");
  segmenter = await createSegmenter({ device: "wasm", model });
});
afterAll(() => segmenter.dispose());

test("points, boxes, mask inputs and batches are answered as by the reference", async () => {
  const cases: Case[] = JSON.parse(await (await fixture("expected-edgetam.json")).text());
  const image = await segmenter.setImage(photo);
  for (const { scores, masks, mask_input, ...prompt } of cases) {
    const name = JSON.stringify(prompt);
    const result = await segmenter.segment({ image, ...prompt, ...(mask_input ? { mask_input: wave } : {}) });
    for (const [object, expected] of masks.entries()) {
      for (const [index, rle] of expected.entries()) {
        const score = result.scores.data[object * expected.length + index];
        expect(score, name).toBeCloseTo(scores[object]?.[index] as number, 4);
        expect(iou(result.mask(index, object), decodeRle(rle)), name).toBeGreaterThanOrEqual(0.999);
      }
    }
  }
});

test("everything mode finds masks", async () => {
  const image = await segmenter.setImage(photo);
  const found = await segmenter.segmentEverything(image, {
    points_per_side: 4,
    pred_iou_thresh: 0,
    stability_score_thresh: 0,
  });
  expect(found.length).toBeGreaterThan(0);
  for (const { segmentation, area } of found) expect(maskArea(decodeRle(segmentation as Rle))).toBe(area);
});

test("a draft of half the size gives way to the whole", async () => {
  // what was noted of this model's speed would make a draft needless
  await segmenter.deleteCached();
  const drafting = await createSegmenter({ device: "wasm", model, draft: true });
  const phases: string[] = [];
  const image = await drafting.setImage(photo, {
    onProgress: ({ phase, quality }) => phases.push(`${quality} ${phase}`),
  });
  const point = { point_coords: [[200, 100]], point_labels: [1] };
  await image.refined;
  expect(phases).toContain("draft encode");
  const late = await drafting.segment({ image, ...point });
  const whole = await segmenter.segment({ image: photo, ...point });
  expect(late.scores.data).toEqual(whole.scores.data);
  await drafting.dispose();
});
