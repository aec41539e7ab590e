/**
 * The services' own client packages, unchanged, before a real model: masks are those of the segmenter, pictures are
 * drawn right, and the page stays free. What needs no model is tested in Node.
 */
import { createFalClient } from "@fal-ai/client";
import { Livepeer } from "@livepeer/ai";
import { HTTPClient } from "@livepeer/ai/lib/http.js";
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

describe("Livepeer", () => {
  const client = (options: HostedOptions = {}) =>
    new Livepeer({ httpBearer: "token", httpClient: new HTTPClient({ fetcher: hosted(options) }) });

  test("its client gets what segment() answers, best first", async () => {
    const { masksResponse } = await client().generate.segmentAnything2({
      image: photo,
      pointCoords: "[[192, 112]]",
      pointLabels: "[1]",
      returnLogits: false,
    });
    const direct = await segmenter.segment({ image: photo, point_coords: [[192, 112]], point_labels: [1] });
    expect(masksResponse).toEqual(toLivepeerJSON(direct));
    const scores: number[] = JSON.parse(masksResponse?.scores ?? "");
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
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

  test("millions of logits are written while the page goes on", async () => {
    const large = new OffscreenCanvas(2000, 1500);
    large.getContext("2d")?.drawImage(await createImageBitmap(photo), 0, 0, 2000, 1500);
    const body = new FormData();
    body.append("image", await large.convertToBlob({ type: "image/jpeg" }));
    for (const [name, value] of Object.entries({ box: "[10, 10, 900, 900]", multimask_output: "false" })) {
      body.append(name, value);
    }
    const response = await hosted()("https://livepeer.studio/api/beta/generate/segment-anything-2", {
      method: "POST",
      body,
    });
    let [bytes, longest, last] = [0, 0, performance.now()];
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const start = performance.now();
    for await (const chunk of response.body ?? []) bytes += chunk.length;
    clearInterval(timer);
    expect(bytes).toBeGreaterThan(2000 * 1500 * 15);
    // at once it would take the whole time
    expect(longest).toBeLessThan((performance.now() - start) / 4);
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

  test("pictures of forgotten requests are freed", async () => {
    const fal = client({ limits: { finished: 1 } });
    const input = { image_url: address, ...thresholds, points_per_side: 2 };
    const urls = [];
    for (let i = 0; i < 2; i++) urls.push((await fal.run(ENDPOINT, { input })).data.combined_mask.url);
    const [first = "", second = ""] = urls;
    await expect(fetch(first)).rejects.toThrow();
    expect((await fetch(second)).status).toBe(200);
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

  test("words without a detector are refused", async () => {
    const response = await call({ image: address, prompt: "boy" });
    expect([response.status, (await response.json()).error]).toEqual([400, expect.stringContaining("text detector")]);
  });

  test("with detail, the mask is that of a second look", async () => {
    const fields = { image: address, overlay_mask: false, coordinates: "[192, 112]" };
    const response = await call({ ...fields, detail: "always" });
    const point = { image: photo, point_coords: [[192, 112]], point_labels: [1] };
    const direct = await segmenter.segment(point, { detail: "always" });
    const expected = await exportCanvas(drawMask(direct.mask()), "blob");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(await expected.arrayBuffer()));
  });

  test("credits are counted down", async () => {
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
