/** Segmind's refusals, which need no canvas; its answers are tested in a browser. */
import { expect, test } from "vitest";
import type { HostedOptions } from "../../src/hosted-fetch.ts";
import { createHostedFetch } from "../../src/page/create-hosted-fetch.ts";
import { fakeSegmenter, pngUri } from "../fakes.ts";

const image = await pngUri(30, 20);
const coordinates = "[1, 1]";

async function call(body: unknown, options: HostedOptions = {}, init: RequestInit = {}) {
  const hosted = createHostedFetch(fakeSegmenter(30, 20), options);
  const response = await hosted("https://api.segmind.com/v1/sam-v2-image", {
    method: "POST",
    body: JSON.stringify(body),
    ...init,
  });
  return [response.status, (await response.json()).error];
}

test.each<[string, unknown, HostedOptions, number, string]>([
  ["no image", { coordinates }, {}, 400, "image: expected a URL or base64, got nothing"],
  ["no object", [], {}, 400, "expected a JSON object"],
  ["no coordinates", { image }, {}, 400, "expected a prompt or coordinates, got neither"],
  ["bad coordinates", { image, coordinates: "1;2" }, {}, 400, "coordinates: expected [x, y]"],
  ["too many", { image, coordinates: Array(1001).fill([1, 1]) }, {}, 400, "at most 1000 coordinates, got 1001"],
  ["a flag that is none", { image, coordinates, base64: "yes" }, {}, 400, "base64: expected true or false"],
  ["a look that there is not", { image, coordinates, detail: "often" }, {}, 400, "detail: expected off, auto, always"],
  ["no picture", { image: "data:,hello", coordinates }, {}, 400, "image: expected a picture"],
  ["too many pixels", { image, coordinates }, { limits: { pixels: 599 } }, 400, "at most 599 pixels, got 30×20"],
  ["an address, from a stranger", { image: "http://a.test/", coordinates }, {}, 400, "addresses of pictures are not"],
  ["a long body", { image, coordinates }, { limits: { bodyBytes: 50 } }, 413, "expected at most 50 bytes"],
  ["no key", { image }, { segmind: { apiKey: "secret" } }, 401, "missing or invalid API key"],
  ["no credits", { image }, { segmind: { credits: 0 } }, 406, "not enough credits"],
  ["too many", { image }, { segmind: { requestsPerMinute: 0 } }, 429, "too many requests"],
])("refused: %s", async (_, body, options, status, message) => {
  expect(await call(body, options)).toEqual([status, expect.stringContaining(message)]);
});

test("refused: another method", async () => {
  expect(await call({}, {}, { method: "GET", body: null })).toEqual([405, expect.stringContaining("method")]);
});

test("what is refused costs no credit", async () => {
  const options = { segmind: { credits: 1 } };
  const hosted = createHostedFetch(fakeSegmenter(30, 20), options);
  const post = () => hosted("https://api.segmind.com/v1/sam-v2-image", { method: "POST", body: "{}" });
  expect([(await post()).status, (await post()).status]).toEqual([400, 400]);
});
