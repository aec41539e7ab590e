/** From a picture to masks in the browser, against the reference's answers; on WASM and on software WebGPU. */

import { byteSource, readSafetensors } from "sam2-export";
import {
  createSegmenter,
  decodeRle,
  type Mask,
  maskArea,
  type Rle,
  type Segmenter,
  type SegmenterImage,
  type SegmentPrompt,
  type SegmentResult,
  toLivepeerJSON,
} from "sam2-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage, normalise, stretch } from "../src/image.ts";

const FILES = import.meta.glob<string>(["../../../models/reference/fixtures/{toy,photo,transformers.js}/*"], {
  query: "?url",
  import: "default",
  eager: true,
});

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url as string)).blob();
}

const json = async (name: string): Promise<any> => JSON.parse(await (await fixture(name)).text());

type Case = Omit<SegmentPrompt, "mask_input"> & { mask_input?: true; scores: number[][]; masks: Rle[][] };

/** The mask prompt that the reference was given. */
function maskInput(side: number): { data: Float32Array; dims: number[] } {
  return { data: Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i)), dims: [side, side] };
}

function iou(a: Mask, b: Mask): number {
  let both = 0;
  for (let i = 0; i < a.data.length; i++) both += (a.data[i] as number) & (b.data[i] as number);
  const either = maskArea(a) + maskArea(b) - both;
  return either === 0 ? 1 : both / either;
}

/** Scores within 1e-3 and masks of IoU ≥ 0.999, for each object and each of its masks. */
function expectAnswer(result: SegmentResult, scores: number[][], masks: Rle[][], name: string): void {
  for (const [object, expected] of masks.entries()) {
    for (const [index, rle] of expected.entries()) {
      const came = result.scores.data[object * expected.length + index];
      expect(came, name).toBeCloseTo(scores[object]?.[index] as number, 3);
      expect(iou(result.mask(index, object), decodeRle(rle)), name).toBeGreaterThanOrEqual(0.999);
    }
  }
}

let photo: Blob;
beforeAll(async () => {
  photo = await fixture("photo/truck.png");
});

async function openToy(device: "wasm" | "webgpu"): Promise<Segmenter> {
  const [config, weights] = [await fixture("toy/config.json"), await fixture("toy/model.safetensors")];
  return createSegmenter({ device, model: { id: "toy", config, weights: [weights] } });
}

test("pixels are the reference's, to the bit", async () => {
  const entries = await readSafetensors(byteSource(await fixture("photo/pixels.safetensors")));
  const { start, end, source } = entries.get("pixels") ?? expect.fail("no pixels");
  const expected = new Float32Array((await source.read(start, end)).slice().buffer);
  const came = normalise(stretch(await decodeImage(photo), 128), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
  const worst = came.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0);
  expect(worst).toBeLessThan(1e-6);
});

describe.each(["wasm", "webgpu"] as const)("%s", (device) => {
  let segmenter: Segmenter;
  let image: SegmenterImage;
  let cases: Case[];
  beforeAll(async () => {
    segmenter = await openToy(device);
    image = await segmenter.setImage(photo);
    cases = await json("photo/expected.json");
  });
  afterAll(() => segmenter.dispose());

  test("says what runs where", () => {
    expect(segmenter.device).toMatchObject({ encoder: device, decoder: device });
    expect(segmenter.device.reason).not.toBe("");
    expect(image).toMatchObject({ width: 480, height: 320 });
  });

  test("every kind of prompt gives the reference's masks and scores", async () => {
    for (const { scores, masks, mask_input, ...prompt } of cases) {
      const request = mask_input ? { ...prompt, mask_input: maskInput(32) } : prompt;
      const result = await segmenter.segment({ image, ...request });
      const name = JSON.stringify(prompt);
      expect(result.scores.dims, name).toEqual([scores.length, scores[0]?.length]);
      expectAnswer(result, scores, masks, name);
    }
  });
});

test("files in the layout of transformers.js give the same masks, and say that they take no mask_input", async () => {
  const [encoder, decoder] = [
    await fixture("transformers.js/vision_encoder.onnx"),
    await fixture("transformers.js/prompt_encoder_mask_decoder.onnx"),
  ];
  const segmenter = await createSegmenter({ device: "wasm", model: { encoder, decoder, imageSize: 128 } });
  const image = await segmenter.setImage(photo);
  expect(segmenter.takesMaskInput).toBe(false);
  const cases: Case[] = await json("photo/expected.json");
  for (const { scores, masks, mask_input, ...prompt } of cases.filter(
    ({ multimask_output }) => multimask_output !== false,
  )) {
    const name = JSON.stringify(prompt);
    if (mask_input) {
      const request = segmenter.segment({ image, ...prompt, mask_input: maskInput(32) });
      await expect(request).rejects.toMatchObject({ name: "UnsupportedPromptError" });
      continue;
    }
    const result = await segmenter.segment({ image, ...prompt });
    expectAnswer(result, scores, masks, name);
  }
  await segmenter.dispose();
});

describe("results", () => {
  let segmenter: Segmenter;
  let image: SegmenterImage;
  beforeAll(async () => {
    segmenter = await openToy("wasm");
    image = await segmenter.setImage(photo);
  });
  afterAll(() => segmenter.dispose());
  const point = { point_coords: [[200, 100]], point_labels: [1] };

  test("masks, logits and scores have the shapes of the request", async () => {
    const result = await segmenter.segment({ image, ...point });
    expect(result.masks.dims).toEqual([1, 3, 320, 480]);
    expect(result.masks.data).toBeInstanceOf(Uint8Array);
    expect(result.logits.dims).toEqual([1, 3, 32, 32]);
    expect(result.masks).toBe(result.masks);
    const logits = await segmenter.segment({ image, ...point, return_logits: true });
    expect(logits.masks.data).toBeInstanceOf(Float32Array);
    const thresholded = Array.from(logits.masks.data, (value) => Number(value > 0));
    const differing = thresholded.filter((value, i) => value !== result.masks.data[i]).length;
    expect(differing).toBeLessThan(5);
  });

  test("logits feed back as mask_input", async () => {
    const first = await segmenter.segment({ image, ...point });
    const again = await segmenter.segment({ image, ...point, mask_input: first.maskInput() });
    expect(again.scores.data).not.toEqual(first.scores.data);
  });

  test("Livepeer's three strings", async () => {
    const result = await segmenter.segment({ image, ...point });
    const { masks, scores, logits } = toLivepeerJSON(result);
    const [m, s, l] = [masks, scores, logits].map((text) => JSON.parse(text));
    expect([m.length, m[0].length, m[0][0].length]).toEqual([3, 320, 480]);
    expect(s).toEqual([...s].sort((a: number, b: number) => b - a));
    expect([l.length, l[0].length, l[0][0].length]).toEqual([3, 32, 32]);
  });

  test("any picture does, and is encoded once", async () => {
    const bitmap = await createImageBitmap(photo);
    const canvas = new OffscreenCanvas(480, 320);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    const element = document.createElement("img");
    element.src = URL.createObjectURL(photo);
    const page = document.createElement("canvas");
    page.width = 480;
    page.height = 320;
    page.getContext("2d")?.drawImage(bitmap, 0, 0);
    const sources = [
      photo,
      bitmap,
      canvas,
      page,
      element,
      element.src,
      context.getImageData(0, 0, 480, 320),
      new VideoFrame(bitmap, { timestamp: 0 }),
    ];
    const expected = (await segmenter.segment({ image, ...point })).scores.data;
    for (const source of sources) {
      const { scores } = await segmenter.segment({ image: source, ...point });
      expect(scores.data, source.constructor.name).toEqual(expected);
    }
    expect(bitmap.width).toBe(480); // still the caller's
  });

  test("transparency is laid over black", async () => {
    const clear = new OffscreenCanvas(8, 8);
    clear.getContext("2d")?.clearRect(0, 0, 8, 8);
    const { data } = await decodeImage(await clear.convertToBlob());
    expect([...data.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
  });
});

describe("bad input is refused by name, and the segmenter stays usable", () => {
  let segmenter: Segmenter;
  let image: SegmenterImage;
  beforeAll(async () => {
    segmenter = await openToy("wasm");
    image = await segmenter.setImage(photo);
  });
  afterAll(() => segmenter.dispose());
  const wide = (): ImageData => new ImageData(20_000, 1);

  test.each<[string, () => Promise<unknown>, string]>([
    ["not an image", () => segmenter.setImage(new Blob(["hello"], { type: "image/png" })), "InvalidImageError"],
    ["an address that is not there", () => segmenter.setImage("/no-such-picture.png"), "InvalidImageError"],
    ["20,000 pixels wide", () => segmenter.setImage(wide()), "InvalidImageError"],
    [
      "a bad label",
      () => segmenter.segment({ image, point_coords: [[1, 1]], point_labels: [3] }),
      "InvalidPromptError",
    ],
    ["no prompt", () => segmenter.segment({ image }), "InvalidPromptError"],
    ["an unknown model", () => createSegmenter({ model: "sam9" }), "UnknownModelError"],
    [
      "a model that is no model",
      () => createSegmenter({ device: "wasm", model: { encoder: photo, decoder: photo } }),
      "InvalidModelError",
    ],
    [
      "a broken checkpoint",
      async () => createSegmenter({ model: { config: await fixture("toy/config.json"), weights: [photo] } }),
      "InvalidSafetensorsError",
    ],
  ])("%s", async (_, call, name) => {
    await expect(call()).rejects.toMatchObject({ name });
    const result = await segmenter.segment({ image, point_coords: [[200, 100]], point_labels: [1] });
    expect(result.scores.data).toHaveLength(3);
  });

  test("an image that was released", async () => {
    const other = await segmenter.setImage(photo);
    await other.release();
    await expect(segmenter.segment({ image: other, box: [0, 0, 9, 9] })).rejects.toMatchObject({
      name: "ImageReleasedError",
    });
  });
});

describe("control", () => {
  const point = { point_coords: [[200, 100]], point_labels: [1] };

  test("an aborted call rejects at once with the signal's reason", async () => {
    const segmenter = await openToy("wasm");
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(createSegmenter({ signal: aborted })).rejects.toThrow("enough");
    await expect(segmenter.setImage(photo, { signal: aborted })).rejects.toThrow("enough");
    const controller = new AbortController();
    const call = segmenter.setImage(photo, { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    const image = await segmenter.setImage(photo);
    const second = new AbortController();
    const stale = segmenter.segment({ image, ...point }, { signal: second.signal });
    second.abort();
    await expect(stale).rejects.toMatchObject({ name: "AbortError" });
    expect((await segmenter.segment({ image, ...point })).scores.data).toHaveLength(3);
    await segmenter.dispose();
  });

  test("a request that follows the pointer takes the place of those before it", async () => {
    const segmenter = await openToy("wasm");
    const image = await segmenter.setImage(photo);
    const requests = Array.from({ length: 20 }, (_, i) =>
      segmenter.segment({ image, point_coords: [[20 * i, 100]], point_labels: [1] }, { supersede: true }),
    );
    const settled = await Promise.allSettled(requests);
    const names = settled.map((each) => (each.status === "fulfilled" ? "answered" : (each.reason as Error).name));
    expect(names).toEqual([...Array(19).fill("AbortError"), "answered"]);
    const alone = await segmenter.segment({ image, point_coords: [[380, 100]], point_labels: [1] });
    expect((settled[19] as PromiseFulfilledResult<typeof alone>).value.scores.data).toEqual(alone.scores.data);
    await segmenter.dispose();
  });

  test("after dispose every call says so", async () => {
    const segmenter = await openToy("wasm");
    const image = await segmenter.setImage(photo);
    await segmenter.dispose();
    await segmenter.dispose();
    await expect(segmenter.segment({ image, ...point })).rejects.toMatchObject({ name: "DisposedError" });
    await image.release();
  });

  test("the least recently used embedding makes room", async () => {
    const [config, weights] = [await fixture("toy/config.json"), await fixture("toy/model.safetensors")];
    const segmenter = await createSegmenter({
      device: "wasm",
      embeddingBudget: 70_000,
      model: { config, weights: [weights] },
    });
    const first = await segmenter.setImage(photo);
    const second = await segmenter.setImage(photo);
    const third = await segmenter.setImage(photo);
    await expect(segmenter.segment({ image: first, ...point })).rejects.toMatchObject({ name: "ImageReleasedError" });
    await segmenter.segment({ image: third, ...point });
    await segmenter.dispose();
    void second;
  });

  test("progress tells the phases", async () => {
    const phases: string[] = [];
    const [config, weights] = [await fixture("toy/config.json"), await fixture("toy/model.safetensors")];
    const segmenter = await createSegmenter({
      device: "wasm",
      model: { config, weights: [weights] },
      onProgress: ({ phase }) => phases.push(phase),
    });
    expect(phases).toContain("compile");
    await segmenter.dispose();
  });
});
