/** What is passed on, whom it serves, and how it ends. */
import { describe, expect, test } from "vitest";
import type { HostedOptions } from "../../src/hosted-fetch.ts";
import { createHostedFetch } from "../../src/page/create-hosted-fetch.ts";
import { fakeSegmenter, png, pngUri } from "../fakes.ts";

const LIVEPEER = "https://dream-gateway.livepeer.cloud/segment-anything-2";
const SEGMIND = "https://api.segmind.com/v1/sam-v2-image";
const FAL = "https://queue.fal.run/fal-ai/sam2/auto-segment";
const SMALL = await pngUri(3, 2);

function form(): FormData {
  const body = new FormData();
  body.append("image", png(30, 20));
  return body;
}

describe("what is not answered here", () => {
  test("goes on as it came", async () => {
    const passed: unknown[] = [];
    const fallback: typeof fetch = async (...given) => {
      passed.push(given);
      return new Response("theirs");
    };
    const hosted = createHostedFetch(fakeSegmenter(30, 20), { fallback });
    const init = { method: "POST", body: "{}" };
    const response = await hosted("https://fal.run/fal-ai/flux/dev", init);
    expect([await response.text(), passed]).toEqual(["theirs", [["https://fal.run/fal-ai/flux/dev", init]]]);
  });

  test("fails as the fallback fails", async () => {
    const fallback: typeof fetch = () => Promise.reject(new TypeError("no network"));
    const hosted = createHostedFetch(fakeSegmenter(30, 20), { fallback });
    await expect(hosted("https://example.com/")).rejects.toThrow("no network");
  });

  test("is a 404 for strangers", async () => {
    const hosted = createHostedFetch(fakeSegmenter(30, 20), { serving: "others" });
    expect((await hosted("http://127.0.0.1:1/admin")).status).toBe(404);
  });
});

describe("the address of a picture", () => {
  const ask = async (options: HostedOptions) => {
    const asked: string[] = [];
    const download: typeof fetch = async (input) => {
      asked.push(String(input));
      return new Response(png(30, 20));
    };
    const hosted = createHostedFetch(fakeSegmenter(30, 20), { fallback: download, ...options });
    const body = JSON.stringify({ image_url: "http://a.test/a.png" });
    const { request_id } = await (await hosted(FAL, { method: "POST", body })).json();
    // the stand-in cannot draw: what counts is whether the picture was asked for
    await (await hosted(`https://queue.fal.run/fal-ai/sam2/requests/${request_id}/status/stream`)).text();
    return asked;
  };

  test("is fetched for the page itself", async () => {
    expect(await ask({ serving: "self" })).toEqual(["http://a.test/a.png"]);
  });

  test("is not for strangers, which is what Node serves by default", async () => {
    expect([await ask({ serving: "others" }), await ask({})]).toEqual([[], []]);
  });

  test("is by the download that a server gives", async () => {
    const asked: string[] = [];
    const download: typeof fetch = async (input) => {
      asked.push(String(input));
      return new Response("");
    };
    await ask({ serving: "others", download });
    expect(asked).toEqual(["http://a.test/a.png"]);
  });
});

describe("a fault of the segmenter is answered in the service's form", () => {
  const broken = fakeSegmenter(30, 20, () => Promise.reject(new RangeError("out of memory")));
  Object.assign(broken, { setImage: () => Promise.reject(new RangeError("out of memory")) });
  test.each<[string, RequestInit, unknown]>([
    [LIVEPEER, { body: form() }, { detail: { msg: "out of memory" } }],
    [SEGMIND, { body: JSON.stringify({ image: SMALL, coordinates: "[1,1]" }) }, { error: "out of memory" }],
    [
      "https://fal.run/fal-ai/sam2/auto-segment",
      { body: JSON.stringify({ image_url: SMALL }) },
      { detail: "out of memory", error_type: "internal_error" },
    ],
  ])("%s", async (address, init, body) => {
    const response = await createHostedFetch(broken)(address, { method: "POST", ...init });
    expect([response.status, await response.json()]).toEqual([500, body]);
  });
});

test.each([LIVEPEER, SEGMIND, FAL])("a body that does not come is a 408: %s", async (address) => {
  const hosted = createHostedFetch(fakeSegmenter(30, 20), { limits: { downloadTime: 20 } });
  const init = { method: "POST", body: new ReadableStream(), duplex: "half" };
  const response = await hosted(address, init as RequestInit);
  expect([response.status, await response.text()]).toEqual([408, expect.stringContaining("within 20 ms")]);
});

describe("an end", () => {
  test("by the request's signal rejects with its reason", async () => {
    const stop = new AbortController();
    const hosted = createHostedFetch(fakeSegmenter(30, 20, () => new Promise(() => undefined)));
    const answer = hosted(LIVEPEER, { method: "POST", body: form(), signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await expect(answer).rejects.toThrow("enough");
  });

  test("by time is a 504", async () => {
    const hosted = createHostedFetch(
      fakeSegmenter(30, 20, () => new Promise(() => undefined)),
      { limits: { answerTime: 20 } },
    );
    const response = await hosted(LIVEPEER, { method: "POST", body: form() });
    expect([response.status, await response.json()]).toEqual([
      504,
      { detail: { msg: "expected an answer within 20 ms, got none" } },
    ]);
  });

  test("of all is a 503, for what is under way and what comes later", async () => {
    const stop = new AbortController();
    const hosted = createHostedFetch(
      fakeSegmenter(30, 20, () => new Promise(() => undefined)),
      { signal: stop.signal },
    );
    const underWay = hosted(LIVEPEER, { method: "POST", body: form() });
    setTimeout(() => stop.abort(), 20);
    expect((await underWay).status).toBe(503);
    const later = await hosted(SEGMIND, { method: "POST", body: "{}" });
    expect([later.status, await later.json()]).toEqual([503, { error: "nothing is answered here any more" }]);
  });
});

describe("refused by name", () => {
  test.each<[HostedOptions, string]>([
    [{ limits: { pixels: Number.NaN } }, "limits.pixels: expected a number over 0, got NaN"],
    [{ segmind: { credits: Number.NaN } }, "segmind.credits: expected a number of at least 0, got NaN"],
    [{ segmind: { credits: -1 } }, "segmind.credits: expected a number of at least 0, got -1"],
    [
      { segmind: { requestsPerMinute: "5" as unknown as number } },
      'segmind.requestsPerMinute: expected a number of at least 0, got "5"',
    ],
  ])("a value that is none: %j", (options, message) => {
    const attempt = () => createHostedFetch(fakeSegmenter(1, 1), options);
    expect(attempt).toThrow(expect.objectContaining({ name: "InvalidPromptError", message }));
  });

  test.each<[object, string]>([
    [{ limit: {} }, 'HostedOptions: there is no option "limit"; did you mean limits?'],
    [
      { limits: { maxPixels: 1e7 } },
      'HostedOptions.limits: there is no option "maxPixels"; expected bodyBytes, pixels, ',
    ],
    [{ limits: { toString: 5 } }, 'HostedOptions.limits: there is no option "toString"'],
    [
      { livepeer: { token: "x" } },
      'HostedOptions.livepeer: there is no option "token"; expected bearerToken, modelIds',
    ],
    [{ fal: { keys: "x" } }, 'HostedOptions.fal: there is no option "keys"; did you mean key?'],
    [{ segmind: { apikey: "x" } }, 'HostedOptions.segmind: there is no option "apikey"; did you mean apiKey?'],
    [{ segmind: "x" }, 'HostedOptions.segmind: expected an object with options, got "x"'],
  ])("an option that there is not: %j", (options, message) => {
    const attempt = () => createHostedFetch(fakeSegmenter(1, 1), options);
    expect(attempt).toThrow(
      expect.objectContaining({ name: "UnknownOptionError", message: expect.stringContaining(message) }),
    );
  });
});
