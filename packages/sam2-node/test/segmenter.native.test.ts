/** From a picture to masks in Node, against the reference's answers; and the life of a segmenter. */
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  createSegmenter,
  decodeRle,
  type EverythingMask,
  type EverythingOptions,
  type ModelSource,
  maskIou,
  type Rle,
  type Segmenter,
  type SegmenterImage,
  type SegmenterOptions,
} from "sam2-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Case, expectAnswer, FIXTURES, maskInput, PHOTO, readJson } from "./reference.ts";

const MINI = fileURLToPath(new URL("../../../models/sam2-mini/onnx/", import.meta.url));
const POINT = { point_coords: [[200, 100]], point_labels: [1] };

const blob = async (path: string): Promise<Blob> => new Blob([await readFile(path)]);
const toy = (options: SegmenterOptions = {}): Promise<Segmenter> =>
  createSegmenter({ model: `${FIXTURES}toy`, device: "cpu", ...options });

let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "sam2-cache-"));
  process.env.SAM2_CACHE = cache;
});
afterAll(() => rm(cache, { recursive: true }));

describe("against PyTorch, with", () => {
  test.each([
    ["a toy checkpoint", `${FIXTURES}toy`, "expected.json", 32],
    ["the built-in model", "sam2-mini", "expected-sam2-mini.json", 160],
  ])("%s: every kind of prompt gives the same masks and scores", async (_, model, file, side) => {
    const segmenter = await createSegmenter({ model, device: "cpu", dtype: "fp32" });
    const image = await segmenter.setImage(PHOTO);
    expect(image).toMatchObject({ width: 480, height: 320 });
    for (const expected of await readJson<Case[]>(file)) {
      const { scores, masks, mask_input, ...prompt } = expected;
      const request = mask_input ? { ...prompt, mask_input: maskInput(side) } : prompt;
      expectAnswer(await segmenter.segment({ image, ...request }), expected);
    }
    await segmenter.dispose();
  });

  test.each([
    ["transformers.js", "vision_encoder.onnx", "prompt_encoder_mask_decoder.onnx", false],
    ["samexporter", "encoder.onnx", "decoder.onnx", true],
  ])("files in the layout of %s: the same masks", async (layout, encoder, decoder, takesMaskInput) => {
    const [first, second] = [
      await blob(`${FIXTURES}${layout}/${encoder}`),
      await blob(`${FIXTURES}${layout}/${decoder}`),
    ];
    const segmenter = await createSegmenter({
      device: "cpu",
      model: { encoder: first, decoder: second, imageSize: 128 },
    });
    expect(segmenter.takesMaskInput).toBe(takesMaskInput);
    for (const expected of await readJson<Case[]>("expected.json")) {
      const { scores, masks, mask_input, ...prompt } = expected;
      // these files have no single-mask token
      if (prompt.multimask_output === false) continue;
      const request = mask_input ? { ...prompt, mask_input: maskInput(32) } : prompt;
      const answer = segmenter.segment({ image: PHOTO, ...request });
      if (mask_input && !takesMaskInput) await expect(answer).rejects.toMatchObject({ name: "UnsupportedPromptError" });
      else expectAnswer(await answer, expected);
    }
    await segmenter.dispose();
  });

  test("everything mode, plain and in crops", async () => {
    const segmenter = await createSegmenter({ device: "cpu" });
    const image = await segmenter.setImage(PHOTO);
    type Expected = { options: EverythingOptions; masks: (EverythingMask & { segmentation: Rle })[] };
    const cases = await readJson<Expected[]>("expected-everything.json");
    for (const { options, masks } of [cases.at(0), cases.at(-1)] as Expected[]) {
      let done = 0;
      const came = await segmenter.segmentEverything(image, {
        ...options,
        onProgress: (progress) => (done = progress.done),
      });
      const name = JSON.stringify(options);
      expect(done, name).toBeGreaterThan(0);
      expect(came.length, name).toBe(masks.length);
      for (const [i, { segmentation, predicted_iou }] of masks.entries()) {
        const mask = came[i] as EverythingMask;
        expect(maskIou(decodeRle(mask.segmentation as Rle), decodeRle(segmentation)), name).toBeGreaterThanOrEqual(
          0.99,
        );
        expect(mask.predicted_iou, name).toBeCloseTo(predicted_iou, 3);
      }
    }
    await segmenter.dispose();
  });
});

describe("a segmenter", () => {
  let segmenter: Segmenter;
  let image: SegmenterImage;
  beforeAll(async () => {
    segmenter = await toy();
    image = await segmenter.setImage(PHOTO);
  });
  afterAll(() => segmenter.dispose());

  test("says what runs where", async () => {
    expect(segmenter.device).toMatchObject({ encoder: "cpu", decoder: "cpu", adapter: null });
    expect(await segmenter.currentDevice()).toEqual(segmenter.device);
    expect(segmenter.model).toMatchObject({ imageSize: 128, maskSize: 32 });
  });

  test.each([
    ["no prompt", {}, "InvalidPromptError"],
    ["a box turned inside out", { box: [9, 9, 1, 1] }, "InvalidPromptError"],
    ["a picture that is none", { image: new Blob(["no picture"]), ...POINT }, "InvalidImageError"],
    ["a file that is missing", { image: "nowhere.jpg", ...POINT }, "InvalidImageError"],
  ])("refuses %s, and goes on", async (_, request, name) => {
    await expect(segmenter.segment({ image, ...request })).rejects.toMatchObject({ name });
    expect((await segmenter.segment({ image, ...POINT })).scores.dims).toEqual([1, 3]);
  });

  test("of requests that follow each other, the latest is answered", async () => {
    const calls = [1, 2, 3].map(() => segmenter.segment({ image, ...POINT }, { supersede: true }));
    const outcomes = (await Promise.allSettled(calls)).map(({ status }) => status);
    expect(outcomes).toEqual(["rejected", "rejected", "fulfilled"]);
  });

  test.each([undefined, null, 5])("a request that is %s is refused by name", async (request) => {
    await expect(segmenter.segment(request as never)).rejects.toMatchObject({
      name: "UnknownOptionError",
      message: `segment's prompt: expected an object with options, got ${request}`,
    });
  });

  test("an aborted call rejects with the signal's reason", async () => {
    const reason = new Error("changed my mind");
    await expect(segmenter.setImage(PHOTO, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("what is no picture is refused by name, whatever it is asked for, and nothing else is rejected", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const things = [{}, 7, null, undefined, [], Symbol("photo"), () => PHOTO, Promise.resolve(PHOTO), { release() {} }];
    const pixels = [
      { data: () => [], width: 1, height: 1 },
      { data: new Uint8Array(3), width: 1, height: 1, show() {} },
    ];
    for (const thing of [...things, ...pixels] as unknown as Blob[]) {
      const calls = [
        segmenter.setImage(thing),
        segmenter.segment({ image: thing, ...POINT }),
        segmenter.segment({ image: thing, ...POINT }, { supersede: true }),
        segmenter.segmentEverything(thing),
        segmenter.saveEmbedding(thing),
      ];
      for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[])
        expect(reason).toMatchObject({
          name: "InvalidImageError",
          message: expect.stringMatching(/^expected a picture|^the image is of another/),
        });
    }
    const embedding = (() => undefined) as unknown as Blob;
    await expect(segmenter.setImage(PHOTO, { embedding })).rejects.toMatchObject({ name: "InvalidEmbeddingError" });
    await new Promise(setImmediate);
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("a second look at small things comes from the picture that was given", async () => {
    const request = { image, box: [180, 90, 230, 140], multimask_output: false };
    const result = await segmenter.segment(request, { detail: "always" });
    expect(result.closeUps).toHaveLength(1);
  });
});

describe("a listener for progress", () => {
  const stuck = { onProgress: () => setTimeout(() => undefined) as never };
  const failing = {
    onProgress: (): never => {
      throw new Error("mine");
    },
  };

  test("may return what cannot be sent to the worker", async () => {
    const segmenter = await toy(stuck);
    const image = await segmenter.setImage(PHOTO, stuck);
    const result = await segmenter.segment({ image: PHOTO, ...POINT }, stuck);
    expect([image.width, result.width]).toEqual([480, 480]);
    await segmenter.dispose();
  });

  test("that throws rejects its call, and nothing else", async () => {
    await expect(toy(failing)).rejects.toThrow(/^mine$/);
    const segmenter = await toy();
    const image = await segmenter.setImage(PHOTO);
    await expect(segmenter.setImage(PHOTO, failing)).rejects.toThrow(/^mine$/);
    await expect(segmenter.segment({ image: new Blob([await readFile(PHOTO)]), ...POINT }, failing)).rejects.toThrow(
      /^mine$/,
    );
    await expect(segmenter.segmentEverything(image, { ...failing, points_per_side: 1 })).rejects.toThrow(/^mine$/);
    expect((await segmenter.segment({ image, ...POINT })).width).toBe(480);
    await segmenter.dispose();
  });
});

test("after a restart images must be set again; after its end every call says so", async () => {
  const segmenter = await toy();
  const image = await segmenter.setImage(PHOTO);
  await segmenter.restart();
  await expect(segmenter.segment({ image, ...POINT })).rejects.toMatchObject({ name: "ImageReleasedError" });
  const again = await segmenter.setImage(PHOTO);
  await again.release();
  await expect(segmenter.segment({ image: again, ...POINT })).rejects.toMatchObject({ name: "ImageReleasedError" });
  await segmenter.dispose();
  await expect(segmenter.setImage(PHOTO)).rejects.toMatchObject({ name: "DisposedError" });
});

describe("a model", () => {
  let server: Server;
  let base: string;
  let asked: string[];
  beforeAll(async () => {
    server = createServer(async ({ url = "" }, response) => {
      asked.push(url);
      const bytes = await readFile(`${MINI}${url.slice(1)}`).catch(() => null);
      response.writeHead(bytes ? 200 : 404).end(bytes);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => server.close());

  /** Opens a model, and closes it again; tells its id. */
  async function idOf(model: ModelSource): Promise<string> {
    const segmenter = await createSegmenter({ model, device: "cpu" });
    await segmenter.dispose();
    return segmenter.model.id;
  }

  test.each<[string, () => Promise<ModelSource> | ModelSource]>([
    ["a folder of an export", () => MINI],
    ["the path of a model.json", () => `${MINI}model.json`],
    ["the address of a file", () => pathToFileURL(`${MINI}model.json`)],
    [
      "addresses of files",
      () => ({ manifest: `${MINI}model.json`, encoder: `${MINI}encoder.onnx`, decoder: `${MINI}decoder.onnx` }),
    ],
    ["its name", () => "sam2-mini"],
  ])("is opened by %s", async (_, source) => {
    expect(await idOf(await source())).toBe("sam2-mini");
  });

  test("is opened from a folder of a checkpoint, whole or in shards, under a name that no file may have", async () => {
    expect(await idOf({ checkpoint: `${FIXTURES}toy`, id: "long".repeat(99) })).toBe("long".repeat(99));
    expect(await idOf(`${FIXTURES}toy-sharded`)).toMatch(/toy-sharded$/);
    expect(await idOf({ checkpoint: `${FIXTURES}toy`, id: "mine", imageSize: 160 })).toBe("mine");
  });

  test("is converted from a checkpoint once, and its kept form is checked", async () => {
    const kept = async (): Promise<string[]> =>
      (await readdir(cache)).filter((name) => decodeURIComponent(name).startsWith("model/kept/")).sort();
    const open = async (): Promise<string> => {
      const segmenter = await toy({ dtype: "fp32", model: { checkpoint: `${FIXTURES}toy`, id: "kept" } });
      await segmenter.dispose();
      return segmenter.device.reason;
    };
    expect(await open()).toBe("asked for the CPU");
    const names = await kept();
    expect(names.map((name) => decodeURIComponent(name).split("/").at(-1))).toEqual([
      "decoder.onnx",
      "encoder.onnx",
      "head",
    ]);
    const dates = (): Promise<number[]> =>
      Promise.all(names.map(async (name) => (await stat(join(cache, name))).mtimeMs));
    const before = await dates();
    expect(await open()).toBe("asked for the CPU");
    expect(await dates()).toEqual(before);
    await writeFile(join(cache, names[1] as string), "no graph");
    expect(await open()).toMatch(/; IntegrityError: kept: kept encoder.onnx: expected SHA-256 .*; converted anew$/);
    expect(await open()).toBe("asked for the CPU");
  });

  test("is downloaded once, and kept in the user's cache folder until it is deleted", async () => {
    for (const expected of [["/model.json", "/encoder.onnx", "/decoder.onnx"], ["/model.json"]]) {
      asked = [];
      expect(await idOf(`${base}model.json`)).toBe("sam2-mini");
      expect(asked).toEqual(expected);
    }
    const segmenter = await toy();
    expect(await segmenter.listCached()).toContainEqual({ id: "sam2-mini", bytes: expect.any(Number) });
    await segmenter.deleteCached();
    expect(await segmenter.listCached()).toEqual([]);
    await segmenter.dispose();
    // nothing is left that was being written
    expect((await readdir(cache)).filter((name) => /aside|lock/.test(name))).toEqual([]);
  });

  test.each([
    ["an unknown name", "sam9-huge", "UnknownModelError", /sam2.1-tiny/],
    ["a folder without a model", tmpdir(), "InvalidModelError", /model.json/],
    ["an address of nothing", "http://127.0.0.1:9/model.json", "DownloadError", /network/],
  ])("is refused by name: %s", async (_, model, name, message) => {
    await expect(createSegmenter({ model, device: "cpu" })).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });

  test("with a damaged file is refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sam2-damaged-"));
    for (const name of ["model.json", "decoder.onnx"]) await copyFile(`${MINI}${name}`, join(folder, name));
    await writeFile(join(folder, "encoder.onnx"), "no graph");
    await expect(createSegmenter({ model: folder, device: "cpu" })).rejects.toMatchObject({
      name: "IntegrityError",
    });
    await rm(folder, { recursive: true });
  });

  test("without a graph in its files is refused", async () => {
    const [encoder, decoder] = [new Blob(["no graph"]), new Blob(["none either"])];
    await expect(createSegmenter({ model: { encoder, decoder }, device: "cpu" })).rejects.toMatchObject({
      name: "InvalidModelError",
    });
  });
});

test("a device that this build does not have is refused by name", async () => {
  const missing = process.platform === "darwin" ? "dml" : "coreml";
  await expect(toy({ device: missing })).rejects.toMatchObject({
    name: "DeviceError",
    message: expect.stringContaining("expected one that this onnxruntime-node has, cpu"),
  });
});

describe("a precision", () => {
  test("int8: nearly the same masks, and the device says so", async () => {
    const [whole, exact] = [await toy({ dtype: "int8" }), await toy({ dtype: "fp32" })];
    expect(whole.device).toMatchObject({ encoder: "cpu", dtype: "int8" });
    expect(exact.device).toMatchObject({ encoder: "cpu", dtype: "fp32" });
    const request = { image: PHOTO, ...POINT, multimask_output: false };
    const [near, right] = [await whole.segment(request), await exact.segment(request)];
    expect(near.scores.data).not.toEqual(right.scores.data);
    expect(maskIou(near.mask(), right.mask())).toBeGreaterThan(0.9);
    await Promise.all([whole.dispose(), exact.dispose()]);
  });

  test("auto tries int8 once, and says what came of it", async () => {
    const reasons: string[] = [];
    for (let visit = 0; visit < 2; visit++) {
      const segmenter = await toy();
      expect(segmenter.device.reason).toMatch(/int8 (took 0\.\d+ of fp32's time|is not taken: )/);
      reasons.push(segmenter.device.reason);
      await segmenter.dispose();
    }
    expect(reasons[1]).toBe(reasons[0]);
  });

  test("that is none is refused by name", async () => {
    await expect(toy({ dtype: "int4" as "int8" })).rejects.toMatchObject({
      name: "InvalidPromptError",
      message: 'dtype: expected auto, fp32, fp16, fp16-compute, int8, got "int4"',
    });
  });
});

test.each<[string, (segmenter: Segmenter, value: never) => Promise<unknown>]>([
  ["box", (segmenter, box) => segmenter.segment({ image: PHOTO, box })],
  ["point_coords", (segmenter, point_coords) => segmenter.segment({ image: PHOTO, ...POINT, point_coords })],
  ["points_per_side", (segmenter, points_per_side) => segmenter.segmentEverything(PHOTO, { points_per_side })],
  ["model", (_, model) => toy({ model })],
])("a value that cannot be sent to the worker is named: %s", async (name, call) => {
  const segmenter = await toy();
  for (const value of [Promise.resolve([1, 2, 3, 4]), [() => 1], new Proxy([1, 2, 3, 4], {})]) {
    await expect(call(segmenter, value as never)).rejects.toMatchObject({
      name: "InvalidPromptError",
      message: expect.stringMatching(new RegExp(`^${name}: expected plain values, got what cannot be sent`)),
    });
  }
  expect((await segmenter.segment({ image: PHOTO, ...POINT })).scores.data.length).toBe(3);
  await segmenter.dispose();
});
