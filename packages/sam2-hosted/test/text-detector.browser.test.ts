/** Words reach a detector of a real architecture (OWL-ViT, tiny, random weights), and boxes come back. */
import { createHostedFetch, createTextDetector } from "sam2-hosted";
import { createSegmenter } from "sam2-web";
import { expect, test } from "vitest";
import mjs from "../../../node_modules/@huggingface/transformers/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs?url";
import wasm from "../../../node_modules/@huggingface/transformers/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm?url";

const FILES = import.meta.glob<string>(
  ["../../../models/reference/fixtures/photo/truck.png", "../../../models/reference/fixtures/toy/*"],
  { query: "?url", import: "default", eager: true },
);

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url ?? expect.fail(`no fixture ${name}`))).blob();
}

const detector = () =>
  createTextDetector({
    model: "tiny-owlvit",
    localModelPath: new URL(".", import.meta.url).pathname,
    dtype: "fp32",
    threshold: 0,
    wasmPaths: { mjs: new URL(mjs, location.href).href, wasm: new URL(wasm, location.href).href },
  });

test("boxes lie in the picture, best first, and depend on the words", async () => {
  const photo = await fixture("truck.png");
  const { signal } = new AbortController();
  const tiny = detector();
  const [truck, wheel] = [await tiny.detect(photo, "truck", signal), await tiny.detect(photo, "a red wheel", signal)];
  expect(truck.length).toBeGreaterThan(3);
  const scores = truck.map(({ score }) => score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  expect(wheel.map(({ score }) => score)).not.toEqual(scores);
  for (const { box } of truck) {
    const [left, top, width, height] = box;
    expect(Math.min(left, top, 480 - left - width, 320 - top - height)).toBeGreaterThan(-320);
    expect(Math.min(width, height)).toBeGreaterThan(0);
  }
});

test("Segmind's prompt goes through it", async () => {
  const photo = await fixture("truck.png");
  const [config, weights] = [await fixture("config.json"), await fixture("model.safetensors")];
  const segmenter = await createSegmenter({ device: "wasm", model: { config, weights: [weights] } });
  const hosted = createHostedFetch(segmenter, { segmind: { textDetector: detector() } });
  const body = JSON.stringify({ image: URL.createObjectURL(photo), prompt: "truck", overlay_mask: false });
  const response = await hosted("https://api.segmind.com/v1/sam-v2-image", { method: "POST", body });
  expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "image/png"]);
  await segmenter.dispose();
});

test("a model that is not there is an error by name, and no end", async () => {
  const missing = createTextDetector({ model: "missing", localModelPath: new URL(".", import.meta.url).pathname });
  const photo = await fixture("truck.png");
  for (let i = 0; i < 2; i++) {
    const answer = missing.detect(photo, "truck", new AbortController().signal);
    await expect(answer).rejects.toMatchObject({
      name: "InvalidModelError",
      message: expect.stringContaining('the text detector "missing" could not be loaded'),
    });
  }
});
