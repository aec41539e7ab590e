/** Models from a network and a storage that misbehave; each kind of storage that a browser may give. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { DownloadProgress, LoadOptions, ModelSource } from "sam2-core";
import { byteSource, exportToMemory } from "sam2-export";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeStorage, type Kind } from "../storage/fake-storage.ts";

const TOY = fileURLToPath(new URL("../../../../models/reference/fixtures/toy/", import.meta.url));
const EXPORT = "toy/model.json";
const CHECKPOINT = { checkpoint: "checkpoint/" };

/** What the server has, by path. */
let published: Map<string, Buffer>;
let server: Server;
let base: string;
/** The paths that were asked for, and the ranges. */
let asked: { readonly path: string; readonly range: string | undefined; status: number }[];
/** What is done with a request; false leaves it to the server. */
let fault: (path: string, request: IncomingMessage, response: ServerResponse) => boolean;
let storage: FakeStorage;

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Where the part of a file that is asked for begins. */
const rangeStart = ({ headers }: IncomingMessage): number => Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);

beforeAll(async () => {
  const [config, weights] = await Promise.all([`${TOY}config.json`, `${TOY}model.safetensors`].map((p) => readFile(p)));
  published = new Map([
    ["checkpoint/config.json", config as Buffer],
    ["checkpoint/model.safetensors", weights as Buffer],
  ]);
  const checkpoint = {
    config: JSON.parse(String(config)),
    weights: [byteSource(new Blob([weights as Buffer<ArrayBuffer>]))],
  };
  const { files } = await exportToMemory(checkpoint, { id: "toy" });
  for (const [name, blob] of files) published.set(`toy/${name}`, Buffer.from(await blob.arrayBuffer()));
  server = createServer((request, response) => {
    const path = (request.url ?? "/").slice(1);
    const entry = { path, range: request.headers.range, status: 0 };
    asked.push(entry);
    response.on("close", () => {
      entry.status = response.statusCode;
    });
    if (fault(path, request, response)) return;
    const bytes = published.get(path.replace(/^[ab]\/resolve\/main\//, "checkpoint/"));
    const from = rangeStart(request);
    if (!bytes) response.writeHead(404).end();
    else response.writeHead(from > 0 ? 206 : 200, { "Content-Length": bytes.length - from }).end(bytes.subarray(from));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
  fault = () => false;
});
afterEach(() => vi.unstubAllGlobals());

interface OpenOptions extends Partial<LoadOptions> {
  /** Whether a checkpoint is converted too. */
  readonly converts?: boolean;
  /** SHA-256 that its weights must have; by default that of those that are published. */
  readonly hash?: string;
}

/** The library as a page loads it anew. */
async function visit(): Promise<{
  open(source: ModelSource, options?: OpenOptions): Promise<void>;
  cached(): Promise<string[]>;
  forget(id?: string): Promise<void>;
}> {
  vi.resetModules();
  const { loadModel } = await import("sam2-core");
  const { openCache } = await import("../../src/storage/store.ts");
  const cache = await openCache();
  return {
    /** Loads the model, and checks that it is the one that was published. */
    async open(
      source,
      { converts = false, hash = sha256(published.get("checkpoint/model.safetensors") as Buffer), ...options } = {},
    ) {
      const defaults = {
        draft: false,
        keepsWeights: false,
        decoderAlone: false,
        dtype: "auto" as const,
        acceptChanges: false,
      };
      const given = { cache, base, ...defaults, onProgress: () => undefined, ...options };
      const { forms, fingerprint } = await loadModel(source, given);
      if (source !== EXPORT) {
        if (converts) await forms[0].load();
        expect(fingerprint).toContain(hash);
        return;
      }
      const { bytes } = await forms[0].load();
      expect(Buffer.from(bytes.encoder as Uint8Array).equals(published.get("toy/encoder.onnx") as Buffer)).toBe(true);
      expect(Buffer.from(bytes.decoder).equals(published.get("toy/decoder.onnx") as Buffer)).toBe(true);
    },
    cached: async () => (await cache.listModels()).map(({ id }) => id),
    forget: (id) => cache.deleteModels(id),
  };
}

/** Opens a model on a new visit. */
const open = async (source: ModelSource, options?: OpenOptions): Promise<void> => (await visit()).open(source, options);

const requests = (file: string): number => asked.filter(({ path }) => path.endsWith(file)).length;

/** Lets a fault answer the requests for a file. */
function spoil(file: string, answer: (request: IncomingMessage, response: ServerResponse) => boolean): void {
  fault = (path, request, response) => path.endsWith(file) && answer(request, response);
}

/** Sends the beginning of a file, then ends the connection. */
function breakOff(
  response: ServerResponse,
  bytes: Buffer,
  arrived: number,
  headers: Record<string, string> = {},
): true {
  response.writeHead(200, { "Content-Length": bytes.length, ...headers });
  response.write(bytes.subarray(0, arrived), () => setTimeout(() => response.destroy(), 20));
  return true;
}

const named = (name: string) => expect.objectContaining({ name });

describe.each<[Kind, boolean]>([
  ["private files", true],
  ["the Cache API", true],
  ["nowhere", false],
])("files kept in %s", (kind, keeps) => {
  beforeEach(() => {
    storage = new FakeStorage(kind);
  });

  test("what is kept is not fetched again, and is there without a network", async () => {
    await open(EXPORT);
    await open(EXPORT);
    expect(requests("encoder.onnx")).toBe(keeps ? 1 : 2);
    fault = (_, request) => !!request.destroy();
    if (keeps) await open(EXPORT);
    else await expect(open(EXPORT)).rejects.toEqual(named("DownloadError"));
    expect(await (await visit()).cached()).toEqual(keeps ? ["toy"] : []);
  });

  test.each([
    ["model.json answers 503", 503, "text/plain", "busy"],
    ["a sign-in page takes the place of model.json", 200, "text/html", "<!doctype html>"],
  ])("%s: the kept copy answers", async (_, status, type, body) => {
    await open(EXPORT);
    spoil("model.json", (_request, response) => !!response.writeHead(status, { "Content-Type": type }).end(body));
    if (keeps) await open(EXPORT);
    else await expect(open(EXPORT)).rejects.toThrow(/got status 503|got a web page/);
  });

  test("a download that breaks off is resumed", async () => {
    const encoder = published.get("toy/encoder.onnx") as Buffer;
    spoil("encoder.onnx", (_, response) => breakOff(response, encoder, 100_000));
    await expect(open(EXPORT)).rejects.toEqual(named("DownloadError"));
    fault = () => false;
    await open(EXPORT);
    const range = asked.filter(({ path }) => path.endsWith("encoder.onnx")).at(-1)?.range;
    expect(range).toEqual(keeps ? "bytes=100000-" : undefined);
    // the part is not kept beside the whole
    expect([...storage.files.keys()].filter((name) => decodeURIComponent(name).includes("part/"))).toEqual([]);
  });

  test.each<[string, (from: number, size: number) => { range: string; at: number }]>([
    ["that begins elsewhere", (from, size) => ({ range: `bytes ${from + 7}-${size - 1}/${size}`, at: from + 7 })],
    ["of the whole", (_, size) => ({ range: `bytes 0-${size - 1}/${size}`, at: 0 })],
    ["of a larger file", (from, size) => ({ range: `bytes ${from}-${size - 1}/${size + 9}`, at: from })],
    ["in another unit", (from, size) => ({ range: `pages ${from}-${size - 1}/${size}`, at: from + 7 })],
  ])("a range %s is not taken for the rest", async (_, answer) => {
    const encoder = published.get("toy/encoder.onnx") as Buffer;
    spoil("encoder.onnx", (_, response) => breakOff(response, encoder, 100_000));
    await expect(open(EXPORT)).rejects.toEqual(named("DownloadError"));
    spoil("encoder.onnx", (request, response) => {
      const from = rangeStart(request);
      if (from === 0) return false;
      const { range, at } = answer(from, encoder.length);
      return !!response.writeHead(206, { "Content-Range": range }).end(encoder.subarray(at));
    });
    await open(EXPORT);
    expect(requests("encoder.onnx")).toBe(keeps ? 3 : 2);
  });

  test("a part that nobody asked for is refused, and nothing of it is kept", async () => {
    const weights = published.get("checkpoint/model.safetensors") as Buffer;
    spoil("model.safetensors", (request, response) => {
      const from = rangeStart(request) || 100;
      const headers = { ETag: '"one"', "Content-Range": `bytes ${from}-${weights.length - 1}/${weights.length}` };
      return !!response.writeHead(206, headers).end(weights.subarray(from));
    });
    await expect(open(CHECKPOINT)).rejects.toThrow(/expected the whole file, got a part of it/);
    // nor is it gone on with
    await expect(open(CHECKPOINT)).rejects.toThrow(/expected the whole file, got a part of it/);
    fault = () => false;
    await open(CHECKPOINT);
  });

  test.each<[string, { before: string; now: string; arrived: number; changed: boolean; statuses: number[] }]>([
    ["the file has changed", { before: '"one"', now: '"two"', arrived: 3e5, changed: true, statuses: [200, 206, 200] }],
    [
      "the server does not say whether the file has changed",
      { before: "", now: "", arrived: 3e5, changed: true, statuses: [200, 200] },
    ],
    [
      "all of it had arrived",
      { before: '"one"', now: '"one"', arrived: Infinity, changed: false, statuses: [200, 416, 200] },
    ],
  ])("a broken download without a promised hash begins anew where %s", async (_, row) => {
    const weights = published.get("checkpoint/model.safetensors") as Buffer;
    const old = Buffer.from(weights);
    if (row.changed) old.fill(0, 100_000);
    spoil("model.safetensors", (_, response) => {
      // a byte more is promised than there is
      const promised = Buffer.concat([old, Buffer.alloc(1)]);
      return breakOff(response, promised, Math.min(row.arrived, old.length), { ETag: row.before });
    });
    await expect(open(CHECKPOINT)).rejects.toEqual(named("DownloadError"));
    spoil("model.safetensors", (request, response) => {
      const from = rangeStart(request);
      const status = from >= weights.length ? 416 : from > 0 ? 206 : 200;
      const range = from > 0 ? { "Content-Range": `bytes ${from}-${weights.length - 1}/${weights.length}` } : {};
      return !!response.writeHead(status, { ETag: row.now, ...range }).end(weights.subarray(from));
    });
    await open(CHECKPOINT);
    const { statuses } = row;
    const came = asked.filter(({ path }) => path.endsWith("model.safetensors")).map(({ status }) => status);
    expect(came).toEqual(keeps ? statuses : [200, 200]);
  });

  test.each<[string, RegExp, (bytes: Buffer) => { status: number; type: string; body: Buffer | string }]>([
    [
      "a web page answered with 200",
      /DownloadError: .*expected a file of a model, got a web page/,
      () => ({ status: 200, type: "text/html; charset=utf-8", body: "<!doctype html><p>Sign in" }),
    ],
    ["an error status", /DownloadError: .*got status 410/, () => ({ status: 410, type: "text/plain", body: "gone" })],
    [
      "a wrong hash",
      /IntegrityError: .*expected SHA-256/,
      (bytes) => ({ status: 200, type: "application/octet-stream", body: Buffer.from(bytes).fill(0, 100, 120) }),
    ],
    [
      "a file that is longer",
      /IntegrityError: .*expected \d+ bytes, got \d+/,
      (bytes) => ({ status: 200, type: "application/octet-stream", body: Buffer.concat([bytes, bytes]) }),
    ],
  ])("%s never enters the cache", async (_, error, answer) => {
    spoil("decoder.onnx", (_request, response) => {
      const { status, type, body } = answer(published.get("toy/decoder.onnx") as Buffer);
      response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }).end(body);
      return true;
    });
    expect(String(await open(EXPORT).catch((thrown: Error) => thrown))).toMatch(error);
    fault = () => false;
    await open(EXPORT);
  });

  test.each(["model.json", "decoder.onnx"])(
    "no answer for %s: what was looked for, why it may be, and the guide",
    async (file) => {
      spoil(file, (_, response) => {
        response.destroy();
        return true;
      });
      const said = `${base}toy/${file}: expected a file of a model, the network failed: there is no connection, or the other host`;
      const message = await open(EXPORT).catch((error: Error) => error.message);
      expect(message).toContain(said);
      expect(message).toMatch(/See https:.*#the-model-is-not-found$/);
    },
  );

  test("of a download that broke off twice, in two versions, only the second's part is gone on with", async () => {
    const MB = 2 ** 20;
    const arrivals = [
      { version: '"one"', arrived: 10 * MB },
      { version: '"two"', arrived: 5 * MB },
      { version: '"two"', arrived: 0 },
    ];
    for (const { version, arrived } of arrivals) {
      spoil("model.safetensors", (_, response) =>
        breakOff(response, Buffer.alloc(12 * MB), arrived, { ETag: version }),
      );
      await expect(open(CHECKPOINT)).rejects.toEqual(named("DownloadError"));
    }
    const ranges = asked.filter(({ path }) => path.endsWith("model.safetensors")).map(({ range }) => range);
    expect(ranges).toEqual(
      keeps ? [undefined, `bytes=${10 * MB}-`, `bytes=${5 * MB}-`] : [undefined, undefined, undefined],
    );
  });

  test("what arrived of a model is deleted with it, and nothing of another", async () => {
    await open(EXPORT);
    const weights = published.get("checkpoint/model.safetensors") as Buffer;
    const broken = { ...CHECKPOINT, id: "broken" };
    spoil("model.safetensors", (_, response) => breakOff(response, weights, 100_000, { ETag: '"one"' }));
    await expect(open(broken)).rejects.toEqual(named("DownloadError"));
    const left = (): string[] =>
      [...storage.files.keys()].filter((name) => /part|broken/.test(decodeURIComponent(name)) && !name.includes("pin"));
    expect(left().length > 0).toBe(keeps);
    await (await visit()).forget("broken");
    expect(left()).toEqual([]);
    expect(await (await visit()).cached()).toEqual(keeps ? ["toy"] : []);
  });

  test("bytes that have decayed on the disk are fetched again", async () => {
    await open(EXPORT);
    for (const [name, bytes] of storage.files) if (name.includes("encoder")) bytes.fill(7, 1000, 1100);
    await open(EXPORT);
    expect(requests("encoder.onnx")).toBe(2);
    expect(requests("decoder.onnx")).toBe(keeps ? 1 : 2);
  });

  test("a checkpoint outlives a conversion that failed", async () => {
    await expect(open({ ...CHECKPOINT, imageSize: 33 }, { converts: true })).rejects.toEqual(
      named("InvalidConfigError"),
    );
    await open(CHECKPOINT, { converts: true });
    expect(requests("model.safetensors")).toBe(keeps ? 1 : 2);
  });

  test("what is no checkpoint is fetched anew, and is not what is expected from then on", async () => {
    spoil("model.safetensors", (_, response) => !!response.end("version https://git-lfs.github.com/spec/v1"));
    await expect(open(CHECKPOINT, { converts: true })).rejects.toEqual(named("InvalidSafetensorsError"));
    fault = () => false;
    await open(CHECKPOINT, { converts: true });
  });

  test("a checkpoint that changes at its address is refused, until that is accepted", async () => {
    await open(CHECKPOINT);
    await (await visit()).forget();
    const changed = Buffer.from(published.get("checkpoint/model.safetensors") as Buffer);
    changed.writeUInt8(changed.readUInt8(changed.length - 8) ^ 1, changed.length - 8);
    spoil(
      "model.safetensors",
      (_, response) => !!response.writeHead(200, { "Content-Length": changed.length }).end(changed),
    );
    if (keeps) await expect(open(CHECKPOINT)).rejects.toThrow(/acceptChanges/);
    const hash = sha256(changed);
    await open(CHECKPOINT, { acceptChanges: true, hash });
    await open(CHECKPOINT, { hash });
    expect(requests("model.safetensors")).toBe(3);
  });

  test("a checkpoint whose hash is known: other weights are refused, whatever is accepted; resumed by the hash", async () => {
    const weights = published.get("checkpoint/model.safetensors") as Buffer;
    const known = { ...CHECKPOINT, sha256: sha256(weights) };
    const changed = Buffer.from(weights).fill(7, 1000, 1100);
    spoil("model.safetensors", (_, response) => !!response.end(changed));
    await expect(open(known, { acceptChanges: true })).rejects.toEqual(named("IntegrityError"));
    // the server does not say whether the file has changed
    spoil("model.safetensors", (_, response) => breakOff(response, weights, 100_000));
    await expect(open(known)).rejects.toEqual(named("DownloadError"));
    fault = () => false;
    await open(known, { converts: true });
    const range = asked.filter(({ path }) => path.endsWith("model.safetensors")).at(-1)?.range;
    expect(range).toEqual(keeps ? "bytes=100000-" : undefined);
    const given = new Blob([changed as Buffer<ArrayBuffer>]);
    const config = new Blob([published.get("checkpoint/config.json") as Buffer<ArrayBuffer>]);
    await expect(open({ config, weights: [given], sha256: known.sha256 })).rejects.toEqual(named("IntegrityError"));
  });

  test("two checkpoints whose folders have the same name are two models", async () => {
    for (const name of ["a", "b"]) await open({ checkpoint: `${name}/resolve/main/` });
    const { host } = new URL(base);
    const both = [`${host}/a/resolve/main`, `${host}/b/resolve/main`];
    expect(await (await visit()).cached()).toEqual(keeps ? both : []);
  });

  test("two pages at once download a model once", async () => {
    const [one, other] = [await visit(), await visit()];
    await Promise.all([one.open(EXPORT), other.open(EXPORT)]);
    expect(requests("encoder.onnx")).toBe(keeps ? 1 : 2);
  });

  const MODELS: [string, ModelSource][] = [
    ["an export", EXPORT],
    ["a checkpoint", CHECKPOINT],
  ];
  const largeFiles = (): number => requests(".onnx") + requests(".safetensors");

  test.each(MODELS)(
    "no room left, from each write on: %s opens, and once there is room it is kept",
    async (_, source) => {
      await open(source);
      const { writes } = storage;
      expect(writes > 2).toBe(keeps);
      for (let full = 0; full < writes; full++) {
        storage = new FakeStorage(kind);
        storage.beforeWrite = (count) => {
          if (count >= full) throw new DOMException("no room", "QuotaExceededError");
        };
        await open(source);
        storage.beforeWrite = () => undefined;
        await open(source);
        asked = [];
        await open(source);
        expect(largeFiles(), `full from write ${full} on`).toBe(0);
      }
    },
  );

  test.each(MODELS)("the page ends at each write: %s is kept whole, now or on the next visit", async (_, source) => {
    await open(source);
    const { writes } = storage;
    for (let end = 0; end < writes; end++) {
      storage = new FakeStorage(kind);
      const ended = new Promise<void>((resolve) => {
        storage.beforeWrite = (count) => {
          if (count !== end) return undefined;
          resolve();
          return new Promise(() => undefined);
        };
      });
      void open(source);
      await ended;
      storage.freeLocks();
      await open(source);
      asked = [];
      await open(source);
      expect(largeFiles(), `ended at write ${end}`).toBe(0);
    }
  });

  test("a download that is given up is resumed where it had arrived", async () => {
    const weights = Buffer.alloc(12 * 2 ** 20, 1);
    spoil("model.safetensors", (_, response) => {
      response.writeHead(200, { "Content-Length": weights.length, ETag: '"one"' });
      // two thirds, then silence
      response.write(weights.subarray(0, 8 * 2 ** 20));
      return true;
    });
    for (const attempt of [1, 2]) {
      const arrived = new Promise<void>((resolve) => {
        const onProgress = ({ loaded }: DownloadProgress): void => {
          if (loaded >= 8 * 2 ** 20) resolve();
        };
        void open(CHECKPOINT, { onProgress }).catch(() => undefined);
      });
      if (attempt === 1) await arrived;
      else await vi.waitUntil(() => requests("model.safetensors") === 2);
      storage.freeLocks();
    }
    const ranges = asked.filter(({ path }) => path.endsWith("model.safetensors")).map(({ range }) => range);
    expect(ranges).toEqual([undefined, keeps ? expect.stringMatching(/^bytes=\d{7}-$/) : undefined]);
  });
});

test("a file that another page deletes meanwhile does not keep the others from being listed and deleted", async () => {
  storage = new FakeStorage("private files");
  await open(EXPORT);
  const gone = [...storage.files.keys()].find((name) => name.includes("encoder")) as string;
  storage.beforeRead = (name) => {
    if (name === gone) storage.files.delete(name);
  };
  expect(await (await visit()).cached()).toEqual(["toy"]);
  await (await visit()).forget();
  expect([...storage.files.keys()].filter((name) => name.startsWith("model"))).toEqual([]);
});

test("where no file can be read, the model is fetched", async () => {
  storage = new FakeStorage("private files");
  await open(EXPORT);
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("sam2-web");
  folder.getFileHandle = async () => {
    throw new DOMException("the disk is gone", "UnknownError");
  };
  await open(EXPORT);
  expect(requests("encoder.onnx")).toBe(2);
});
