/** Livepeer's API, spoken by its own client; what segments is a stand-in. */
import { Livepeer } from "@livepeer/ai";
import { HTTPClient } from "@livepeer/ai/lib/http.js";
import { HTTPError, HTTPValidationError, HTTPValidationError$inboundSchema } from "@livepeer/ai/models/errors";
import Ajv from "ajv";
import { Sam2Error, type SegmentRequest, toLivepeerJSON } from "sam2-web";
import { describe, expect, test } from "vitest";
import type { HostedOptions } from "../../src/hosted-fetch.ts";
import { createHostedFetch } from "../../src/page/create-hosted-fetch.ts";
import { fakeSegmenter, png } from "../fakes.ts";
import schema from "../livepeer-schema.json" with { type: "json" };

const GATEWAY = "https://dream-gateway.livepeer.cloud/segment-anything-2";
const image = png(30, 20);
const point = { pointCoords: "[[19, 11]]", pointLabels: "[1]" };

const ajv = new Ajv({ strict: false });
function expectSchema(name: keyof typeof schema.components.schemas, body: unknown): void {
  const validate = ajv.compile({ ...schema, $ref: `#/components/schemas/${name}` });
  expect(validate(body), JSON.stringify(validate.errors)).toBe(true);
}

const client = (options: HostedOptions = {}, segmenter = fakeSegmenter(30, 20), serverIdx = 0) =>
  new Livepeer({
    httpBearer: "token",
    serverIdx,
    httpClient: new HTTPClient({ fetcher: createHostedFetch(segmenter, options) }),
  });

test.each([
  [0, false],
  [1, true],
])("its client, gateway %i, return_logits %s: what the segmenter answers", async (server, return_logits) => {
  const segmenter = fakeSegmenter(30, 20);
  const answer = client({}, segmenter, server).generate.segmentAnything2({
    image,
    ...point,
    returnLogits: return_logits,
  });
  const { masksResponse } = await answer;
  expect(masksResponse).toEqual(toLivepeerJSON(await segmenter.segment({ image, return_logits })));
  expectSchema("MasksResponse", masksResponse);
});

test("every parameter arrives", async () => {
  let asked: SegmentRequest | undefined;
  const segmenter = fakeSegmenter(30, 20, (request) => {
    asked = request;
  });
  await client({}, segmenter).generate.segmentAnything2({
    image,
    modelId: "facebook/sam2-hiera-large",
    pointCoords: "[[0.4, 0.35], [0.9, 0.1]]",
    pointLabels: "[1, 0]",
    box: "[0.1, 0.1, 0.9, 0.9]",
    maskInput: "[[[1]]]",
    multimaskOutput: false,
    returnLogits: true,
    normalizeCoords: false,
  });
  expect(asked).toMatchObject({
    point_coords: "[[0.4, 0.35], [0.9, 0.1]]",
    point_labels: "[1, 0]",
    box: "[0.1, 0.1, 0.9, 0.9]",
    mask_input: "[[[1]]]",
    multimask_output: false,
    return_logits: true,
    normalize_coords: false,
  });
});

type Request = Parameters<Livepeer["generate"]["segmentAnything2"]>[0];
const refusing = (name: "InvalidPromptError" | "UnsupportedPromptError") =>
  fakeSegmenter(30, 20, () => Promise.reject(new Sam2Error(name, `${name}: why`)));

test.each<[string, Partial<Request>, string, HostedOptions?, ReturnType<typeof fakeSegmenter>?]>([
  ["a prompt that the segmenter refuses", {}, "InvalidPromptError: why", {}, refusing("InvalidPromptError")],
  ["a prompt that the model cannot take", {}, "UnsupportedPromptError: why", {}, refusing("UnsupportedPromptError")],
  ["an unknown model", { modelId: "stabilityai/sd-turbo" }, "called with stabilityai/sd-turbo"],
  ["too many points", { pointCoords: JSON.stringify(Array(2002).fill(1)) }, "point_coords: expected at most 1000"],
  ["too many boxes", { box: JSON.stringify(Array(4004).fill(1)) }, "box: expected at most 1000, got 1001"],
  ["a picture that is none", { image: new Blob(["hello"]) }, "expected a picture"],
  ["too many pixels", { image: png(40_000, 30_000) }, "expected at most 100000000 pixels, got 40000×30000"],
  ["an answer that is too long", { image: png(4000, 3000) }, "720000000 for 3 masks as logits of 4000×3000"],
  [
    "several objects whose masks are too long together",
    { image: png(30, 20), returnLogits: false },
    "3 masks of 4000×3000",
    { limits: { answerLength: 50e6 } },
    fakeSegmenter(4000, 3000),
  ],
])("400, as its client's HTTPError: %s", async (_, request, message, options, segmenter) => {
  const answer = client(options, segmenter).generate.segmentAnything2({ image, ...point, ...request });
  const error = await answer.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HTTPError);
  expect((error as HTTPError).detail.msg).toContain(message);
  expectSchema("HTTPError", (error as HTTPError).data$);
});

test("a picture that is too large is refused before it is segmented", async () => {
  const asked: unknown[] = [];
  const segmenter = fakeSegmenter(30, 20, (request) => {
    asked.push(request);
  });
  for (const size of [png(40_000, 30_000), png(4000, 3000)]) {
    const answer = client({}, segmenter).generate.segmentAnything2({ image: size, ...point });
    await expect(answer).rejects.toThrow();
  }
  expect(asked).toEqual([]);
});

test("401 where a token is configured", async () => {
  const answer = client({ livepeer: { bearerToken: "secret" } }).generate.segmentAnything2({ image, ...point });
  await expect(answer).rejects.toThrow(HTTPError);
  await expect(answer).rejects.toMatchObject({ detail: { msg: "Invalid bearer token." } });
});

const post = async (fields: Record<string, string | Blob>, options: HostedOptions = {}): Promise<Response> => {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return createHostedFetch(fakeSegmenter(30, 20), options)(GATEWAY, { method: "POST", body });
};

test.each([
  ["that asks for none", {}, "off"],
  ["with detail=auto", { detail: "auto" }, "auto"],
  ["with detail=always", { detail: "always" }, "always"],
])("a second look is an extension: of a request %s", async (_, fields, detail) => {
  let asked: unknown;
  const segmenter = fakeSegmenter(30, 20, (__, options) => {
    asked = options.detail;
  });
  const body = new FormData();
  for (const [name, value] of Object.entries({ image, ...fields })) body.append(name, value);
  expect((await createHostedFetch(segmenter)(GATEWAY, { method: "POST", body })).status).toBe(200);
  expect(asked).toBe(detail);
});

test.each<[string, Record<string, string | Blob>, (string | number)[], string]>([
  ["a look that there is not", { image, detail: "often" }, ["body", "detail"], "enum"],
  ["no image", {}, ["body", "image"], "missing"],
  ["an image that is text", { image: "photo.png" }, ["body", "image"], "value_error"],
  ["a boolean that is none", { image, multimask_output: "maybe" }, ["body", "multimask_output"], "bool_parsing"],
])("422: %s", async (_, fields, loc, type) => {
  const response = await post(fields);
  expect(response.status).toBe(422);
  const body = await response.json();
  expect(body.detail[0]).toMatchObject({ loc, type });
  expectSchema("HTTPValidationError", body);
  expect(HTTPValidationError$inboundSchema.parse(body)).toBeInstanceOf(HTTPValidationError);
});

test("unknown fields are ignored, and words stand for booleans", async () => {
  const response = await post({ image, multimask_output: "no", return_logits: "0", something: "else" });
  expect(JSON.parse((await response.json()).scores)).toHaveLength(1);
});

test("a form that is too long, and another method, are refused", async () => {
  const large = await post({ image, box: "1".repeat(1000) }, { limits: { bodyBytes: 900 } });
  expect([large.status, await large.json()]).toEqual([413, { detail: { msg: expect.stringContaining("900 bytes") } }]);
  expect((await createHostedFetch(fakeSegmenter(1, 1))(GATEWAY)).status).toBe(405);
});

describe("a long answer", () => {
  const large = (signal?: AbortSignal) => {
    const body = new FormData();
    body.append("image", png(1000, 800));
    const init = { method: "POST", body, ...(signal ? { signal } : {}) };
    return createHostedFetch(fakeSegmenter(1000, 800))(GATEWAY, init);
  };

  test("comes in pieces, and leaves the thread free in between", async () => {
    const response = await large();
    let [chunks, longest, free] = [0, 0, 0];
    const timer = setInterval(() => free++);
    for await (const chunk of response.body ?? []) {
      chunks++;
      longest = Math.max(longest, chunk.length);
    }
    clearInterval(timer);
    expect(chunks).toBeGreaterThan(50);
    expect(longest).toBeLessThan(300_000);
    expect(free).toBeGreaterThan(chunks / 4);
  });

  test("ends with the request's signal, and when nobody reads it", async () => {
    const stop = new AbortController();
    const response = await large(stop.signal);
    const reader = response.body?.getReader();
    await reader?.read();
    stop.abort(new Error("enough"));
    await expect(reader?.read().then(() => reader.read())).rejects.toThrow("enough");
    await (await large()).body?.cancel();
  });
});
