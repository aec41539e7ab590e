/** Pictures by address, data URI and base64, and what is refused before it costs anything. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { ByteBudget, NoRoomError } from "../../src/http/byte-budget.ts";
import { completeLimits, type HostedLimits } from "../../src/http/limits.ts";
import { readPicture } from "../../src/picture/picture.ts";
import { png, pngUri } from "../fakes.ts";

const { signal } = new AbortController();
const uri = await pngUri(30, 20);
const base64 = uri.slice(uri.indexOf(",") + 1);

const read = (
  source: string,
  download: typeof fetch | null = null,
  limits: Partial<HostedLimits> = {},
  budget = new ByteBudget(1e6),
) => readPicture(source, { download, limits: completeLimits(limits), budget }, budget.hold(), signal);
const answering =
  (response: () => Response): typeof fetch =>
  () =>
    Promise.resolve(response());

afterEach(() => void vi.unstubAllGlobals());

const percent = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
const percentPng = percent(new Uint8Array(await png(30, 20).arrayBuffer()));

test.each<[string, string, typeof fetch?]>([
  ["a data URI", uri],
  ["base64", base64],
  ["an address", "https://a.test/a.png", answering(() => new Response(png(30, 20)))],
])("%s", async (_, source, download) => {
  expect(await read(source, download)).toMatchObject({ width: 30, height: 20, file: expect.any(Blob) });
});

test.each<[string, string, string]>([
  ["base64", uri, "image/png"],
  ["base64, some of it percent-encoded", uri.replaceAll("=", "%3D").replaceAll("A", "%41"), "image/png"],
  ["base64 with a fragment", `${uri}#part`, "image/png"],
  ["base64 in other letters, without a type", `data: ; BASE64,${base64}`, "text/plain;charset=us-ascii"],
  ["percent-encoded", `data:image/png,${percentPng}`, "image/png"],
  ["percent-encoded in capital letters", `data:image/png,${percentPng.toUpperCase()}`, "image/png"],
])("a data URI is read without fetch, which a page's policy may forbid: %s", async (_, source, type) => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("refused to connect: connect-src")));
  const { file, width, height } = await read(source);
  expect([width, height, file.type]).toEqual([30, 20, type]);
  expect(await file.bytes()).toEqual(await png(30, 20).bytes());
});

describe("refused", () => {
  const address = "https://a.test/a.png";
  test.each<[string, string, typeof fetch | null, Partial<HostedLimits>, string, string]>([
    ["no base64", "%%%", null, {}, "format", "expected an address, a data URI, or base64"],
    ["a broken data URI", "data:nothing", null, {}, "format", "expected a data URI"],
    ["a data URI of broken base64", "data:image/png;base64,%%%", null, {}, "format", "got one that is broken"],
    ["no picture", "data:,hello", null, {}, "format", 'expected a picture, got 5 bytes of "text/plain'],
    ["too many pixels", uri, null, { pixels: 599 }, "pixels", "expected at most 599 pixels, got 30×20"],
    ["an address where none is fetched", address, null, {}, "download", "not fetched here"],
    [
      "a status",
      address,
      answering(() => new Response("", { status: 403 })),
      {},
      "download",
      "expected a picture at its address, got status 403",
    ],
    ["a network error", address, () => Promise.reject(new TypeError("no route")), {}, "download", "no route"],
    ["a long body", address, answering(() => new Response("12345")), { bodyBytes: 4 }, "bytes", "at most 4 bytes"],
    [
      "silence",
      address,
      () => new Promise(() => undefined),
      { downloadTime: 20 },
      "download",
      "within 20 ms, got none",
    ],
    [
      "a body that never ends",
      address,
      answering(() => new Response(new ReadableStream())),
      { downloadTime: 20 },
      "download",
      "within 20 ms, got none",
    ],
  ])("%s", async (_, source, download, limits, reason, message) => {
    const error = await read(source, download, limits).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason, message: expect.stringContaining(message) });
  });
});

test.each<[string, ResponseInit, Partial<HostedLimits>, number]>([
  ["a status", { status: 404 }, {}, 0],
  ["a length that is over the limit", { headers: { "Content-Length": "1e12" } }, {}, 0],
  ["an answer that comes too late", {}, { downloadTime: 20 }, 60],
])("a body that is not read is given up: %s", async (_, init, limits, delay) => {
  const cancel = vi.fn();
  const download: typeof fetch = async () => {
    await new Promise((resolve) => setTimeout(resolve, delay));
    return new Response(new ReadableStream({ cancel }), init);
  };
  await expect(read("https://a.test/a.png", download, limits)).rejects.toThrow();
  await expect.poll(() => cancel.mock.calls.length).toBe(1);
});

test("an abort rejects with its reason, and reaches the download", async () => {
  const stop = new AbortController();
  let given: AbortSignal | null | undefined;
  const download: typeof fetch = (_, init) => {
    given = init?.signal;
    return new Promise(() => undefined);
  };
  const budget = new ByteBudget(1e6);
  const reading = readPicture(
    "https://a.test/a.png",
    { download, limits: completeLimits(), budget },
    budget.hold(),
    stop.signal,
  );
  stop.abort(new Error("enough"));
  await expect(reading).rejects.toThrow("enough");
  expect(given?.aborted).toBe(true);
});

test("a download for which others leave no room is given up, and says so", async () => {
  const budget = new ByteBudget(40);
  const address = "https://a.test/a.png";
  const download = answering(() => new Response(png(30, 20)));
  await read(address, download, {}, budget);
  await expect(read(address, download, {}, budget)).rejects.toThrow(NoRoomError);
});
