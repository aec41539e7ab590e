/** The library in a page whose network misbehaves, or whose headers are strict. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { ISOLATION } from "headless/pages";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";
import { expectClose, expectedScores, FIXTURES, ToyPage } from "./toy-page.ts";

let toy: ToyPage;
beforeAll(async () => {
  toy = await ToyPage.create(await sharedBrowser());
});
afterAll(() => toy.dispose());
afterEach(() => toy.close());

/** Where the part of a file that is asked for begins. */
function rangeStart({ headers }: IncomingMessage): number {
  return Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
}

describe("headers", () => {
  test("cross-origin isolated: several threads", async () => {
    await toy.open();
    const { device, scores } = await toy.segment();
    expectClose(scores, await expectedScores());
    expect(device?.threads).toBeGreaterThan(1);
  });

  test("not isolated: one thread, and it says so", async () => {
    await toy.open({});
    const { device, scores } = await toy.segment();
    expectClose(scores, await expectedScores());
    expect(device).toMatchObject({ threads: 1, reason: expect.stringContaining("not cross-origin isolated") });
  });

  test("a strict content security policy", async () => {
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' data:";
    await toy.open({ ...ISOLATION, "Content-Security-Policy": policy });
    const { error, message, scores } = await toy.segment();
    expect([error, message]).toEqual([null, ""]);
    expectClose(scores, await expectedScores());
  });
});

describe("network", () => {
  beforeEach(() => toy.open());

  test("once loaded, it works offline", async () => {
    await toy.segment();
    toy.cutOffModels();
    const { error, message, scores, cached } = await toy.segment();
    expect([error, message]).toEqual([null, ""]);
    expectClose(scores, await expectedScores());
    expect(cached.some((key) => key.startsWith("toy/fp32/encoder/"))).toBe(true);
  });

  test("a checkpoint is converted on the device, and kept", async () => {
    const model = { checkpoint: "models/checkpoint/" };
    const first = await toy.segment({ model });
    expectClose(first.scores, await expectedScores());
    toy.cutOffModels();
    const offline = await toy.segment({ model });
    expect(offline.message).toBe("");
    expectClose(offline.scores, await expectedScores());
  });

  test("a download that breaks off is resumed, not kept as it is", async () => {
    const encoder = await readFile(join(toy.folder, "toy", "encoder.onnx"));
    const ranges: (string | undefined)[] = [];
    let broken = true;
    toy.handle = (path, request, response) => {
      if (!path.endsWith("encoder.onnx")) return false;
      ranges.push(request.headers.range);
      const from = rangeStart(request);
      response.writeHead(from > 0 ? 206 : 200, {
        ...ISOLATION,
        "Content-Length": encoder.length - from,
        "Content-Type": "application/octet-stream",
      });
      if (broken) {
        response.write(encoder.subarray(from, from + 100_000), () => setTimeout(() => response.destroy(), 200));
      } else {
        response.end(encoder.subarray(from));
      }
      return true;
    };
    const first = await toy.segment();
    expect(first).toMatchObject({
      error: "DownloadError",
      message: expect.stringMatching(/broke off after \d+ (of \d+ )?bytes/),
    });
    broken = false;
    const second = await toy.segment();
    expectClose(second.scores, await expectedScores());
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test.each<[string, { before: string; now: string; arrived: number; changed: boolean; answers: number[] }]>([
    [
      "the file has changed",
      { before: '"one"', now: '"two"', arrived: 300_000, changed: true, answers: [200, 206, 200] },
    ],
    [
      "the server does not say whether the file has changed",
      { before: "", now: "", arrived: 300_000, changed: true, answers: [200, 200] },
    ],
    [
      "all of it had arrived",
      { before: '"one"', now: '"one"', arrived: Infinity, changed: false, answers: [200, 416, 200] },
    ],
  ])(
    "a broken download without a promised hash begins anew where %s",
    async (_, { before, now, arrived, changed, answers }) => {
      const weights = await readFile(join(FIXTURES, "toy", "model.safetensors"));
      const old = Buffer.from(weights);
      if (changed) old.fill(0, 100_000);
      const statuses: number[] = [];
      let broken = true;
      toy.handle = (path, request, response) => {
        if (!path.endsWith("model.safetensors")) return false;
        const from = rangeStart(request);
        const status = from >= weights.length ? 416 : from > 0 ? 206 : 200;
        const version = broken ? before : now;
        statuses.push(status);
        response.writeHead(status, { ...ISOLATION, ...(version ? { ETag: version } : {}) });
        if (broken) response.write(old.subarray(0, arrived), () => setTimeout(() => response.destroy(), 200));
        else response.end(weights.subarray(from));
        return true;
      };
      const model = { checkpoint: "models/checkpoint/" };
      expect(await toy.segment({ model })).toMatchObject({ error: "DownloadError" });
      broken = false;
      const { message, scores } = await toy.segment({ model });
      expect(message).toBe("");
      expectClose(scores, await expectedScores());
      expect(statuses).toEqual(answers);
    },
  );

  test.each<[string, (bytes: Buffer) => { body: Buffer | string; type: string; status: number }, string]>([
    [
      "a web page answered with 200",
      () => ({ body: "<!doctype html><p>Sign in", type: "text/html; charset=utf-8", status: 200 }),
      "DownloadError",
    ],
    ["an error status", () => ({ body: "gone", type: "text/plain", status: 410 }), "DownloadError"],
    [
      "a wrong hash",
      (bytes) => ({ body: Buffer.from(bytes).fill(0, 100, 120), type: "application/octet-stream", status: 200 }),
      "IntegrityError",
    ],
    [
      "a file that is longer",
      (bytes) => ({ body: Buffer.concat([bytes, bytes]), type: "application/octet-stream", status: 200 }),
      "IntegrityError",
    ],
  ])("%s never enters the cache", async (_, answer, name) => {
    const decoder = await readFile(join(toy.folder, "toy", "decoder.onnx"));
    const { body, type, status } = answer(decoder);
    toy.handle = (path, _request, response) => {
      if (!path.endsWith("decoder.onnx")) return false;
      response.writeHead(status, { ...ISOLATION, "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
      response.end(body);
      return true;
    };
    expect(await toy.segment()).toMatchObject({ error: name });
    toy.handle = () => false;
    const { scores } = await toy.segment();
    expectClose(scores, await expectedScores());
  });

  test("a page that was closed while it kept a file leaves nothing that counts", async () => {
    const { cached } = await toy.segment();
    const files = cached.filter((key) => key.startsWith("toy/"));
    expect(files).toHaveLength(2);
    // what such a page leaves: the file is there, and empty
    await toy.page.evaluate(async (names) => {
      const kept = await (await navigator.storage.getDirectory()).getDirectoryHandle("sam2-web");
      for (const name of names) {
        await kept.removeEntry(encodeURIComponent(name));
        await kept.getFileHandle(encodeURIComponent(name), { create: true });
      }
    }, files);
    const again = await toy.segment();
    expect([again.error, again.message]).toEqual([null, ""]);
    expectClose(again.scores, await expectedScores());
  });

  test("a device without room for the files segments nevertheless", async () => {
    const session = await toy.context.newCDPSession(toy.page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(toy.server.url).origin, quotaSize: 10_000 });
    const { message, scores, cached } = await toy.segment();
    expect(message).toBe("");
    expectClose(scores, await expectedScores());
    expect(cached.filter((key) => key.startsWith("toy/"))).toEqual([]);
  });

  test("where private files cannot be written, as in older Safari, models are kept in the Cache API", async () => {
    await toy.beforeWorkers("delete FileSystemFileHandle.prototype.createWritable;");
    await toy.segment();
    const keys = await toy.page.evaluate(async () =>
      (await (await caches.open("sam2-web")).keys()).map(({ url }) => url),
    );
    expect(keys.some((key) => key.includes("encoder"))).toBe(true);
    toy.cutOffModels();
    expectClose((await toy.segment()).scores, await expectedScores());
  });

  test("where no file can be read, the model is fetched", async () => {
    await toy.beforeWorkers(`FileSystemDirectoryHandle.prototype.getFileHandle = async () => {
      throw new DOMException("the disk is gone", "UnknownError");
    };`);
    const { message, scores, cached } = await toy.segment();
    expect(message).toBe("");
    expectClose(scores, await expectedScores());
    expect(cached).toEqual([]);
  });

  test("a page without https, which may keep nothing and has no threads, segments nevertheless", async () => {
    await toy.page.goto(toy.server.url.replace("127.0.0.1", "0.0.0.0"));
    await toy.page.waitForFunction(() => "sam2" in window);
    expect(await toy.page.evaluate(() => isSecureContext)).toBe(false);
    for (const model of ["models/toy/model.json", { checkpoint: "models/checkpoint/" }]) {
      const { message, scores, cached, device } = await toy.segment({ model, device: "auto" });
      expect(message).toBe("");
      expectClose(scores, await expectedScores());
      expect([cached, device?.threads]).toEqual([[], 1]);
    }
  });
});
