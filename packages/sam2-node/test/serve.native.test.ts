/** `sam2 serve` over HTTP: the services' own clients, whose answer is whose, and what is refused. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFalClient } from "@fal-ai/client";
import { Livepeer } from "@livepeer/ai";
import { createSegmenter, decodeRle, type Mask, maskIou } from "sam2-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningServer, type ServerOptions, startServer } from "../dist/serve/server.js";
import { type Case, FIXTURES, PHOTO, readJson } from "./reference.ts";

const LIVEPEER = "livepeer.studio/api/beta/generate/segment-anything-2";
const FAL = "fal.run/fal-ai/sam2/auto-segment";
const SEGMIND = "api.segmind.com/v1/sam-v2-image";
const WAITING = 8;

const logged: { level: string; event: string; error?: unknown }[] = [];
const start = (options: Partial<ServerOptions> = {}): Promise<RunningServer> =>
  startServer({
    host: "127.0.0.1",
    port: 0,
    segmenter: { model: `${FIXTURES}toy`, device: "cpu", dtype: "fp32", threads: 1 },
    workers: 2,
    waiting: WAITING,
    heldBytes: 512e6,
    timeLimit: 30_000,
    log: (level, event, particulars) => logged.push({ level, event, ...particulars }),
    ...options,
  });

let server: RunningServer;
let cache: string;
let photo: Blob;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "sam2-serve-"));
  process.env.SAM2_CACHE = cache;
  photo = new Blob([await readFile(PHOTO)], { type: "image/png" });
  server = await start();
});
afterAll(async () => {
  await server.close();
  await rm(cache, { recursive: true });
});

const post = (address: string, body: BodyInit, headers: Record<string, string> = {}, to = server): Promise<Response> =>
  fetch(`${to.url}/${address}`, { method: "POST", body, headers });

function livepeerForm(image: Blob, point = "[[200, 100]]"): FormData {
  const body = new FormData();
  const fields = { point_coords: point, point_labels: "[1]", return_logits: "false" };
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("image", image, "photo.png");
  return body;
}

/** Whoever asks now is answered. */
async function answered(image: Blob): Promise<void> {
  const response = await post(LIVEPEER, livepeerForm(image));
  expect([response.status, Object.keys(await response.json())]).toEqual([200, ["masks", "scores", "logits"]]);
}

/** A picture of so many colors that its answer is no other's. */
async function painted(seed: number): Promise<Blob> {
  const [width, height] = [64, 48];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => 127 + 120 * Math.sin(i * 0.01 * (seed + 1)));
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return new Blob([new Uint8Array(png)], { type: "image/png" });
}

/** White is 1. */
async function readMask(picture: ArrayBuffer): Promise<Mask> {
  const { data, info } = await sharp(picture).greyscale().raw().toBuffer({ resolveWithObject: true });
  return { data: Uint8Array.from(data, (value) => Number(value > 127)), width: info.width, height: info.height };
}

/** The rows of a mask in Livepeer's JSON. */
function maskOf(rows: number[][]): Mask {
  return { data: Uint8Array.from(rows.flat()), width: rows[0]?.length ?? 0, height: rows.length };
}

describe("the services' own clients", () => {
  test("Livepeer's: PyTorch's masks and scores", async () => {
    const client = new Livepeer({ httpBearer: "", serverURL: `${server.url}/livepeer.studio/api/beta/generate` });
    for (const { scores, masks, mask_input, ...prompt } of await readJson<Case[]>("expected.json")) {
      // its form has no holes and islands, and a mask prompt is 32×32 numbers as text
      if (mask_input || scores.length > 1 || prompt.max_hole_area) continue;
      const { masksResponse } = await client.generate.segmentAnything2({
        image: photo,
        pointCoords: prompt.point_coords && JSON.stringify(prompt.point_coords),
        pointLabels: prompt.point_labels && JSON.stringify(prompt.point_labels),
        box: prompt.box && JSON.stringify(prompt.box),
        multimaskOutput: prompt.multimask_output,
        normalizeCoords: prompt.normalize_coords,
        returnLogits: false,
      });
      const found: number[][][] = JSON.parse(masksResponse?.masks ?? "");
      for (const [index, score] of (JSON.parse(masksResponse?.scores ?? "") as number[]).entries()) {
        expect(score).toBeCloseTo(scores[0]?.[index] as number, 3);
        const expected = decodeRle(masks[0]?.[index] as Parameters<typeof decodeRle>[0]);
        expect(maskIou(maskOf(found[index] as number[][]), expected), JSON.stringify(prompt)).toBeGreaterThanOrEqual(
          0.999,
        );
      }
    }
  });

  describe("fal's", () => {
    const input = { points_per_side: 2, pred_iou_thresh: 0, stability_score_thresh: 0, min_mask_region_area: 0 };
    const client = () =>
      createFalClient({
        proxyUrl: { url: `${server.url}/fal/proxy`, when: "always" },
        credentials: "id:secret",
        suppressLocalCredentialsWarning: true,
      });
    const endpoint = "fal-ai/sam2/auto-segment";
    const dataUri = async (): Promise<string> =>
      `data:image/png;base64,${Buffer.from(await photo.arrayBuffer()).toString("base64")}`;

    test.each([
      ["run", async () => client().run(endpoint, { input: { ...input, image_url: await dataUri() } })],
      ["a Blob, which it uploads", async () => client().run(endpoint, { input: { ...input, image_url: photo } })],
      [
        "its queue",
        async () => client().subscribe(endpoint, { input: { ...input, image_url: await dataUri() }, pollInterval: 20 }),
      ],
    ])("%s: the masks as pictures, the largest first", async (_, call) => {
      const { data } = await call();
      const areas: number[] = [];
      for (const { url, file_size } of data.individual_masks as { url: string; file_size: number }[]) {
        const file = await (await fetch(url)).arrayBuffer();
        expect(file.byteLength).toBe(file_size);
        const mask = await readMask(file);
        expect(mask).toMatchObject({ width: 480, height: 320 });
        areas.push(mask.data.reduce((sum, value) => sum + value, 0));
      }
      expect(areas.length).toBeGreaterThan(0);
      expect(areas).toEqual(areas.toSorted((a, b) => b - a));
    });

    test("addresses in answers lead back here, without its client too", async () => {
      const body = JSON.stringify({ ...input, image_url: await dataUri() });
      const submitted = await (await post("queue.fal.run/fal-ai/sam2/auto-segment", body)).json();
      await expect
        .poll(async () => (await (await fetch(submitted.status_url)).json()).status, { timeout: 20_000 })
        .toBe("COMPLETED");
      const { combined_mask } = await (await fetch(submitted.response_url)).json();
      expect(await sharp(await (await fetch(combined_mask.url)).arrayBuffer()).metadata()).toMatchObject({
        width: 480,
      });
    });
  });

  test("Segmind's form: the mask that Livepeer's form gives", async () => {
    const { masks } = await (await post(LIVEPEER, livepeerForm(photo))).json();
    const image = Buffer.from(await photo.arrayBuffer()).toString("base64");
    const ask = (fields: object) => post(SEGMIND, JSON.stringify({ image, coordinates: "[200, 100]", ...fields }));
    const mask = await ask({ overlay_mask: false });
    expect(mask.headers.get("Content-Type")).toBe("image/png");
    expect(await readMask(await mask.arrayBuffer())).toEqual(maskOf(JSON.parse(masks)[0]));
    const overlay = await (await ask({ overlay_mask: true, base64: true })).json();
    expect(await sharp(Buffer.from(overlay.image, "base64")).metadata()).toMatchObject({ format: "jpeg", width: 480 });
  });
});

test.each(["fp16", "int8"])(
  "embeddings: a click on one, %s, finds what a click on the picture finds",
  async (dtype) => {
    const response = await post(`v1/embeddings?dtype=${dtype}`, photo);
    const embedding = new Blob([await response.arrayBuffer()]);
    const segmenter = await createSegmenter({ model: `${FIXTURES}toy`, device: "cpu", lazyEncoder: true });
    const point = { point_coords: [[200, 100]], point_labels: [1] };
    const image = await segmenter.setImage(photo, { embedding });
    const mask = (await segmenter.segment({ image, ...point })).mask();
    await segmenter.dispose();
    const { masks } = await (await post(LIVEPEER, livepeerForm(photo))).json();
    expect(maskIou(mask, maskOf(JSON.parse(masks)[0]))).toBeGreaterThan(dtype === "fp16" ? 0.999 : 0.98);
  },
);

test("answers belong to their pictures, however many ask at once; none is lost", async () => {
  const pictures = await Promise.all(Array.from({ length: 6 }, (_, seed) => painted(seed)));
  const ask = async (picture: Blob): Promise<string> => {
    for (;;) {
      const response = await post(LIVEPEER, livepeerForm(picture, "[[30, 20]]"));
      const text = await response.text();
      if (response.status !== 429) return text;
    }
  };
  const alone: string[] = [];
  for (const picture of pictures) alone.push(await ask(picture));
  expect(new Set(alone).size).toBe(pictures.length);
  const together = await Promise.all(Array.from({ length: 48 }, (_, i) => ask(pictures[i % 6] as Blob)));
  expect(together).toEqual(together.map((_, i) => alone[i % 6]));
});

test("past the queue's room: 429 with Retry-After, in each service's form", async () => {
  const image = Buffer.from(await (await painted(9)).arrayBuffer()).toString("base64");
  const picture = await painted(9);
  // bodies that do not end hold their places
  const held = Array.from({ length: WAITING }, () => {
    const request = httpRequest(`${server.url}/${FAL}`, { method: "POST", headers: { "Content-Length": 9 } });
    request.on("error", () => undefined).write("{");
    return request;
  });
  const inside = async (): Promise<number> => (await (await fetch(`${server.url}/health`)).json()).inside;
  await expect.poll(inside).toBe(WAITING);
  const said = expect.stringContaining("8 requests are waiting already");
  for (const [address, body, form] of [
    [LIVEPEER, livepeerForm(picture), { detail: { msg: said } }],
    [FAL, JSON.stringify({ image_url: image }), { detail: said }],
    [SEGMIND, JSON.stringify({ image }), { error: said }],
  ] as const) {
    const response = await post(address, body);
    expect([response.status, Number(response.headers.get("Retry-After"))]).toEqual([429, expect.any(Number)]);
    expect(await response.json()).toEqual(form);
  }
  for (const request of held) request.destroy();
  await expect.poll(inside).toBe(0);
  await answered(picture);
});

test("past the bytes that requests may hold together: 429, and room again when they have ended", async () => {
  const picture = await painted(9);
  const small = await start({ workers: 1, heldBytes: picture.size + 1000 });
  const address = `${small.url}/v1/embeddings`;
  // one whose body does not end holds all that came of it
  const held = httpRequest(address, { method: "POST", headers: { "Content-Length": 5000 } });
  held.on("error", () => undefined).write(Buffer.alloc(1001));
  const ask = (): Promise<Response> => fetch(address, { method: "POST", body: picture });
  await expect.poll(async () => (await ask()).status).toBe(429);
  const refused = await ask();
  expect([refused.headers.get("Retry-After"), await refused.json()]).toEqual([
    "1",
    { detail: expect.stringContaining("requests hold") },
  ]);
  const livepeer = await post(LIVEPEER, livepeerForm(picture), {}, small);
  expect([livepeer.status, await livepeer.json()]).toEqual([
    429,
    { detail: { msg: expect.stringContaining("requests hold") } },
  ]);
  held.destroy();
  await expect.poll(async () => (await ask()).status).toBe(200);
  await small.close();
});

describe("refused", () => {
  const withHost = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(`${server.url}/health`, { headers: { Host: host } }, ({ statusCode = 0 }) => {
        resolve(statusCode);
      });
      request.on("error", reject).end();
    });
  const json = { "Content-Type": "application/json" };

  test.each<[string, () => Promise<number>, number]>([
    ["another path", async () => (await fetch(`${server.url}/else`)).status, 404],
    ["another endpoint of a service", async () => (await post("fal.run/fal-ai/flux/dev", "{}", json)).status, 404],
    ["the proxy without a target", async () => (await post("fal/proxy", "{}", json)).status, 404],
    [
      "the proxy to another place",
      async () => (await post("fal/proxy", "{}", { "x-fal-target-url": "http://127.0.0.1/" })).status,
      404,
    ],
    ["a name that a page has led here", async () => withHost("evil.example"), 421],
    ["no picture", async () => (await post(LIVEPEER, livepeerForm(new Blob(["text"])))).status, 400],
    [
      "a picture that is cut off",
      async () => (await post(LIVEPEER, livepeerForm(photo.slice(0, 5000, "image/png")))).status,
      400,
    ],
    ["no JSON", async () => (await post(SEGMIND, "{")).status, 400],
    ["no picture to embed", async () => (await post("v1/embeddings", "text")).status, 400],
    ["an embedding of another kind", async () => (await post("v1/embeddings?dtype=fp8", photo)).status, 422],
    ["an embedding without a picture", async () => (await fetch(`${server.url}/v1/embeddings`)).status, 405],
    ["a picture to embed over the limit", async () => (await post("v1/embeddings", new Uint8Array(65e6))).status, 413],
    ["another method", async () => (await fetch(`${server.url}/${LIVEPEER}`)).status, 405],
    ["more than the limit", async () => (await post(SEGMIND, new Uint8Array(65e6))).status, 413],
  ])("%s", async (_, ask, status) => {
    expect(await ask()).toBe(status);
  });
});

test("whoever gives up is not worked for, and the others are answered", async () => {
  const stop = new AbortController();
  const body = JSON.stringify({
    image_url: `data:image/png;base64,${Buffer.from(await photo.arrayBuffer()).toString("base64")}`,
    points_per_side: 64,
  });
  const answer = fetch(`${server.url}/${FAL}`, { method: "POST", body, signal: stop.signal });
  const inside = async (): Promise<number> => (await (await fetch(`${server.url}/health`)).json()).inside;
  await expect.poll(inside).toBe(1);
  stop.abort();
  await expect(answer).rejects.toMatchObject({ name: "AbortError" });
  await expect.poll(inside).toBe(0);
  await answered(photo);
});

test("health and metrics say what runs and what was answered", async () => {
  const health = await (await fetch(`${server.url}/health`)).json();
  expect(health).toMatchObject({ status: "ok", model: `${FIXTURES}toy`, device: { encoder: "cpu" }, inside: 0 });
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/sam2_requests_total\{service="livepeer\.studio",status="200"\} \d+/);
  expect(metrics).toMatch(/sam2_requests_total\{service="fal\.run",status="429"\} 1\n/);
  expect(metrics).toMatch(/sam2_request_seconds_bucket\{le="0\.1",service="health"\} \d+/);
  expect(metrics).toMatch(/process_resident_memory_bytes \d+/);
});

describe("where others reach it", () => {
  let open: RunningServer;
  beforeAll(async () => {
    open = await start({ host: "0.0.0.0", workers: 1, token: "secret", publicUrl: "https://sam.example/" });
  });
  afterAll(() => open.close());
  const here = (address: string, body: BodyInit, authorization: string): Promise<Response> =>
    fetch(`${open.url.replace("0.0.0.0", "127.0.0.1")}/${address}`, {
      method: "POST",
      body,
      headers: { Authorization: authorization },
    });

  test("pictures at private addresses are refused", async () => {
    const body = JSON.stringify({ image_url: `${server.url}/health` });
    const response = await here(FAL, body, "Key secret");
    expect([response.status, JSON.stringify(await response.json())]).toEqual([
      422,
      expect.stringContaining("not an address of the public Internet"),
    ]);
    // where only this machine asks, it may name its own addresses: what is there is no picture
    const local = await post(FAL, body);
    expect([local.status, JSON.stringify(await local.json())]).toEqual([
      422,
      expect.stringContaining("image_load_error"),
    ]);
  });

  test("without the token nothing is answered", async () => {
    expect((await here(FAL, "{}", "Key other")).status).toBe(401);
    expect((await here(LIVEPEER, livepeerForm(photo), "Bearer other")).status).toBe(401);
    expect((await here("v1/embeddings", photo, "Bearer other")).status).toBe(401);
    expect((await here(LIVEPEER, livepeerForm(photo), "Bearer secret")).status).toBe(200);
  });

  test("addresses in answers begin with the public one", async () => {
    const submitted = await here("queue.fal.run/fal-ai/sam2/auto-segment", "{}", "Key secret");
    expect((await submitted.json()).status_url).toMatch(
      /^https:\/\/sam\.example\/queue\.fal\.run\/fal-ai\/sam2\/requests\//,
    );
  });
});

test("past the time limit: 504", async () => {
  const hasty = await start({ timeLimit: 1, workers: 1 });
  expect((await post(LIVEPEER, livepeerForm(photo), {}, hasty)).status).toBe(504);
  await hasty.close();
  expect(logged.filter(({ level }) => level === "error")).toEqual([
    { level: "error", event: "request failed", service: "livepeer.studio", status: 504 },
  ]);
});

test("closing answers what is inside, and takes nothing more", async () => {
  const closing = await start({ workers: 1 });
  const answer = post(LIVEPEER, livepeerForm(photo), {}, closing);
  const inside = async (): Promise<number> => (await (await fetch(`${closing.url}/health`)).json()).inside;
  await expect.poll(inside, { interval: 1 }).toBe(1);
  await closing.close();
  expect((await answer).status).toBe(200);
  await expect(fetch(`${closing.url}/health`)).rejects.toThrow();
});

test("an address that is taken is named", async () => {
  await expect(start({ port: Number(new URL(server.url).port) })).rejects.toMatchObject({
    name: "OutputError",
    message: expect.stringContaining("could not listen"),
  });
});
