/** Node gives the browser's masks: the built-in model, a photograph, and a JPEG decoder of each one's own. */
import { fileURLToPath } from "node:url";
import { serve } from "headless/server";
import { createSegmenter, decodeRle, encodeRle, maskIou, type Rle } from "sam2-node";
import { expect, test } from "vitest";
import { sharedBrowser } from "../browser.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const SAMPLES = path("../../demo/public/samples/");

const PROMPTS = [
  { point_coords: [[500, 375]], point_labels: [1] },
  {
    point_coords: [
      [1100, 480],
      [1000, 600],
    ],
    point_labels: [1, 0],
  },
  { box: [100, 190, 1000, 600] },
];

test("masks of IoU ≥ 0.999, for clicks and a box", async () => {
  const server = await serve({
    folders: { "samples/": SAMPLES },
  });
  const page = await (await sharedBrowser()).newPage();
  const segmenter = await createSegmenter({ device: "cpu" });
  try {
    await page.goto(server.url);
    await page.waitForFunction(() => "sam2" in window);
    const expected = await page.evaluate(async (prompts) => {
      const browser = await window.sam2.createSegmenter({ model: "sam2-mini", device: "wasm" });
      const image = await browser.setImage("samples/truck.jpg");
      const found: Rle[] = [];
      for (const prompt of prompts) {
        const result = await browser.segment({ image, ...prompt });
        for (let index = 0; index < 3; index++) found.push(window.sam2.encodeRle(result.mask(index)));
      }
      await browser.dispose();
      return found;
    }, PROMPTS);
    const image = await segmenter.setImage(`${SAMPLES}truck.jpg`);
    const came: Rle[] = [];
    for (const prompt of PROMPTS) {
      const result = await segmenter.segment({ image, ...prompt });
      for (let index = 0; index < 3; index++) came.push(encodeRle(result.mask(index)));
    }
    expect(expected).toHaveLength(9);
    for (const [i, rle] of expected.entries()) {
      const agreement = maskIou(decodeRle(came[i] as Rle), decodeRle(rle));
      expect(agreement, `mask ${i % 3} of ${JSON.stringify(PROMPTS[Math.floor(i / 3)])}`).toBeGreaterThanOrEqual(0.999);
    }
  } finally {
    await segmenter.dispose();
    await page.close();
    await server.close();
  }
}, 120_000);
