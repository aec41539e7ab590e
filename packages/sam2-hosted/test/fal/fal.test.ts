/** fal's protocol, spoken by its own client; what segments is a stand-in. */
import { ApiError, createFalClient, ValidationError } from "@fal-ai/client";
import { describe, expect, test } from "vitest";
import type { AutoSegment, AutoSegmentInput } from "../../src/fal/auto-segment.ts";
import { FalService } from "../../src/fal/fal.ts";
import { answerWith } from "../../src/hosted-fetch.ts";
import { ByteBudget } from "../../src/http/byte-budget.ts";
import { completeLimits, type HostedLimits } from "../../src/http/limits.ts";
import { png, pngUri } from "../fakes.ts";

const ENDPOINT = "fal-ai/sam2/auto-segment";
const never = new Promise<never>(() => undefined);

/** Two masks; what arrived is told. */
const segmented: { picture: number; input: AutoSegmentInput }[] = [];
const twoMasks: AutoSegment = async (picture, input, { log, publish }) => {
  segmented.push({ picture: picture.size, input });
  log("4 of 4 points, 2 masks");
  const image = (name: string) => ({
    url: publish(png(3, 2), name),
    content_type: "image/png",
    file_name: name,
    file_size: png(3, 2).size,
    width: 3,
    height: 2,
  });
  return { combined_mask: image("combined_mask.png"), individual_masks: [image("mask_0.png"), image("mask_1.png")] };
};

interface Setting {
  readonly autoSegment?: AutoSegment;
  readonly key?: string;
  readonly download?: typeof fetch | null;
  readonly limits?: Partial<HostedLimits>;
  readonly budget?: ByteBudget;
}

/** The service's addresses answered by it; anything else fails the test. */
function hosted({
  autoSegment = twoMasks,
  key,
  download = null,
  limits,
  budget = new ByteBudget(1e6),
}: Setting = {}): typeof fetch {
  const fal = new FalService(autoSegment, { key }, { download, limits: completeLimits(limits), budget });
  return answerWith({ fal, livepeer: fal, segmind: fal }, (input) => {
    throw new Error(`a request went on: ${String(input)}`);
  });
}

const clientOf = (fetch: typeof globalThis.fetch) =>
  createFalClient({
    fetch,
    credentials: "id:secret",
    suppressLocalCredentialsWarning: true,
  });
const client = (setting: Setting = {}) => clientOf(hosted(setting));
const image_url = await pngUri(30, 20);

test.each<[string, (fal: ReturnType<typeof client>) => ReturnType<ReturnType<typeof client>["run"]>]>([
  ["run", (fal) => fal.run(ENDPOINT, { input: { image_url } })],
  ["subscribe, by polling", (fal) => fal.subscribe(ENDPOINT, { input: { image_url }, pollInterval: 10 })],
  ["subscribe, by streaming", (fal) => fal.subscribe(ENDPOINT, { input: { image_url }, mode: "streaming" })],
  ["a Blob, which its client uploads", (fal) => fal.run(ENDPOINT, { input: { image_url: png(30, 20) } })],
])("its client: %s", async (_, call) => {
  const fetch = hosted();
  const { data, requestId } = await call(clientOf(fetch));
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(data.individual_masks).toHaveLength(2);
  expect(segmented.at(-1)).toMatchObject({
    picture: 33,
    input: {
      points_per_side: 32,
      pred_iou_thresh: 0.88,
      stability_score_thresh: 0.95,
      min_mask_region_area: 100,
      detail: "off",
    },
  });
  const picture = await fetch(data.combined_mask.url);
  expect([picture.status, (await picture.blob()).size]).toEqual([200, 33]);
});

test("its queue: states, logs, metrics", async () => {
  const seen: { status: string; logs?: unknown }[] = [];
  await client().subscribe(ENDPOINT, {
    input: { image_url },
    logs: true,
    pollInterval: 5,
    onQueueUpdate: (update) => seen.push(update),
  });
  expect(seen.at(-1)).toMatchObject({ status: "COMPLETED", metrics: { inference_time: expect.any(Number) } });
  expect(JSON.stringify(seen.at(-1)?.logs)).toContain("4 of 4 points");
});

test("a request that waits is canceled; the result says so", async () => {
  const fal = client({ autoSegment: () => never });
  const submit = () => fal.queue.submit(ENDPOINT, { input: { image_url } });
  const [first, second] = [await submit(), await submit()];
  expect(second).toMatchObject({ status: "IN_QUEUE", queue_position: expect.any(Number) });
  await fal.queue.cancel(ENDPOINT, { requestId: second.request_id });
  const result = fal.queue.result(ENDPOINT, { requestId: second.request_id });
  await expect(result).rejects.toMatchObject({ status: 499, body: { error_type: "client_cancelled" } });
  await expect(fal.queue.cancel(ENDPOINT, { requestId: second.request_id })).rejects.toMatchObject({ status: 400 });
  await expect(fal.queue.result(ENDPOINT, { requestId: first.request_id })).rejects.toMatchObject({ status: 400 });
});

test.each<[string, object, string, string]>([
  ["no image", {}, "image_url", "missing"],
  ["a picture that is none", { image_url: "data:text/plain,hello" }, "image_url", "image_load_error"],
  ["an address that is not fetched", { image_url: "http://a.test/a.png" }, "image_url", "file_download_error"],
  ["a format that is none", { image_url: "data:,", output_format: "gif" }, "output_format", "enum"],
  ["a number that is none", { image_url: "data:,", points_per_side: "many" }, "points_per_side", "int_parsing"],
  ["a look that there is not", { image_url: "data:,", detail: "often" }, "detail", "enum"],
  ["a share over one", { image_url: "data:,", pred_iou_thresh: 1.5 }, "pred_iou_thresh", "less_than_equal"],
  ["too many pixels", { image_url: await pngUri(40_000, 30_000) }, "image_url", "image_too_large"],
])("422, as its client's ValidationError: %s", async (_, input, field, type) => {
  const error = await client()
    .run(ENDPOINT, { input: input as { image_url: string } })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ValidationError);
  expect((error as ValidationError).getFieldErrors(field)[0]).toMatchObject({ type });
});

test.each<[string, Setting, object, object]>([
  ["another key", { key: "other" }, {}, { status: 401 }],
  ["a body that is too large", { limits: { bodyBytes: 50 } }, {}, { status: 413 }],
  [
    "a fault of our own",
    { autoSegment: () => Promise.reject(new RangeError("out of memory")) },
    {},
    { status: 500, body: { error_type: "internal_error", detail: "out of memory" } },
  ],
])("as its client's ApiError: %s", async (_, setting, input, expected) => {
  const error = await client(setting)
    .run(ENDPOINT, { input: { image_url, ...input } })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject(expected);
});

describe("an address of a picture", () => {
  test("that does not answer holds up nobody, and is given up", async () => {
    const fal = client({ download: () => never, limits: { downloadTime: 200 } });
    const slow = await fal.queue.submit(ENDPOINT, { input: { image_url: "https://a.test/a.png" } });
    const { data } = await fal.run(ENDPOINT, { input: { image_url } });
    expect(data.individual_masks).toHaveLength(2);
    const about = { requestId: slow.request_id };
    expect(await fal.queue.status(ENDPOINT, about)).toMatchObject({ status: "IN_QUEUE" });
    await fal.queue.subscribeToStatus(ENDPOINT, { ...about, pollInterval: 20 });
    const error = await fal.queue.result(ENDPOINT, about).catch((reason: unknown) => reason);
    expect((error as ValidationError).getFieldErrors("image_url")[0]).toMatchObject({
      type: "file_download_error",
      msg: expect.stringContaining("within 200 ms, got none"),
    });
  });

  test("whose body is too large is read no further", async () => {
    const download = () => Promise.resolve(new Response(new Uint8Array(100)));
    const answer = client({ download, limits: { bodyBytes: 90 } }).run(ENDPOINT, {
      input: { image_url: "https://a.test/a.png" },
    });
    const error = (await answer.catch((reason: unknown) => reason)) as ValidationError;
    expect(error.getFieldErrors("image_url")[0]).toMatchObject({ type: "file_too_large" });
  });
});

test("a request that nobody waits for any more is canceled", async () => {
  const stop = new AbortController();
  let signal: AbortSignal | undefined;
  const fetch = hosted({
    autoSegment: (_, __, context) => {
      signal = context.signal;
      stop.abort(new Error("enough"));
      return never;
    },
  });
  const body = JSON.stringify({ image_url });
  const answer = fetch(`https://fal.run/${ENDPOINT}`, { method: "POST", body, signal: stop.signal });
  await expect(answer).rejects.toThrow("enough");
  expect(signal?.aborted).toBe(true);
});

// by plain requests, since the client tries these again
test.each<[string, Setting, number, object]>([
  ["a full queue", { limits: { waiting: 1 } }, 429, { detail: "1 requests are waiting already" }],
  [
    "an answer that takes too long",
    { limits: { answerTime: 20 } },
    504,
    { error_type: "request_timeout", detail: "the request was not answered within 20 ms" },
  ],
])("%s", async (_, setting, status, body) => {
  const fetch = hosted({ autoSegment: () => never, ...setting });
  const post = (host: string) =>
    fetch(`https://${host}/${ENDPOINT}`, { method: "POST", body: JSON.stringify({ image_url }) });
  if (status === 429) await post("queue.fal.run");
  const response = await post("fal.run");
  expect([response.status, await response.json()]).toEqual([status, body]);
});

test("a request without the queue is answered in time, though others are before it", async () => {
  const fetch = hosted({ autoSegment: () => never, limits: { answerTime: 100 } });
  const post = (host: string) =>
    fetch(`https://${host}/${ENDPOINT}`, { method: "POST", body: JSON.stringify({ image_url }) });
  const before = await Promise.all(Array.from({ length: 20 }, async () => (await post("queue.fal.run")).json()));
  const response = await post("fal.run");
  expect([response.status, await response.json()]).toMatchObject([504, { error_type: "request_timeout" }]);
  // its turn would have come after theirs
  const states = before.map(async ({ status_url }) => (await (await fetch(status_url)).json()).status);
  expect(await Promise.all(states)).toContain("IN_QUEUE");
});

test("files of forgotten requests are freed", async () => {
  const fetch = hosted({ limits: { finished: 1 } });
  const run = async () => (await clientOf(fetch).run(ENDPOINT, { input: { image_url } })).data.combined_mask.url;
  const [first, second] = [await run(), await run()];
  expect([(await fetch(first)).status, (await fetch(second)).status]).toEqual([404, 200]);
});

test("answers that hold their pictures themselves make room, as files do; one of its own is kept until then", async () => {
  const uri = `data:image/png;base64,${"A".repeat(3000)}`;
  const inAnswer: AutoSegment = async (picture, input, context) => {
    if (!input.sync_mode) return twoMasks(picture, input, context);
    const { combined_mask, ...more } = await twoMasks(picture, input, { ...context, publish: () => uri });
    return { combined_mask, ...more };
  };
  const fetch = hosted({ autoSegment: inAnswer, limits: { keptBytes: 15_000 } });
  const finish = async (sync_mode: boolean): Promise<string> => {
    const body = JSON.stringify({ image_url, sync_mode });
    const submitted = await fetch(`https://queue.fal.run/${ENDPOINT}`, { method: "POST", body });
    const { response_url, status_url } = await submitted.json();
    await expect.poll(async () => (await (await fetch(status_url)).json()).status).toBe("COMPLETED");
    return response_url;
  };
  const status = async (address: string): Promise<number> => (await fetch(address)).status;
  const first = await finish(true);
  const files = await finish(false);
  const { combined_mask } = await (await fetch(files)).json();
  expect([await status(first), await status(combined_mask.url)]).toEqual([200, 200]);
  const second = await finish(true);
  expect([await status(first), await status(files), await status(second)]).toEqual([404, 200, 200]);
  // which is larger than what is left beside it
  const third = await finish(true);
  expect(await Promise.all([second, combined_mask.url, files, third].map(status))).toEqual([404, 404, 200, 200]);
});

test.each<[string, string, RequestInit, number]>([
  ["GET where a POST is expected", `https://fal.run/${ENDPOINT}`, {}, 405],
  ["a body that is no JSON", `https://fal.run/${ENDPOINT}`, { method: "POST", body: "{" }, 422],
  [
    "a request that is not known",
    `https://queue.fal.run/fal-ai/sam2/requests/${"0".repeat(8)}-0000-8000-8000-${"0".repeat(12)}/status`,
    {},
    404,
  ],
  ["an upload in parts", "https://rest.fal.ai/storage/upload/initiate-multipart", { method: "POST", body: "{}" }, 413],
  [
    "an upload to an address that was not given out",
    "https://v3.fal.media/files/sam2-hosted/1/a.png",
    { method: "PUT", body: "x" },
    404,
  ],
])("refused: %s", async (_, address, init, status) => {
  const response = await hosted()(address, init);
  expect([response.status, await response.json()]).toEqual([status, { detail: expect.anything() }]);
});

test("what waits in the queue holds its bytes until it has ended; others get a 429 meanwhile", async () => {
  let begin = (): void => undefined;
  const working = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const budget = new ByteBudget(1.5 * JSON.stringify({ image_url }).length);
  const busy: AutoSegment = async (...given) => {
    await working;
    return twoMasks(...given);
  };
  const fetch = hosted({ autoSegment: busy, budget });
  const submit = (host: string): Promise<Response> =>
    fetch(`https://${host}/${ENDPOINT}`, { method: "POST", body: JSON.stringify({ image_url }) });
  const { response_url } = await (await submit("queue.fal.run")).json();
  const refused = await submit("fal.run");
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "1"]);
  expect(await refused.json()).toEqual({ detail: expect.stringContaining("requests hold") });
  begin();
  await expect.poll(() => budget.held).toBe(0);
  expect((await fetch(response_url)).status).toBe(200);
  expect((await submit("fal.run")).status).toBe(200);
});
