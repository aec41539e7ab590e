/** The built-in model gives the same masks in the browser, and in onnxruntime, as in PyTorch, which made the fixture. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { serve } from "headless/server";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { clampLogits, normalize, stretch, toModelPrompt } from "sam2-core";
import { encodeRle, type Mask, type ModelSpec, resizeMask } from "sam2-web";
import { expect, test } from "vitest";
import { sharedBrowser } from "../browser.ts";
import { type Answer, expectSame, PHOTO, readCases } from "../reference.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const ONNX = path("../../models/sam2-mini/onnx/");

const CASES = await readCases("expected-sam2-mini.json");

test("every kind of prompt, in the browser", async () => {
  const server = await serve({ folders: { "photo/": PHOTO } });
  const page = await (await sharedBrowser()).newPage();
  try {
    await page.goto(server.url);
    await page.waitForFunction(() => "sam2" in window);
    const answers = await page.evaluate(
      async (prompts) => {
        const { createSegmenter, encodeRle } = window.sam2;
        const segmenter = await createSegmenter({ model: "sam2-mini", device: "wasm" });
        const image = await segmenter.setImage("photo/truck.png");
        const side = segmenter.model.maskSize;
        const wave = Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i));
        const found: Answer[] = [];
        for (const { mask_input, ...prompt } of prompts) {
          const mask = mask_input ? { mask_input: { data: wave, dims: [side, side] } } : {};
          const result = await segmenter.segment({ image, ...prompt, ...mask });
          const [objects = 0, count = 0] = result.scores.dims;
          const masks = Array.from({ length: objects }, (_, o) =>
            Array.from({ length: count }, (_, index) => encodeRle(result.mask(index, o))),
          );
          found.push({ scores: [...result.scores.data], masks: masks.flat() });
        }
        await segmenter.dispose();
        return found;
      },
      CASES.map(({ scores, masks, ...prompt }) => prompt),
    );
    for (const [index, each] of CASES.entries()) expectSame(answers[index], each);
  } finally {
    await page.close();
    await server.close();
  }
}, 120_000);

// which of the masks is shown alone, and small regions, are matters of the library and not of the graphs
const OF_THE_GRAPHS = CASES.filter((each) => each.multimask_output !== false && each.max_hole_area === undefined);

test("three masks of every kind of prompt, in onnxruntime", async () => {
  expect(OF_THE_GRAPHS.length).toBeGreaterThan(5);
  const spec = JSON.parse(await readFile(`${ONNX}model.json`, "utf8")) as ModelSpec;
  const { imageSize, maskSize: side, mean, std } = spec;
  const [encoder, decoder] = await Promise.all(
    ["encoder.onnx", "decoder.onnx"].map((name) => InferenceSession.create(`${ONNX}${name}`, { logSeverityLevel: 3 })),
  );
  const { data: samples, width, height, channels } = decode(await readFile(`${PHOTO}truck.png`));
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : (samples[channels * (i >> 2) + (i % 4)] as number),
  );
  const pixels = normalize(stretch({ data, width, height }, imageSize), mean, std);
  const embedding = await encoder?.run({ image: new Tensor("float32", pixels, [1, 3, imageSize, imageSize]) });
  for (const { mask_input, ...each } of OF_THE_GRAPHS) {
    const wave = Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i));
    const mask = mask_input ? { mask_input: { data: wave, dims: [side, side] } } : {};
    const {
      coords,
      labels,
      mask: given,
    } = toModelPrompt({ ...each, ...mask }, { width, height, imageSize, maskSize: side });
    const count = coords.dims[0] as number;
    const answer = await decoder?.run({
      ...embedding,
      point_coords: new Tensor("float32", coords.data, [...coords.dims]),
      point_labels: new Tensor("float32", labels.data, [...labels.dims]),
      mask_input: new Tensor("float32", given?.data ?? new Float32Array(count * side * side), [count, 1, side, side]),
      has_mask_input: new Tensor("float32", new Float32Array(count).fill(given ? 1 : 0), [count]),
    });
    const logits = answer?.masks?.data as Float32Array;
    const scores = answer?.iou_predictions?.data as Float32Array;
    clampLogits(logits);
    const best = Array.from({ length: count }, (_, object) =>
      [1, 2, 3].map((token) => 4 * object + token).sort((a, b) => (scores[b] as number) - (scores[a] as number)),
    ).flat();
    const maskOf = (index: number): Mask =>
      resizeMask(logits.subarray(index * side * side, (index + 1) * side * side), side, width, height);
    expectSame({ scores: best.map((i) => scores[i] as number), masks: best.map((i) => encodeRle(maskOf(i))) }, each);
  }
}, 120_000);
