/** Embeddings as files: the same masks without an encode, and what is refused. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { digest } from "sam2-core";
import {
  createSegmenter,
  type EmbeddingDtype,
  type EmbeddingSource,
  maskIou,
  readEmbeddingInfo,
  type Segmenter,
  type SegmenterImage,
} from "sam2-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { embedPicture } from "../dist/work/embed.js";
import { FIXTURES, PHOTO } from "./reference.ts";

const MINI = fileURLToPath(new URL("../../../models/sam2-mini/onnx/", import.meta.url));
const POINT = { point_coords: [[200, 100]], point_labels: [1], multimask_output: false };

let folder: string;
let server: Server;
let base: string;
let asked: string[] = [];
/** sam2-mini, whole. */
let segmenter: Segmenter;
let image: SegmenterImage;
let photo: Blob;
const files: Partial<Record<EmbeddingDtype, Uint8Array>> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-embedding-"));
  process.env.SAM2_CACHE = folder;
  server = createServer(async ({ url = "" }, response) => {
    asked.push(url);
    const page = { status: 200, type: "text/html", body: Buffer.from("<!doctype html>") };
    const isModel = url.startsWith("/model/");
    const path = isModel ? `${MINI}${url.slice("/model/".length)}` : join(folder, url.slice(1));
    const body = url === "/page" ? null : await readFile(path).catch(() => null);
    const answer = body ? { status: 200, type: "application/octet-stream", body } : page;
    const { status, type } = url === "/missing" ? { status: 404, type: "text/plain" } : answer;
    response.writeHead(status, { "content-type": type }).end(answer.body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  segmenter = await createSegmenter({ model: MINI, device: "cpu" });
  photo = new Blob([await readFile(PHOTO)]);
  image = await segmenter.setImage(photo);
  for (const dtype of ["fp16", "int8"] as const) {
    const bytes = await segmenter.saveEmbedding(image, { dtype });
    files[dtype] = bytes;
    await writeFile(join(folder, `${dtype}.safetensors`), bytes);
  }
  await copyFile(PHOTO, join(folder, "photo.jpg"));
});
afterAll(async () => {
  await segmenter.dispose();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

test("a file says what it is of", async () => {
  const info = {
    contract: 1,
    model: expect.stringMatching(/^[0-9a-f]{64}$/),
    modelId: "sam2-mini",
    width: 480,
    height: 320,
    sha256: await digest(await readFile(PHOTO)),
  };
  for (const dtype of ["fp16", "int8"] as const) {
    expect(await readEmbeddingInfo(files[dtype] as Uint8Array)).toEqual({ ...info, dtype });
  }
  // two bytes a value, and one
  expect((files.fp16 as Uint8Array).length / (files.int8 as Uint8Array).length).toBeCloseTo(2, 1);
});

test("a picture that came as pixels has no hash; one that came as a path has that of its file", async () => {
  const pixels = { data: new Uint8ClampedArray(4 * 64), width: 8, height: 8 };
  const { bytes } = await embedPicture(segmenter, pixels);
  expect(await readEmbeddingInfo(bytes)).toMatchObject({ width: 8, height: 8, sha256: null });
  const again = await segmenter.setImage(pixels, { embedding: bytes });
  expect(again).toMatchObject({ width: 8, height: 8 });
  await again.release();
  const { bytes: ofPath } = await embedPicture(segmenter, PHOTO, { dtype: "int8" });
  expect(Buffer.compare(ofPath, files.int8 as Uint8Array)).toBe(0);
});

describe("with the decoder alone", () => {
  let lazy: Segmenter;
  beforeAll(async () => {
    asked = [];
    lazy = await createSegmenter({ model: `${base}model/model.json`, device: "cpu", lazyEncoder: true });
  });
  afterAll(() => lazy.dispose());

  test("the encoder is not downloaded, and the device says why", async () => {
    expect(asked).toEqual(["/model/model.json", "/model/decoder.onnx"]);
    expect(lazy.device).toMatchObject({ decoder: "cpu", reason: expect.stringContaining("the decoder alone") });
    expect(lazy.takesMaskInput).toBe(true);
  });

  test.each<[string, () => EmbeddingSource, EmbeddingDtype]>([
    ["its bytes", () => files.fp16 as Uint8Array, "fp16"],
    ["a Blob, in eight bits", () => new Blob([files.int8 as Uint8Array<ArrayBuffer>]), "int8"],
    ["an address", () => `${base}fp16.safetensors`, "fp16"],
    ["a path", () => join(folder, "int8.safetensors"), "int8"],
    ["the address of a file", () => pathToFileURL(join(folder, "int8.safetensors")), "int8"],
  ])("an embedding given as %s: nearly the same masks, and nothing is encoded", async (_, source) => {
    const given = await lazy.setImage(join(folder, "photo.jpg"), { embedding: source() });
    expect(given).toMatchObject({ width: 480, height: 320, quality: "full", timings: { encode: 0 } });
    const [came, exact] = [
      await lazy.segment({ image: given, ...POINT }),
      await segmenter.segment({ image, ...POINT }),
    ];
    expect(maskIou(came.mask(), exact.mask())).toBeGreaterThan(0.99);
    expect(came.scores.data[0]).toBeCloseTo(exact.scores.data[0] as number, 2);
    await given.release();
    await expect(lazy.segment({ image: given, ...POINT })).rejects.toMatchObject({ name: "ImageReleasedError" });
    expect(asked).not.toContain("/model/encoder.onnx");
  });

  test("everything mode, too", async () => {
    const given = await lazy.setImage(photo, { embedding: files.fp16 });
    const limits = { points_per_side: 4, pred_iou_thresh: 0.5, stability_score_thresh: 0.5 };
    const [came, exact] = await Promise.all(
      [lazy, segmenter].map((each) => each.segmentEverything(each === lazy ? given : image, limits)),
    );
    expect(came?.length).toBe(exact?.length);
    expect(came?.length).toBeGreaterThan(0);
  });

  test("a picture without: the encoder is downloaded then, and images that are set stay", async () => {
    const given = await lazy.setImage(photo, { embedding: files.fp16 });
    const before = await lazy.segment({ image: given, ...POINT });
    const encoded = await lazy.setImage(photo);
    expect(asked.filter((url) => url === "/model/encoder.onnx")).toHaveLength(1);
    expect((await lazy.currentDevice()).reason).toBe("asked for the CPU");
    const exact = await segmenter.segment({ image, ...POINT });
    expect((await lazy.segment({ image: encoded, ...POINT })).logits.data).toEqual(exact.logits.data);
    expect((await lazy.segment({ image: given, ...POINT })).logits.data).toEqual(before.logits.data);
  });
});

test("without a network for the encoder, prompts go on", async () => {
  const [model, decoder] = [join(folder, "model.json"), join(folder, "decoder.onnx")];
  for (const [name, path] of [
    ["model.json", model],
    ["decoder.onnx", decoder],
  ] as const)
    await copyFile(`${MINI}${name}`, path);
  const lazy = await createSegmenter({ model: `${base}model.json`, device: "cpu", lazyEncoder: true });
  await lazy.deleteCached();
  const given = await lazy.setImage(photo, { embedding: files.fp16 });
  await expect(lazy.setImage(photo)).rejects.toMatchObject({ name: "DownloadError" });
  expect((await lazy.segment({ image: given, ...POINT })).scores.dims).toEqual([1, 1]);
  await lazy.dispose();
});

describe("refused, and what is set stays:", () => {
  let toy: Segmenter;
  let small: Uint8Array;
  beforeAll(async () => {
    toy = await createSegmenter({ model: `${FIXTURES}toy`, device: "cpu" });
    small = await sharp(PHOTO).resize(120, 80).png().toBuffer();
    await writeFile(join(folder, "cut"), (files.int8 as Uint8Array).subarray(0, 50_000));
    const damaged = (files.int8 as Uint8Array).slice();
    damaged[70_000] = (damaged[70_000] as number) ^ 1;
    await writeFile(join(folder, "damaged"), damaged);
  });
  afterAll(() => toy.dispose());

  test.each<[string, () => Promise<SegmenterImage>, string, RegExp]>([
    [
      "another model",
      () => toy.setImage(photo, { embedding: files.fp16 }),
      "InvalidEmbeddingError",
      /got one by sam2-mini/,
    ],
    [
      "another picture's size",
      () => segmenter.setImage(small, { embedding: files.fp16 }),
      "InvalidEmbeddingError",
      /of 120×80 pixels, got one of 480×320/,
    ],
    [
      "another picture of its size",
      async () => segmenter.setImage(await sharp(PHOTO).flop().jpeg().toBuffer(), { embedding: files.fp16 }),
      "InvalidEmbeddingError",
      /with the SHA-256/,
    ],
    ["a web page", () => segmenter.setImage(photo, { embedding: `${base}page` }), "DownloadError", /got a web page/],
    ["status 404", () => segmenter.setImage(photo, { embedding: `${base}missing` }), "DownloadError", /got status 404/],
    ["no network", () => segmenter.setImage(photo, { embedding: "http://127.0.0.1:9/" }), "DownloadError", /network/],
    ["no file", () => segmenter.setImage(photo, { embedding: "nowhere" }), "DownloadError", /cannot be read/],
    ["cut off", () => segmenter.setImage(photo, { embedding: `${base}cut` }), "InvalidSafetensorsError", /outside/],
    ["damaged", () => segmenter.setImage(photo, { embedding: `${base}damaged` }), "IntegrityError", /SHA-256/],
    [
      "a file that is none",
      () => segmenter.setImage(photo, { embedding: `${base}photo.jpg` }),
      "InvalidSafetensorsError",
      /header/,
    ],
    [
      "a picture that is none",
      () => segmenter.setImage(new Blob(["no picture"]), { embedding: files.fp16 }),
      "InvalidImageError",
      /expected a picture/,
    ],
  ])("%s", async (_, call, name, message) => {
    await expect(call()).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
    expect((await segmenter.segment({ image, ...POINT })).scores.dims).toEqual([1, 1]);
  });

  test("an unknown dtype", async () => {
    const saved = segmenter.saveEmbedding(image, { dtype: "int4" as EmbeddingDtype });
    await expect(saved).rejects.toMatchObject({ name: "InvalidPromptError", message: expect.stringMatching(/int4/) });
  });
});

test.each([
  ["transformers.js", "vision_encoder.onnx", "prompt_encoder_mask_decoder.onnx"],
  ["samexporter", "encoder.onnx", "decoder.onnx"],
])(
  "files in the layout of %s: an embedding in half precision gives the same masks",
  async (layout, encoder, decoder) => {
    const [first, second] = [encoder, decoder].map((name) => readFile(`${FIXTURES}${layout}/${name}`));
    const model = {
      encoder: new Blob([(await first) as Buffer<ArrayBuffer>]),
      decoder: new Blob([(await second) as Buffer<ArrayBuffer>]),
      imageSize: 128,
    };
    const other = await createSegmenter({ device: "cpu", model });
    const exact = await other.segment({ image: photo, point_coords: [[200, 100]], point_labels: [1] });
    const given = await other.setImage(photo, { embedding: await other.saveEmbedding(photo) });
    const came = await other.segment({ image: given, point_coords: [[200, 100]], point_labels: [1] });
    expect(maskIou(came.mask(), exact.mask())).toBeGreaterThan(0.98);
    await other.dispose();
  },
);
