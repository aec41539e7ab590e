/** The services' own client packages, unchanged, against the local answers; and the services' schemas. */
import { ApiError, createFalClient, ValidationError } from "@fal-ai/client";
import { Livepeer } from "@livepeer/ai";
import { HTTPClient } from "@livepeer/ai/lib/http.js";
import { HTTPError, HTTPValidationError, HTTPValidationError$inboundSchema } from "@livepeer/ai/models/errors";
import Ajv from "ajv";
import { createHostedFetch, type HostedOptions, type TextDetector } from "sam2-hosted";
import {
  createSegmenter,
  decodeRle,
  drawMask,
  type EverythingMask,
  exportCanvas,
  type Rle,
  type Segmenter,
  toLivepeerJSON,
} from "sam2-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import schema from "./livepeer-schema.json";

const FILES = import.meta.glob<string>(
  ["../../../models/reference/fixtures/photo/truck.png", "../../../models/sam2-mini/{config.json,model.safetensors}"],
  { query: "?url", import: "default", eager: true },
);

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url ?? expect.fail(`no fixture ${name}`))).blob();
}

let segmenter: Segmenter;
let photo: Blob;
beforeAll(async () => {
  photo = await fixture("truck.png");
  const [config, weights] = [await fixture("config.json"), await fixture("model.safetensors")];
  segmenter = await createSegmenter({ device: "wasm", model: { id: "sam2-mini", config, weights: [weights] } });
});
afterAll(() => segmenter.dispose());

/** Nothing may leave the page: every request that is not answered here fails the test. */
const offline: typeof fetch = (input) => {
  const address = input instanceof Request ? input.url : String(input);
  if (/^(blob|data):/.test(address)) return fetch(input);
  throw new Error(`a request left the page: ${address}`);
};
const hosted = (options: HostedOptions = {}): typeof fetch =>
  createHostedFetch(segmenter, { fallback: offline, ...options });

const ajv = new Ajv({ strict: false });
function expectSchema(name: keyof typeof schema.components.schemas, body: unknown): void {
  const validate = ajv.compile({ ...schema, $ref: `#/components/schemas/${name}` });
  expect(validate(body), JSON.stringify(validate.errors)).toBe(true);
}

describe("Livepeer", () => {
  const client = (options: HostedOptions = {}, serverIdx = 0) =>
    new Livepeer({ httpBearer: "token", serverIdx, httpClient: new HTTPClient({ fetcher: hosted(options) }) });
  const point = { pointCoords: "[[192, 112]]", pointLabels: "[1]" };

  test.each([0, 1])("its client, gateway %i: what segment() answers", async (server) => {
    const { masksResponse } = await client({}, server).generate.segmentAnything2({
      image: photo,
      ...point,
      returnLogits: false,
    });
    const direct = await segmenter.segment({ image: photo, point_coords: [[192, 112]], point_labels: [1] });
    expect(masksResponse).toEqual(toLivepeerJSON(direct));
    const scores: number[] = JSON.parse(masksResponse?.scores ?? "");
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expectSchema("MasksResponse", masksResponse);
  });

  test("every parameter arrives", async () => {
    const first = await segmenter.segment({
      image: photo,
      point_coords: [[0.4, 0.35]],
      point_labels: [1],
      normalize_coords: false,
    });
    const logits = first.maskInput();
    const side = segmenter.model.maskSize;
    const mask = JSON.stringify([
      Array.from({ length: side }, (_, y) => Array.from(logits.data.subarray(side * y, side * (y + 1)))),
    ]);
    const { masksResponse } = await client().generate.segmentAnything2({
      image: photo,
      modelId: "facebook/sam2-hiera-large",
      pointCoords: "[[0.4, 0.35], [0.9, 0.1]]",
      pointLabels: "[1, 0]",
      box: "[0.1, 0.1, 0.9, 0.9]",
      maskInput: mask,
      multimaskOutput: false,
      returnLogits: true,
      normalizeCoords: false,
    });
    const direct = await segmenter.segment({
      image: photo,
      point_coords: [
        [0.4, 0.35],
        [0.9, 0.1],
      ],
      point_labels: [1, 0],
      box: [0.1, 0.1, 0.9, 0.9],
      mask_input: logits,
      multimask_output: false,
      return_logits: true,
      normalize_coords: false,
    });
    expect(masksResponse).toEqual(toLivepeerJSON(direct));
    expect(JSON.parse(masksResponse?.masks ?? "")).toHaveLength(1);
  });

  type Request = Parameters<Livepeer["generate"]["segmentAnything2"]>[0];
  test.each<[string, Partial<Request>, string]>([
    ["a point list that is no JSON", { pointCoords: "1,2", pointLabels: "[1]" }, "point_coords: expected a JSON array"],
    ["points without labels", { pointCoords: "[[1, 2]]" }, "point_labels: expected it with point_coords"],
    ["a ragged array", { pointCoords: "[[1, 2], [3]]", pointLabels: "[1, 1]" }, "all rows of one length"],
    ["an unknown model", { ...point, modelId: "stabilityai/sd-turbo" }, "called with stabilityai/sd-turbo"],
    ["a picture that is none", { ...point, image: new Blob(["hello"]) }, "expected a picture"],
  ])("400, as its client's HTTPError: %s", async (_, request, message) => {
    const answer = client().generate.segmentAnything2({ image: photo, ...request });
    const error = await answer.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HTTPError);
    expect((error as HTTPError).detail.msg).toContain(message);
    expectSchema("HTTPError", (error as HTTPError).data$);
  });

  test("401 where a token is configured", async () => {
    const answer = client({ livepeer: { bearerToken: "secret" } }).generate.segmentAnything2({
      image: photo,
      ...point,
    });
    await expect(answer).rejects.toThrow(HTTPError);
    await expect(answer).rejects.toMatchObject({ detail: { msg: "Invalid bearer token." } });
  });

  const GATEWAY = "https://dream-gateway.livepeer.cloud/segment-anything-2";
  const post = async (fields: Record<string, string | Blob>): Promise<Response> => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return hosted()(GATEWAY, { method: "POST", body });
  };

  test.each<[string, Record<string, string>, (string | number)[], string]>([
    ["no image", {}, ["body", "image"], "missing"],
    ["an image that is text", { image: "photo.png" }, ["body", "image"], "value_error"],
    ["a boolean that is none", { image: "@", multimask_output: "maybe" }, ["body", "multimask_output"], "bool_parsing"],
  ])("422: %s", async (_, fields, loc, type) => {
    const given: Record<string, string | Blob> = fields.image === "@" ? { ...fields, image: photo } : fields;
    const response = await post(given);
    expect(response.status).toBe(422);
    const body = await response.json();
    expect(body.detail[0]).toMatchObject({ loc, type });
    expectSchema("HTTPValidationError", body);
    expect(HTTPValidationError$inboundSchema.parse(body)).toBeInstanceOf(HTTPValidationError);
  });

  test("unknown fields are ignored, and words stand for booleans", async () => {
    const response = await post({
      image: photo,
      point_coords: "[[192, 112]]",
      point_labels: "[1]",
      multimask_output: "no",
      return_logits: "0",
      something: "else",
    });
    expect(JSON.parse((await response.json()).scores)).toHaveLength(1);
  });

  test("another method is refused, another address goes its way", async () => {
    expect((await hosted()(GATEWAY)).status).toBe(405);
    await expect(hosted()("https://example.com/segment-anything-2")).rejects.toThrow("a request left the page");
  });
});

describe("fal", () => {
  const ENDPOINT = "fal-ai/sam2/auto-segment";
  const thresholds = { points_per_side: 6, pred_iou_thresh: 0.3, stability_score_thresh: 0.6, min_mask_region_area: 0 };
  const client = (options: HostedOptions = {}) =>
    createFalClient({ fetch: hosted(options), credentials: "id:secret", suppressLocalCredentialsWarning: true });
  let address: string;
  let expected: Uint8Array[];
  beforeAll(async () => {
    address = URL.createObjectURL(photo);
    const found = await segmenter.segmentEverything(photo, thresholds);
    const pixelsOf = ({ segmentation }: EverythingMask): Uint8Array => decodeRle(segmentation as Rle).data;
    expected = [...found].sort((a, b) => b.area - a.area).map(pixelsOf);
  });

  /** The mask in a picture: white is 1. */
  async function readMask(url: string): Promise<Uint8Array> {
    const bitmap = await createImageBitmap(await (await fetch(url)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext(
      "2d",
    ) as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    return Uint8Array.from({ length: data.length / 4 }, (_, i) => Number((data[4 * i] as number) > 127));
  }

  test.each([
    ["run", (fal: ReturnType<typeof client>) => fal.run(ENDPOINT, { input: { image_url: address, ...thresholds } })],
    [
      "subscribe, by polling",
      (fal: ReturnType<typeof client>) =>
        fal.subscribe(ENDPOINT, { input: { image_url: address, ...thresholds }, pollInterval: 50 }),
    ],
    [
      "subscribe, by streaming",
      (fal: ReturnType<typeof client>) =>
        fal.subscribe(ENDPOINT, { input: { image_url: address, ...thresholds }, mode: "streaming" }),
    ],
    [
      "a Blob, which its client uploads",
      (fal: ReturnType<typeof client>) => fal.run(ENDPOINT, { input: { image_url: photo, ...thresholds } }),
    ],
  ])("its client: %s", async (_, call) => {
    const { data, requestId } = await call(client());
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(data.individual_masks).toHaveLength(expected.length);
    for (const [i, image] of data.individual_masks.entries()) {
      expect(image).toMatchObject({ content_type: "image/png", file_name: `mask_${i}.png`, width: 480, height: 320 });
      const blob = await (await fetch(image.url)).blob();
      expect(blob.size).toBe(image.file_size);
      expect(await readMask(image.url)).toEqual(expected[i]);
    }
    const combined = await readMask(data.combined_mask.url);
    expect(combined.length).toBe(480 * 320);
  });

  test("its queue: states, logs, metrics", async () => {
    const seen: { status: string; logs?: unknown }[] = [];
    const fal = client();
    await fal.subscribe(ENDPOINT, {
      input: { image_url: address, ...thresholds, points_per_side: 12 },
      logs: true,
      pollInterval: 20,
      onQueueUpdate: (update) => seen.push(update),
    });
    expect(seen.map(({ status }) => status)).toContain("IN_PROGRESS");
    expect(seen.at(-1)).toMatchObject({ status: "COMPLETED", metrics: { inference_time: expect.any(Number) } });
    expect(JSON.stringify(seen.at(-1)?.logs)).toContain("144 of 144 points");
  });

  test("sync_mode gives data URIs, output_format JPEG", async () => {
    const input = { image_url: address, ...thresholds, sync_mode: true, output_format: "jpeg" as const };
    const { data } = await client().run(ENDPOINT, { input });
    expect(data.combined_mask).toMatchObject({ content_type: "image/jpeg", file_name: "combined_mask.jpeg" });
    expect(data.combined_mask.url).toMatch(/^data:image\/jpeg;base64,/);
  });

  test("a request that waits is cancelled; the result says so", async () => {
    const fal = client();
    const submit = () => fal.queue.submit(ENDPOINT, { input: { image_url: address, ...thresholds } });
    const [first, second] = [await submit(), await submit()];
    expect(second).toMatchObject({ status: "IN_QUEUE", queue_position: expect.any(Number) });
    await fal.queue.cancel(ENDPOINT, { requestId: second.request_id });
    await fal.queue.subscribeToStatus(ENDPOINT, { requestId: first.request_id, pollInterval: 50 });
    await fal.queue.subscribeToStatus(ENDPOINT, { requestId: second.request_id, pollInterval: 50 });
    await expect(fal.queue.result(ENDPOINT, { requestId: second.request_id })).rejects.toMatchObject({ status: 499 });
    const result = await fal.queue.result(ENDPOINT, { requestId: first.request_id });
    expect(result.data.individual_masks).toHaveLength(expected.length);
    await expect(fal.queue.status(ENDPOINT, { requestId: "nothing" })).rejects.toMatchObject({ status: 404 });
  });

  test.each<[string, object, string, string]>([
    ["no image", {}, "image_url", "missing"],
    ["a picture that is none", { image_url: "data:text/plain,hello" }, "image_url", "image_load_error"],
    ["an address that is not there", { image_url: "blob:nothing" }, "image_url", "file_download_error"],
    ["a format that is none", { image_url: "data:,", output_format: "gif" }, "output_format", "enum"],
    ["a number that is none", { image_url: "data:,", points_per_side: "many" }, "points_per_side", "int_parsing"],
    ["a share over one", { image_url: "data:,", pred_iou_thresh: 1.5 }, "pred_iou_thresh", "less_than_equal"],
  ])("422, as its client's ValidationError: %s", async (_, input, field, type) => {
    const answer = client().run(ENDPOINT, { input: input as { image_url: string } });
    const error = await answer.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).getFieldErrors(field)[0]).toMatchObject({ type });
  });

  test("401 where a key is configured", async () => {
    const answer = client({ fal: { key: "other" } }).run(ENDPOINT, { input: { image_url: address } });
    await expect(answer).rejects.toThrow(ApiError);
    await expect(answer).rejects.toMatchObject({ status: 401 });
  });
});

describe("Segmind", () => {
  const call = (body: unknown, options: HostedOptions["segmind"] = {}, headers: Record<string, string> = {}) =>
    hosted({ segmind: options })("https://api.segmind.com/v1/sam-v2-image", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  let address: string;
  let base64: string;
  beforeAll(async () => {
    address = URL.createObjectURL(photo);
    const bytes = new Uint8Array(await photo.arrayBuffer());
    base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  });

  test.each<[string, unknown, number[][], number[][]]>([
    ["one point as text", { coordinates: "[192, 112]" }, [[192, 112]], []],
    [
      "points as arrays",
      {
        coordinates: [
          [192, 112],
          [150, 100],
        ],
        remove_coordinates: "[10, 10]",
      },
      [
        [192, 112],
        [150, 100],
      ],
      [[10, 10]],
    ],
  ])("the mask of %s is segment()'s", async (_, fields, wanted, removed) => {
    const response = await call({ image: address, overlay_mask: false, ...(fields as object) });
    expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "image/png"]);
    const direct = await segmenter.segment({
      image: photo,
      point_coords: [...wanted, ...removed],
      point_labels: [...wanted.map(() => 1), ...removed.map(() => 0)],
      multimask_output: wanted.length + removed.length === 1,
    });
    const expected = await exportCanvas(drawMask(direct.mask()), "blob");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(await expected.arrayBuffer()));
  });

  test("base64 in, base64 out, over the picture", async () => {
    const response = await call({ image: base64, coordinates: "[192, 112]", base64: true });
    const { image } = await response.json();
    expect(image.slice(0, 5)).toBe("/9j/4");
  });

  test("words become boxes by the detector; coordinates are ignored then", async () => {
    const asked: string[] = [];
    const textDetector: TextDetector = {
      detect: async (_, text) => {
        asked.push(text);
        return [{ box: [40, 60, 300, 180], score: 0.9 }];
      },
    };
    const request = { image: address, prompt: "truck", coordinates: "nonsense", overlay_mask: false };
    const response = await call(request, { textDetector });
    expect([response.status, asked]).toEqual([200, ["truck"]]);
    const direct = await segmenter.segment({ image: photo, box: [40, 60, 340, 240], multimask_output: false });
    const expected = await exportCanvas(drawMask(direct.mask()), "blob");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(await expected.arrayBuffer()));
  });

  test.each<[string, object, HostedOptions["segmind"], number, string]>([
    ["no image", { coordinates: "[1, 1]" }, {}, 400, "image: expected a URL or base64"],
    ["no coordinates", { image: "x" }, {}, 400, "give a prompt or coordinates"],
    ["bad coordinates", { image: "x", coordinates: "1;2" }, {}, 400, "coordinates: expected [x, y]"],
    [
      "a flag that is none",
      { image: "x", coordinates: "[1, 1]", base64: "yes" },
      {},
      400,
      "base64: expected true or false",
    ],
    ["no picture", { image: "data:,hello", coordinates: "[1, 1]" }, {}, 400, "image: expected a picture"],
    ["words without a detector", { image: "@", prompt: "boy" }, {}, 400, "words need a text detector"],
    ["no key", { image: "x" }, { apiKey: "secret" }, 401, "missing or invalid API key"],
    ["no credits", { image: "x" }, { credits: 0 }, 406, "not enough credits"],
    ["too many", { image: "x" }, { requestsPerMinute: 0 }, 429, "too many requests"],
  ])("refused: %s", async (_, body, options, status, message) => {
    const image = (body as { image?: string }).image === "@" ? { image: address } : {};
    const response = await call({ ...body, ...image }, options);
    expect([response.status, (await response.json()).error]).toEqual([status, expect.stringContaining(message)]);
  });

  test("404 for another path; credits are counted down", async () => {
    expect((await hosted()("https://api.segmind.com/v1/other")).status).toBe(404);
    const fetchHosted = hosted({ segmind: { credits: 1, apiKey: "k" } });
    const request = {
      method: "POST",
      headers: { "x-api-key": "k" },
      body: JSON.stringify({ image: address, coordinates: "[192, 112]" }),
    };
    const first = await fetchHosted("https://api.segmind.com/v1/sam-v2-image", request);
    expect([first.status, first.headers.get("x-remaining-credits")]).toEqual([200, "0"]);
    expect((await fetchHosted("https://api.segmind.com/v1/sam-v2-image", request)).status).toBe(406);
  });
});

test("an abort rejects with its reason, and the segmenter stays usable", async () => {
  const controller = new AbortController();
  const body = JSON.stringify({ image_url: URL.createObjectURL(photo), points_per_side: 32 });
  const answer = hosted()("https://fal.run/fal-ai/sam2/auto-segment", {
    method: "POST",
    body,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(new Error("enough")), 300);
  await expect(answer).rejects.toThrow("enough");
  const { scores } = await segmenter.segment({ image: photo, point_coords: [[9, 9]], point_labels: [1] });
  expect(scores.data).toHaveLength(3);
});
