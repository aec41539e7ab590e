/** The library in a page whose network misbehaves, or whose headers are strict. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { ISOLATION } from "headless/pages";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";
import { expectClose, expectedScores, FIXTURES, type ToyOptions, ToyPage } from "./toy-page.ts";

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

  test("the strictest content security policy that SECURITY.md names", async () => {
    const policy =
      /^default-src .*$/m.exec(await readFile(new URL("../SECURITY.md", import.meta.url), "utf8"))?.[0] ?? "";
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
    await toy.segment();
    const files = (await toy.keptKeys()).filter((key) => key.startsWith("model/toy/"));
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

/** Where a browser lets a page keep files, and what takes that away from the worker. */
const STORAGES = [
  { storage: "private files", script: "", keeps: true },
  { storage: "the Cache API", script: "delete FileSystemFileHandle.prototype.createWritable;", keeps: true },
  {
    storage: "nowhere",
    script:
      "delete FileSystemFileHandle.prototype.createWritable; CacheStorage.prototype.open = async () => { throw new Error('none'); };",
    keeps: false,
  },
];

describe.each(STORAGES)("faults, files kept in $storage", ({ script, keeps }) => {
  beforeEach(async () => {
    await toy.open();
    await toy.beforeWorkers(script);
  });

  /** Counts the requests for a file, and lets a fault answer them first. */
  function watch(file: string, fault: (request: IncomingMessage, response: ServerResponse) => boolean): () => number {
    let count = 0;
    toy.handle = (path, request, response) => {
      if (!path.endsWith(file)) return false;
      count++;
      return fault(request, response);
    };
    return () => count;
  }

  const segmentsWell = async (options: ToyOptions = {}): Promise<void> => {
    const { message, scores } = await toy.segment(options);
    expect(message).toBe("");
    expectClose(scores, await expectedScores());
  };

  test("what is kept is not fetched again", async () => {
    const requests = watch("encoder.onnx", () => false);
    await segmentsWell();
    await segmentsWell();
    expect(requests()).toBe(keeps ? 1 : 2);
  });

  test.each<[string, number, string, string]>([
    ["model.json answers 503", 503, "text/plain", "busy"],
    ["a sign-in page takes the place of model.json", 200, "text/html", "<!doctype html>"],
  ])("%s: the kept copy answers", async (_, status, type, body) => {
    await segmentsWell();
    watch("model.json", (_request, response) => {
      response.writeHead(status, { ...ISOLATION, "Content-Type": type }).end(body);
      return true;
    });
    if (keeps) await segmentsWell();
    else expect((await toy.segment()).error).toMatch(/DownloadError|InvalidModelError/);
  });

  test("a range that begins elsewhere is not taken for the rest", async () => {
    const encoder = await readFile(join(toy.folder, "toy", "encoder.onnx"));
    let broken = true;
    const requests = watch("encoder.onnx", (request, response) => {
      const from = rangeStart(request);
      if (broken) {
        response.writeHead(200, { ...ISOLATION, "Content-Length": encoder.length });
        response.write(encoder.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 200));
        return true;
      }
      if (from === 0) return false;
      const range = `bytes ${from + 7}-${encoder.length - 1}/${encoder.length}`;
      response.writeHead(206, { ...ISOLATION, "Content-Range": range }).end(encoder.subarray(from + 7));
      return true;
    });
    expect(await toy.segment()).toMatchObject({ error: "DownloadError" });
    broken = false;
    await segmentsWell();
    expect(requests()).toBe(keeps ? 3 : 2);
  });

  test("a checkpoint outlives a conversion that failed", async () => {
    const requests = watch("model.safetensors", () => false);
    const odd = { checkpoint: "models/checkpoint/", imageSize: 33 };
    expect(await toy.segment({ model: odd })).toMatchObject({ error: "InvalidConfigError" });
    await segmentsWell({ model: { checkpoint: "models/checkpoint/" } });
    expect(requests()).toBe(keeps ? 1 : 2);
  });

  test("what is no checkpoint is fetched anew, and is not what is expected from then on", async () => {
    watch("model.safetensors", (_, response) => {
      response.writeHead(200, ISOLATION).end("version https://git-lfs.github.com/spec/v1");
      return true;
    });
    const model = { checkpoint: "models/checkpoint/" };
    expect(await toy.segment({ model })).toMatchObject({ error: "InvalidSafetensorsError" });
    toy.handle = () => false;
    await segmentsWell({ model });
  });

  test("two pages at once download a model once", async () => {
    const requests = watch("encoder.onnx", () => false);
    const other = await toy.another();
    await other.beforeWorkers(script);
    const both = await Promise.all([toy.segment(), other.segment()]);
    expect(both.map(({ message }) => message)).toEqual(["", ""]);
    expect(requests()).toBe(keeps ? 1 : 2);
  });

  test("a download that is given up is resumed", async () => {
    const weights = Buffer.alloc(12 * 2 ** 20, 1);
    const ranges: (string | undefined)[] = [];
    watch("model.safetensors", (request, response) => {
      ranges.push(request.headers.range);
      response.writeHead(200, { ...ISOLATION, "Content-Length": weights.length, ETag: '"one"' });
      // two thirds, then silence
      response.write(weights.subarray(0, 8 * 2 ** 20));
      return true;
    });
    const model = { checkpoint: "models/checkpoint/" };
    const giveUp = (): Promise<string> =>
      toy.page.evaluate(async (given) => {
        const stop = new AbortController();
        const onProgress = (progress: { phase: string; loaded?: number }): void => {
          if ((progress.loaded ?? 0) >= 8 * 2 ** 20) setTimeout(() => stop.abort(), 500);
        };
        const opening = window.sam2.createSegmenter({ model: given, signal: stop.signal, onProgress });
        return opening.then(
          () => "opened",
          (error: Error) => error.name,
        );
      }, model);
    expect(await giveUp()).toBe("AbortError");
    expect(await giveUp()).toBe("AbortError");
    expect(ranges[0]).toBeUndefined();
    if (keeps) expect(ranges[1]).toMatch(/^bytes=\d{7}-$/);
    else expect(ranges[1]).toBeUndefined();
  });
});

describe("files that are not what they were", () => {
  beforeEach(() => toy.open());

  test("bytes that have decayed on the disk are fetched again", async () => {
    await toy.segment();
    await toy.page.evaluate(async () => {
      const kept = await (await navigator.storage.getDirectory()).getDirectoryHandle("sam2-web");
      for await (const [name, handle] of kept.entries()) {
        if (!decodeURIComponent(name).startsWith("model/toy/")) continue;
        const stream = await (handle as FileSystemFileHandle).createWritable({ keepExistingData: true });
        await stream.write({ type: "write", position: 1000, data: new Uint8Array(100).fill(7) });
        await stream.close();
      }
    });
    const { message, scores } = await toy.segment();
    expect(message).toBe("");
    expectClose(scores, await expectedScores());
  });

  test("a checkpoint that changes at its address is refused, until that is accepted", async () => {
    const model = { checkpoint: "models/checkpoint/" };
    await toy.segment({ model });
    await toy.page.evaluate(async () => {
      const segmenter = await window.sam2.createSegmenter({ model: "models/toy/model.json", device: "wasm" });
      await segmenter.deleteCached();
      await segmenter.dispose();
    });
    const weights = await readFile(join(FIXTURES, "toy", "model.safetensors"));
    const changed = Buffer.from(weights);
    changed.writeUInt8(changed.readUInt8(weights.length - 8) ^ 1, weights.length - 8);
    toy.handle = (path, _, response) => {
      if (!path.endsWith("model.safetensors")) return false;
      response.writeHead(200, { ...ISOLATION, "Content-Length": changed.length }).end(changed);
      return true;
    };
    expect(await toy.segment({ model })).toMatchObject({
      error: "IntegrityError",
      message: expect.stringContaining("acceptChanges"),
    });
    expect((await toy.segment({ model, acceptChanges: true })).message).toBe("");
    expect((await toy.segment({ model })).message).toBe("");
  });

  test("two checkpoints whose folders have the same name are two models", async () => {
    toy.handle = (path, _, response) => {
      const file = /^(?:a|b)\/resolve\/main\/(.*)$/.exec(path)?.[1];
      if (!file) return false;
      void readFile(join(FIXTURES, "toy", file)).then((bytes) => response.writeHead(200, ISOLATION).end(bytes));
      return true;
    };
    await toy.segment({ model: { checkpoint: "a/resolve/main/" } });
    const { cached } = await toy.segment({ model: { checkpoint: "b/resolve/main/" } });
    const { host } = new URL(toy.server.url);
    expect(cached).toEqual([`${host}/a/resolve/main`, `${host}/b/resolve/main`]);
  });
});
