/** From a picture to masks in the browser, against the reference's answers; on WASM and on software WebGPU. */

import { normalize, stretch } from "sam2-core";
import { byteSource, readSafetensors } from "sam2-export";
import {
  createSegmenter,
  decodeRle,
  type EverythingMask,
  type EverythingOptions,
  maskArea,
  maskBox,
  maskIou,
  type Rle,
  resizeLogits,
  type Segmenter,
  type SegmenterImage,
  type SegmenterOptions,
  type SegmentPrompt,
  type SegmentResult,
  toLivepeerJSON,
} from "sam2-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stretchOnGpu } from "../../src/image/gpu-stretch.ts";
import { decodeImage, readPixels } from "../../src/image/source.ts";

const FILES = import.meta.glob<string>(
  [
    "../../../../models/reference/fixtures/{toy,photo,transformers.js,samexporter}/*",
    "../../../../models/sam2-mini/{config.json,model.safetensors}",
  ],
  { query: "?url", import: "default", eager: true },
);

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url ?? expect.fail(`no fixture ${name}`))).blob();
}

const json = async (name: string): Promise<any> => JSON.parse(await (await fixture(name)).text());

type Case = Omit<SegmentPrompt, "mask_input"> & { mask_input?: true; scores: number[][]; masks: Rle[][] };

/** The mask prompt that the reference was given. */
function maskInput(side: number): { data: Float32Array; dims: number[] } {
  return { data: Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i)), dims: [side, side] };
}

/** Scores within 1e-3 and masks of IoU ≥ 0.999, for each object and each of its masks. */
function expectAnswer(result: SegmentResult, scores: number[][], masks: Rle[][], name: string): void {
  for (const [object, expected] of masks.entries()) {
    for (const [index, rle] of expected.entries()) {
      const came = result.scores.data[object * expected.length + index];
      expect(came, name).toBeCloseTo(scores[object]?.[index] as number, 3);
      expect(maskIou(result.mask(index, object), decodeRle(rle)), name).toBeGreaterThanOrEqual(0.999);
    }
  }
}

let photo: Blob;
beforeAll(async () => {
  photo = await fixture("photo/truck.png");
});

/** Forgets what was measured about models on this device. */
async function clearNotes(): Promise<void> {
  const segmenter = await openToy("wasm");
  await segmenter.deleteCached();
  await segmenter.dispose();
}

async function openToy(device: "wasm" | "webgpu", options: SegmenterOptions = {}): Promise<Segmenter> {
  const [config, weights] = [await fixture("toy/config.json"), await fixture("toy/model.safetensors")];
  return createSegmenter({ device, dtype: "fp32", model: { id: "toy", config, weights: [weights] }, ...options });
}

/** The GPU that tests have: emulated in software. */
async function softwareGpu(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  return (await adapter?.requestDevice()) as GPUDevice;
}

describe("preprocessing", () => {
  test("pixels are the reference's, to the bit", async () => {
    const entries = await readSafetensors(byteSource(await fixture("photo/pixels.safetensors")));
    const { start, end, source } = entries.get("pixels") ?? expect.fail("no pixels");
    const expected = await source.read(start, end);
    const came = stretch(readPixels(await decodeImage(photo)), 128);
    const plane = 128 * 128;
    expect(Array.from(expected, (_, i) => came[3 * (i % plane) + Math.floor(i / plane)])).toEqual([...expected]);
  });

  test("normalized by the mean and deviation of each channel, channels first", () => {
    const rgb = Uint8ClampedArray.of(0, 51, 255, 255, 102, 0);
    const came = normalize(rgb, [0.5, 0.4, 0], [0.5, 0.2, 1]);
    expect([...came]).toEqual([-1, 1, -1, 0, 1, 0].map(Math.fround));
  });

  test.each([
    ["shrunk", 480, 320, 128],
    ["grown", 40, 30, 64],
    ["narrow", 2000, 7, 96],
  ])("the GPU gives the CPU's pixels, to the bit: %s", async (_, width, height, size) => {
    const bitmap = await createImageBitmap(photo, { resizeWidth: width, resizeHeight: height });
    const expected = stretch(readPixels(bitmap), size);
    const came = await stretchOnGpu(await softwareGpu(), bitmap, size);
    expect(came).toEqual(expected);
  });

  test("a picture that the GPU cannot hold is left to the CPU", async () => {
    const bitmap = await createImageBitmap(new ImageData(9000, 1));
    expect(await stretchOnGpu(await softwareGpu(), bitmap, 64)).toBeNull();
  });
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

  test("an embedding that was saved answers as its picture does, here and with the decoder alone", async () => {
    const prompt = { box: [90, 60, 300, 200], multimask_output: false };
    const exact = (await segmenter.segment({ image, ...prompt })).mask();
    const answers = async (asked: Segmenter, about: SegmenterImage): Promise<number> =>
      maskIou((await asked.segment({ image: about, ...prompt })).mask(), exact);
    const bytes = await segmenter.saveEmbedding(image);
    // what was read from a GPU goes on
    expect(await answers(segmenter, image)).toBe(1);
    expect(await answers(segmenter, await segmenter.setImage(photo, { embedding: bytes }))).toBeGreaterThan(0.98);
    const lazy = await openToy("wasm", { lazyEncoder: true });
    expect(lazy.device).toMatchObject({ decoder: "wasm", reason: expect.stringContaining("the decoder alone") });
    const address = URL.createObjectURL(new Blob([bytes]));
    const given = await lazy.setImage(photo, { embedding: address });
    expect(given).toMatchObject({ width: 480, height: 320, timings: { encode: 0 } });
    expect(await answers(lazy, given)).toBeGreaterThan(0.98);
    const ofPixels = await lazy.setImage(await createImageBitmap(photo), { embedding: bytes });
    await expect(lazy.setImage(photo, { embedding: "/nowhere.safetensors" })).rejects.toMatchObject({
      name: "DownloadError",
    });
    // the encoder is opened now; what is set goes on
    const encoded = await lazy.setImage(photo);
    expect(await lazy.currentDevice()).toMatchObject({ encoder: "wasm", reason: expect.stringMatching(/^asked for/) });
    for (const again of [given, ofPixels, encoded]) expect(await answers(lazy, again)).toBeGreaterThan(0.98);
    await lazy.dispose();
  });

  test("prompts give the reference's masks and scores", async () => {
    // on a GPU all prompts are tested without the library, in sam2-export; here one of each shape of answer
    const chosen =
      device === "wasm" ? cases : cases.filter(({ mask_input, scores }) => mask_input || scores.length > 1);
    expect(chosen.length).toBeGreaterThan(1);
    for (const { scores, masks, mask_input, ...prompt } of chosen) {
      const request = mask_input ? { ...prompt, mask_input: maskInput(32) } : prompt;
      const result = await segmenter.segment({ image, ...request });
      const name = JSON.stringify(prompt);
      expect(result.scores.dims, name).toEqual([scores.length, scores[0]?.length]);
      expectAnswer(result, scores, masks, name);
    }
  });
});

describe.each([
  ["transformers.js", "vision_encoder.onnx", "prompt_encoder_mask_decoder.onnx", false],
  ["samexporter", "encoder.onnx", "decoder.onnx", true],
] as const)("files in the layout of %s", (layout, encoder, decoder, takesMaskInput) => {
  test("give the same masks; mask_input where they take it", async () => {
    const files = { encoder: await fixture(`${layout}/${encoder}`), decoder: await fixture(`${layout}/${decoder}`) };
    const segmenter = await createSegmenter({ device: "wasm", model: { ...files, imageSize: 128 } });
    const image = await segmenter.setImage(photo);
    expect(segmenter.takesMaskInput).toBe(takesMaskInput);
    const cases: Case[] = await json("photo/expected.json");
    // these files have no single-mask token
    const several = cases.filter(({ multimask_output }) => multimask_output !== false);
    for (const { scores, masks, mask_input, ...prompt } of several) {
      const request = mask_input ? { ...prompt, mask_input: maskInput(32) } : prompt;
      const answer = segmenter.segment({ image, ...request });
      if (mask_input && !takesMaskInput) {
        await expect(answer).rejects.toMatchObject({ name: "UnsupportedPromptError" });
      } else {
        expectAnswer(await answer, scores, masks, JSON.stringify(prompt));
      }
    }
    await segmenter.dispose();
  });
});

test("int8 on WASM: nearly the same masks, and the device says so", async () => {
  const [whole, exact] = [await openToy("wasm", { dtype: "int8" }), await openToy("wasm")];
  expect(whole.device).toMatchObject({ encoder: "wasm", dtype: "int8" });
  const request = { image: photo, point_coords: [[200, 100]], point_labels: [1], multimask_output: false };
  const [near, right] = [await whole.segment(request), await exact.segment(request)];
  expect(near.scores.data).not.toEqual(right.scores.data);
  expect(maskIou(near.mask(), right.mask())).toBeGreaterThan(0.9);
  await Promise.all([whole.dispose(), exact.dispose()]);
});

describe("draft", () => {
  const point = { point_coords: [[200, 100]], point_labels: [1] };

  test("it answers first; the full encoding takes its place", async () => {
    await clearNotes();
    const [config, weights] = [await fixture("toy/config.json"), await fixture("toy/model.safetensors")];
    const model = { config, weights: [weights] };
    const segmenter = await createSegmenter({ device: "wasm", dtype: "fp32", model, draft: true });
    const phases: string[] = [];
    const image = await segmenter.setImage(photo, {
      onProgress: ({ phase, quality }) => phases.push(`${quality} ${phase}`),
    });
    const early = await segmenter.segment({ image, ...point });
    expect([early.quality, early.logits.dims]).toEqual(["draft", [1, 3, 16, 16]]);
    await image.refined;
    const late = await segmenter.segment({ image, ...point });
    expect([late.quality, late.logits.dims]).toEqual(["full", [1, 3, 32, 32]]);
    // what the draft gave can be refined by the full encoding
    const refining = await segmenter.segment({ image, ...point, mask_input: early.maskInput() });
    expect(refining.quality).toBe("full");
    const alone = await createSegmenter({ device: "wasm", dtype: "fp32", model });
    const expected = await alone.segment({ image: photo, ...point });
    expect(late.scores.data).toEqual(expected.scores.data);
    expect(phases).toEqual(
      ["draft", "full"].flatMap((q) => ["decode", "preprocess", "encode"].map((p) => `${q} ${p}`)),
    );
    // the encoder was measured to be quick: the next image needs no draft
    const next = await segmenter.setImage(photo);
    expect(next.quality).toBe("full");
    await image.release();
    await segmenter.dispose();
    await alone.dispose();
  });

  test("of files that are no checkpoint there is none", async () => {
    const [encoder, decoder] = [await fixture("samexporter/encoder.onnx"), await fixture("samexporter/decoder.onnx")];
    const opening = createSegmenter({ device: "wasm", model: { encoder, decoder, imageSize: 128 }, draft: true });
    await expect(opening).rejects.toMatchObject({ name: "InvalidModelError" });
  });
});

describe("detail: a second look", () => {
  let segmenter: Segmenter;
  beforeAll(async () => {
    const [config, weights] = [await fixture("sam2-mini/config.json"), await fixture("sam2-mini/model.safetensors")];
    segmenter = await createSegmenter({ device: "wasm", model: { id: "mini", config, weights: [weights] } });
  });
  afterAll(() => segmenter.dispose());

  test("the mask is what the model gives for the region alone, with the prompt and the first mask carried over", async () => {
    const image = await segmenter.setImage(photo);
    const prompt = { box: [image.width * 0.3, image.height * 0.5, image.width * 0.45, image.height * 0.75] };
    const first = await segmenter.segment({ image, ...prompt });
    expect(first.closeUps).toEqual([null]);
    const result = await segmenter.segment({ image, ...prompt }, { detail: "always" });
    const { region } = result.closeUps[0] ?? expect.fail("no second look");
    const [left, top, right, bottom] = region;
    const crop = await createImageBitmap(await createImageBitmap(photo), left, top, right - left, bottom - top);
    const side = segmenter.model.maskSize;
    const full = resizeLogits(first.logits.data.subarray(0, side * side), side, image.width, image.height);
    /** For each cell along an axis the pixels that it is a mean of, weighted by a triangle as wide as two cells. */
    const cells = (from: number, to: number): (readonly [pixel: number, weight: number])[][] =>
      Array.from({ length: side }, (_, cell) => {
        const width = (to - from) / side;
        const center = from + (cell + 0.5) * width;
        const weights = Array.from({ length: to - from }, (_, i) => {
          return [from + i, Math.max(0, 1 - Math.abs(from + i + 0.5 - center) / Math.max(width, 1))] as const;
        }).filter(([, weight]) => weight > 0);
        const sum = weights.reduce((total, [, weight]) => total + weight, 0);
        return weights.map(([pixel, weight]) => [pixel, weight / sum] as const);
      });
    const [columns, rows] = [cells(left, right), cells(top, bottom)];
    const inside = Float32Array.from({ length: side * side }, (_, at) => {
      let mean = 0;
      for (const [y, down] of rows[Math.floor(at / side)] ?? [])
        for (const [x, across] of columns[at % side] ?? [])
          mean += down * across * (full[y * image.width + x] as number);
      return mean;
    });
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = prompt.box;
    const alone = await segmenter.segment({
      image: crop,
      box: [x1 - left, y1 - top, x2 - left, y2 - top],
      mask_input: { data: inside, dims: [side, side] },
      multimask_output: false,
    });
    const mask = result.mask();
    expect(result.scores.data[0]).toBeCloseTo(alone.scores.data[0] as number, 1);
    const cut = new Uint8Array((right - left) * (bottom - top));
    let outside = maskArea(mask);
    for (let at = 0; at < cut.length; at++) {
      const [x, y] = [left + (at % (right - left)), top + Math.floor(at / (right - left))];
      cut[at] = mask.data[y * mask.width + x] as number;
      outside -= cut[at] as number;
    }
    expect(outside).toBe(0);
    const pasted = { data: cut, width: right - left, height: bottom - top };
    expect(maskIou(pasted, alone.mask())).toBeGreaterThan(0.98);
    expect(Array.from(result.masks.data as Uint8Array).slice(0, mask.data.length)).toEqual([...mask.data]);
    await image.release();
  });

  test("a picture that was closed since, and a word that is no choice, are refused by name", async () => {
    const bitmap = await createImageBitmap(photo);
    const image = await segmenter.setImage(bitmap);
    bitmap.close();
    const request = { image, point_coords: [[20, 20]], point_labels: [1] };
    await expect(segmenter.segment(request, { detail: "always" })).rejects.toMatchObject({ name: "InvalidImageError" });
    await expect(segmenter.segment(request, { detail: "much" as "auto" })).rejects.toMatchObject({
      name: "InvalidPromptError",
      message: 'detail: expected off, auto, always, got "much"',
    });
    expect((await segmenter.segment(request)).scores.dims).toEqual([1, 3]);
    await image.release();
  });
});

describe("everything mode", () => {
  let segmenter: Segmenter;
  let image: SegmenterImage;
  beforeAll(async () => {
    const [config, weights] = [await fixture("sam2-mini/config.json"), await fixture("sam2-mini/model.safetensors")];
    segmenter = await createSegmenter({ device: "wasm", model: { config, weights: [weights] } });
    image = await segmenter.setImage(photo);
  });
  afterAll(() => segmenter.dispose());

  // what the other options do is tested in Node
  test("the same masks as the reference's: plain, in crops", async () => {
    type Case = { options: EverythingOptions; masks: (EverythingMask & { segmentation: Rle })[] };
    const cases = ((await json("photo/expected-everything.json")) as Case[]).filter(
      ({ options }, index) => index === 0 || options.crop_n_layers === 1,
    );
    expect(cases).toHaveLength(2);
    for (const { options, masks } of cases) {
      const came = await segmenter.segmentEverything(image, options);
      const name = JSON.stringify(options);
      expect(came.length, name).toBe(masks.length);
      for (const [i, expected] of masks.entries()) {
        const { segmentation, predicted_iou, stability_score, point_coords, crop_box } = came[i] as EverythingMask;
        const mask = decodeRle(segmentation as Rle);
        expect(maskIou(mask, decodeRle(expected.segmentation)), name).toBeGreaterThanOrEqual(0.99);
        expect(predicted_iou, name).toBeCloseTo(expected.predicted_iou, 3);
        expect(stability_score, name).toBeCloseTo(expected.stability_score, 3);
        expect({ point_coords: point_coords.flat().map(Math.fround), crop_box }, name).toEqual({
          point_coords: expected.point_coords.flat().map(Math.fround),
          crop_box: expected.crop_box,
        });
        expect([came[i]?.area, came[i]?.bbox], name).toEqual([maskArea(mask), maskBox(mask)]);
      }
    }
  });

  const options = { points_per_side: 6, pred_iou_thresh: 0.3, stability_score_thresh: 0.6 };

  test("an abort ends it within one batch, and clicks are answered in between", async () => {
    const controller = new AbortController();
    let batches = 0;
    const everything = segmenter.segmentEverything(image, {
      ...options,
      points_per_batch: 4,
      signal: controller.signal,
      onProgress: () => batches++,
    });
    const click = await segmenter.segment({ image, point_coords: [[200, 100]], point_labels: [1] });
    expect(click.scores.data).toHaveLength(3);
    expect(batches).toBeLessThan(9);
    controller.abort();
    const soFar = batches;
    await expect(everything).rejects.toMatchObject({ name: "AbortError" });
    await segmenter.segment({ image, point_coords: [[200, 100]], point_labels: [1] });
    expect(batches).toBe(soFar);
  });
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
    const { data } = readPixels(await decodeImage(await clear.convertToBlob()));
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
    const compiling = new AbortController();
    const files = { config: await fixture("toy/config.json"), weights: [await fixture("toy/model.safetensors")] };
    const onProgress = ({ phase }: { phase: string }): void => {
      if (phase === "compile") compiling.abort();
    };
    const opening = createSegmenter({ model: files, signal: compiling.signal, onProgress });
    await expect(opening).rejects.toMatchObject({ name: "AbortError" });
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

  test("a restart stops an encoding in the middle", async () => {
    const segmenter = await openToy("wasm");
    const image = await segmenter.setImage(photo);
    const running = segmenter.setImage(photo);
    const restarted = segmenter.restart();
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
    await restarted;
    await expect(segmenter.segment({ image, ...point })).rejects.toMatchObject({ name: "ImageReleasedError" });
    expect((await segmenter.segment({ image: photo, ...point })).scores.data).toHaveLength(3);
    await segmenter.dispose();
  });

  test("after dispose every call says so", async () => {
    const segmenter = await openToy("wasm");
    const image = await segmenter.setImage(photo);
    const waiting = segmenter.setImage(photo);
    await segmenter.dispose();
    await expect(waiting).rejects.toMatchObject({ name: "DisposedError" });
    await segmenter.dispose();
    await expect(segmenter.segment({ image, ...point })).rejects.toMatchObject({ name: "DisposedError" });
    await image.release();
  });

  test("an image of more pixels than the option allows is refused, and smaller ones are not", async () => {
    const segmenter = await openToy("wasm", { maxPixels: 480 * 320 - 1 });
    await expect(segmenter.setImage(photo)).rejects.toMatchObject({
      name: "InvalidImageError",
      message: expect.stringContaining("at most 153599 in all, got 480×320"),
    });
    await segmenter.setImage(new ImageData(400, 300));
    await segmenter.dispose();
  });

  test("an image whose embedding made room for others answers as before", async () => {
    const segmenter = await openToy("wasm", { embeddingBudget: 70_000 });
    const images = [];
    for (let i = 0; i < 3; i++) images.push(await segmenter.setImage(photo));
    const scores = [];
    for (const image of images) scores.push((await segmenter.segment({ image, ...point })).scores.data);
    expect(scores[0]).toEqual(scores[2]);
    expect(scores[1]).toEqual(scores[2]);
    await segmenter.dispose();
  });

  test("a picture that was given itself, and made room for others, is encoded again", async () => {
    const segmenter = await openToy("wasm", { embeddingBudget: 70_000 });
    const scoresOf = async (picture: Blob): Promise<unknown> =>
      (await segmenter.segment({ image: picture, ...point })).scores.data;
    const pictures = [photo, photo.slice(), photo.slice()];
    const first = await scoresOf(photo);
    for (const picture of [...pictures, ...pictures]) expect(await scoresOf(picture)).toEqual(first);
    const options = { points_per_side: 2, pred_iou_thresh: 0, stability_score_thresh: 0 };
    const counts = [];
    for (const picture of pictures) counts.push((await segmenter.segmentEverything(picture, options)).length);
    expect(new Set(counts).size).toBe(1);
    await segmenter.dispose();
  });

  test("progress tells the phases", async () => {
    const phases: string[] = [];
    const segmenter = await openToy("wasm", { onProgress: ({ phase }) => phases.push(phase) });
    expect(phases).toContain("compile");
    await segmenter.dispose();
  });
});
