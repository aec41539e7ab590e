/**
 * The library in a page whose headers are strict, whose network fails or whose storage is full. What each fault of
 * network and storage leads to is tested in Node: packages/sam2-web/test/model/load.test.ts.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { ISOLATION } from "headless/pages";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sharedBrowser } from "../browser.ts";
import { expectClose, expectedScores, ToyPage } from "../toy-page.ts";

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

  test("threads that never come up: one is taken in their place", async () => {
    await toy.open();
    // a thread's script is that of the runtime, asked for as a worker's
    const isThread = ({ headers }: IncomingMessage): boolean => headers["sec-fetch-dest"] === "worker";
    let asked = 0;
    toy.handle = (path, request) => {
      if (!/threaded[^/]*\.mjs$/.test(path) || !isThread(request)) return false;
      asked++;
      return true;
    };
    const { device, scores } = await toy.segment();
    expectClose(scores, await expectedScores());
    expect(asked).toBeGreaterThan(0);
    expect(device).toMatchObject({ threads: 1, reason: expect.stringContaining("one thread, since several did not") });
  });

  test("not isolated: one thread, and it says so", async () => {
    await toy.open({});
    const { device, scores } = await toy.segment();
    expectClose(scores, await expectedScores());
    expect(device).toMatchObject({ threads: 1, reason: expect.stringContaining("not cross-origin isolated") });
  });

  test("the strictest content security policy that SECURITY.md names", async () => {
    const policy =
      /^default-src .*$/m.exec(await readFile(new URL("../../SECURITY.md", import.meta.url), "utf8"))?.[0] ?? "";
    expect(policy).toMatch(/script-src/);
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
    expect(cached).toEqual(["toy"]);
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

  test("a device without room for the files segments nevertheless", async () => {
    const session = await toy.context.newCDPSession(toy.page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(toy.server.url).origin, quotaSize: 10_000 });
    const { message, scores, cached } = await toy.segment();
    expect(message).toBe("");
    expectClose(scores, await expectedScores());
    expect(cached).toEqual([]);
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

  test("two pages at once download a model once", async () => {
    let requests = 0;
    toy.handle = (path) => {
      if (path.endsWith("encoder.onnx")) requests++;
      return false;
    };
    const other = await toy.another();
    const both = await Promise.all([toy.segment(), other.segment()]);
    expect(both.map(({ message }) => message)).toEqual(["", ""]);
    expect(requests).toBe(1);
  });

  test("a download that is given up is resumed", async () => {
    const weights = Buffer.alloc(12 * 2 ** 20, 1);
    const ranges: (string | undefined)[] = [];
    toy.handle = (path, request, response) => {
      if (!path.endsWith("model.safetensors")) return false;
      ranges.push(request.headers.range);
      response.writeHead(200, { ...ISOLATION, "Content-Length": weights.length, ETag: '"one"' });
      // two thirds, then silence
      response.write(weights.subarray(0, 8 * 2 ** 20));
      return true;
    };
    const model = { checkpoint: "models/checkpoint/" };
    const giveUp = (): Promise<string> =>
      toy.page.evaluate(async (given) => {
        const stop = new AbortController();
        const onProgress = ({ done }: { done: number }): void => {
          if (done >= 8 * 2 ** 20) setTimeout(() => stop.abort(), 500);
        };
        const opening = window.sam2.createSegmenter({ model: given, signal: stop.signal, onProgress });
        return opening.then(
          () => "opened",
          (error: Error) => error.name,
        );
      }, model);
    expect(await giveUp()).toBe("AbortError");
    expect(await giveUp()).toBe("AbortError");
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=\d{7}-$/)]);
  });
});
