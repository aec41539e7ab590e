/** The built-in model gives the same masks in the browser as in PyTorch, which made the fixture. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decodeRle, encodeRle, type Mask, type Rle, type SegmentPrompt } from "sam2-web";
import { expect, test } from "vitest";
import { launchBrowser } from "../packages/headless/src/browser.ts";
import { serve } from "../packages/headless/src/server.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const PHOTO = path("../models/reference/fixtures/photo/");

type Case = Omit<SegmentPrompt, "mask_input"> & { mask_input?: true; scores: number[][]; masks: Rle[][] };

function iou(a: Mask, b: Mask): number {
  const both = a.data.reduce((sum, value, i) => sum + (value & (b.data[i] as number)), 0);
  const either = a.data.reduce((sum, value, i) => sum + (value | (b.data[i] as number)), 0);
  return either === 0 ? 1 : both / either;
}

test("every kind of prompt", async () => {
  const cases = JSON.parse(await readFile(`${PHOTO}expected-sam2-mini.json`, "utf8")) as Case[];
  const server = await serve({ folders: { "models/sam2-mini/": path("../models/sam2-mini/onnx/"), "photo/": PHOTO } });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => "sam2" in window);
    const answers = await page.evaluate(
      async (prompts) => {
        const { createSegmenter, encodeRle } = window.sam2;
        const segmenter = await createSegmenter({ model: "sam2-mini", device: "wasm" });
        const image = await segmenter.setImage("photo/truck.png");
        const side = segmenter.model.maskSize;
        const wave = Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i));
        const found = [];
        for (const { mask_input, ...prompt } of prompts) {
          const mask = mask_input ? { mask_input: { data: wave, dims: [side, side] } } : {};
          const result = await segmenter.segment({ image, ...prompt, ...mask });
          const [objects = 0, count = 0] = result.scores.dims;
          const masks = Array.from({ length: objects }, (_, o) =>
            Array.from({ length: count }, (_, index) => encodeRle(result.mask(index, o))),
          );
          found.push({ scores: [...result.scores.data], masks });
        }
        await segmenter.dispose();
        return found;
      },
      cases.map(({ scores, masks, ...prompt }) => prompt),
    );
    for (const [index, { scores, masks, ...prompt }] of cases.entries()) {
      const name = JSON.stringify(prompt);
      const answer = answers[index] ?? expect.fail(`no answer to ${name}`);
      for (const [i, score] of scores.flat().entries()) expect(answer.scores[i], name).toBeCloseTo(score, 3);
      const came = answer.masks.flat();
      for (const [i, rle] of masks.flat().entries()) {
        const mask = decodeRle(came[i] ?? expect.fail(`too few masks for ${name}`));
        expect(encodeRle(mask).size).toEqual(rle.size);
        expect(iou(mask, decodeRle(rle)), name).toBeGreaterThanOrEqual(0.999);
      }
    }
  } finally {
    await browser.close();
    await server.close();
  }
}, 120_000);
