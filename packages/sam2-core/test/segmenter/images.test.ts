/** Calls for images that are released, dropped or lost by a restart while somebody waits for an answer. */
import { Sam2Error } from "sam2-contract";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { DeviceInfoOf } from "../../src/runtime/sessions.ts";
import { Connection } from "../../src/segmenter/connection.ts";
import { SegmentResult } from "../../src/segmenter/result.ts";
import { openSegmenter, SegmenterOf, type SegmenterPlatform } from "../../src/segmenter/segmenter.ts";

const platform: SegmenterPlatform<Blob | string, Blob | string, SegmentResult> = {
  start: () => expect.fail("connections are made up here"),
  base: "https://example.com/",
  courier: {
    prepare: async (image) => image,
    copy: async (image) => image,
    moved: (image) => image,
    discard: () => undefined,
    isFile: () => true,
  },
  result: (parts) => new SegmentResult(parts),
};

type BlobSegmenter = SegmenterOf<Blob | string, DeviceInfoOf, SegmentResult>;

async function createSegmenter(options: { draft?: boolean } = {}): Promise<BlobSegmenter> {
  return new SegmenterOf(await openSegmenter(platform, options));
}

/** A worker that holds images by their ids, and answers a prompt when the test says so. */
class FakeWorker {
  readonly held = new Map<string, { readonly isDisposable: boolean }>();
  readonly answers: (() => void)[] = [];
  /** Prompts that came for images that are not held. */
  missed = 0;
  encodings = 0;
  ended: Error | null = null;
  readonly opened = { spec: { maskSize: 32 }, encodeTime: null };

  readonly #calls = new Set<(reason: Error) => void>();

  async call(task: (remote: unknown) => Promise<unknown>): Promise<unknown> {
    if (this.ended) throw this.ended;
    return new Promise((resolve, reject) => {
      this.#calls.add(reject);
      task(this.remote).then(resolve, reject);
    });
  }

  close(reason: Error): void {
    this.ended = reason;
    for (const reject of this.#calls) reject(reason);
  }

  /** What an encoding waits for. */
  encoding: Promise<void> = Promise.resolve();
  /** What is being encoded, and was not released meanwhile. */
  readonly #wanted = new Set<string>();

  readonly remote = {
    setImage: async (
      id: string,
      _: unknown,
      isDisposable: boolean,
      onPhase: (phase: string) => unknown,
    ): Promise<unknown> => {
      this.encodings++;
      expect(onPhase("encode")).toBe(undefined);
      this.#wanted.add(id);
      await this.encoding;
      if (!this.#wanted.delete(id)) throw new Sam2Error("ImageReleasedError", "the image is no longer kept");
      this.held.set(id, { isDisposable });
      return { width: 8, height: 8, timings: { encode: 1 } };
    },
    releaseImage: async (id: string): Promise<void> => {
      this.#wanted.delete(id);
      this.held.delete(id);
    },
    predict: async (id: string): Promise<unknown> => {
      if (!this.held.has(id)) {
        this.missed++;
        throw new Sam2Error("ImageReleasedError", "the image is no longer kept");
      }
      await new Promise<void>((answer) => this.answers.push(answer));
      const scores = { data: Float32Array.of(1), dims: [1, 1] };
      return { scores, logits: scores, settled: scores, objectScores: scores, decode: 1 };
    },
  };
}

const started: FakeWorker[] = [];

const worker = (): FakeWorker => started.at(-1) as FakeWorker;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
const POINT = { point_coords: [[1, 1]], point_labels: [1] };
const LATEST = { supersede: true };

let segmenter: BlobSegmenter;
beforeEach(async () => {
  started.length = 0;
  vi.spyOn(Connection, "open").mockImplementation(async () => {
    const opened = new FakeWorker();
    started.push(opened);
    return opened as never;
  });
  segmenter = await createSegmenter();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** How each call ended: its answer's width, or its error's name. */
async function outcomes(calls: readonly Promise<{ width: number }>[]): Promise<(number | string)[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((each) => (each.status === "fulfilled" ? each.value.width : each.reason.name));
}

test("released beside two clicks, one running and one waiting: both are aborted, and the next picture answers", async () => {
  const image = await segmenter.setImage(new Blob());
  const running = segmenter.segment({ image, ...POINT }, LATEST);
  await turn();
  const waiting = segmenter.segment({ image, ...POINT }, LATEST);
  const calls = outcomes([running, waiting, segmenter.segment({ image, ...POINT })]);
  await turn();
  await image.release();
  const answer = async (): Promise<void> => {
    for (const answered of worker().answers) answered();
    await turn();
  };
  await answer();
  const next = await segmenter.setImage(new Blob());
  const click = segmenter.segment({ image: next, ...POINT }, LATEST);
  await turn();
  await answer();
  expect(await calls).toEqual(["AbortError", "AbortError", "AbortError"]);
  expect((await click).width).toBe(8);
  // the worker was not asked for what nobody waits for
  expect(worker().missed).toBe(0);
});

test("a restart aborts the clicks that run and wait; a later click for the old image says what to do", async () => {
  const image = await segmenter.setImage(new Blob());
  const running = segmenter.segment({ image, ...POINT }, LATEST);
  await turn();
  const waiting = segmenter.segment({ image, ...POINT }, LATEST);
  const calls = outcomes([running, waiting]);
  await segmenter.restart();
  expect(await calls).toEqual(["AbortError", "AbortError"]);
  await expect(segmenter.segment({ image, ...POINT })).rejects.toMatchObject({
    name: "ImageReleasedError",
    message: "the segmenter was restarted; call setImage again",
  });
  expect(worker().missed).toBe(0);
});

test("a click after the release is refused by name", async () => {
  const image = await segmenter.setImage(new Blob());
  await image.release();
  await expect(segmenter.segment({ image, ...POINT })).rejects.toMatchObject({
    name: "ImageReleasedError",
    message: "the image was released; call setImage again",
  });
});

test("an image of another segmenter is not answered with one of this segmenter's", async () => {
  const other = await createSegmenter();
  const image = await other.setImage(new Blob());
  await segmenter.setImage(new Blob());
  await expect(segmenter.segment({ image, ...POINT })).rejects.toMatchObject({
    name: "InvalidImageError",
    message: "the image is of another segmenter; call this one's setImage",
  });
});

test.each([
  [null, "null"],
  [undefined, "undefined"],
  [7, "number"],
])("%s is no picture", async (given, got) => {
  await expect(segmenter.segment({ image: given as unknown as Blob, ...POINT })).rejects.toMatchObject({
    name: "InvalidImageError",
    message: `expected a picture, got ${got}`,
  });
});

test("only pictures that were given directly may be dropped for others; they are encoded again, once", async () => {
  const image = await segmenter.setImage(new Blob());
  const picture = new Blob();
  const ask = (): Promise<{ width: number }> => segmenter.segment({ image: picture, ...POINT });
  const first = ask();
  await turn();
  worker().answers[0]?.();
  await first;
  expect([...worker().held.values()].map(({ isDisposable }) => isDisposable)).toEqual([false, true]);
  worker().held.delete("1");
  const both = outcomes([ask(), ask()]);
  await turn();
  for (const answer of worker().answers) answer();
  expect(await both).toEqual([8, 8]);
  expect(worker().encodings).toBe(3);
  await image.release();
});

test.each([
  ["a file", new Blob()],
  ["an address", "https://example.com/picture.png"],
])("%s that is dropped before each answer is not encoded for ever", async (_, image) => {
  vi.spyOn(worker().held, "has").mockReturnValue(false);
  await expect(segmenter.segment({ image, ...POINT })).rejects.toMatchObject({ name: "ImageReleasedError" });
  expect(worker().encodings).toBe(10);
  await turn();
  if (typeof image === "string") expect(worker().held.size).toBe(0);
});

test("a picture at an address is not kept after the answer", async () => {
  vi.stubGlobal("fetch", async () => new Response("picture"));
  const call = segmenter.segment({ image: "https://example.com/picture.png", ...POINT });
  await turn();
  await turn();
  worker().answers[0]?.();
  await call;
  await turn();
  expect(worker().held.size).toBe(0);
});

test.each(["after", "before"])(
  "a draft: once released %s the full encoding, neither worker holds the image",
  async (when) => {
    const drafted = await createSegmenter({ draft: true });
    const [main, draft] = started.slice(-2) as [FakeWorker, FakeWorker];
    let finish: () => void = () => undefined;
    main.encoding = new Promise((resolve) => {
      finish = resolve;
    });
    const image = await drafted.setImage(new Blob());
    expect([image.quality, main.held.size, draft.held.size]).toEqual(["draft", 0, 1]);
    if (when === "before") await image.release();
    finish();
    if (when === "before") {
      await expect(image.refined).rejects.toMatchObject({ name: "AbortError" });
    } else {
      await image.refined;
      expect([image.quality, main.held.size, draft.held.size]).toEqual(["full", 1, 0]);
      await image.release();
    }
    await turn();
    expect([main.held.size, draft.held.size]).toEqual([0, 0]);
  },
);

test("a request that is aborted already does not take the place of the one before", async () => {
  const image = await segmenter.setImage(new Blob());
  const running = segmenter.segment({ image, ...POINT }, LATEST);
  await turn();
  const aborted = segmenter.segment({ image, ...POINT }, { ...LATEST, signal: AbortSignal.abort() });
  const calls = outcomes([running, aborted]);
  await turn();
  for (const answered of worker().answers) answered();
  expect(await calls).toEqual([8, "AbortError"]);
});

test("a call that is given up does not have forgotten what a picture shows since", async () => {
  let shown = "A";
  Object.assign(platform.courier, { shown: () => shown });
  let finish: () => void = () => undefined;
  worker().encoding = new Promise((resolve) => {
    finish = resolve;
  });
  const image = new Blob();
  const stop = new AbortController();
  const ask = (signal?: AbortSignal): Promise<{ width: number }> => segmenter.segment({ image, ...POINT }, { signal });
  const ofA = outcomes([ask(stop.signal)]);
  await turn();
  shown = "B";
  const before = outcomes([ask()]);
  await turn();
  stop.abort();
  await turn();
  const after = outcomes([ask()]);
  await turn();
  finish();
  await turn();
  for (const answered of worker().answers) answered();
  expect(await Promise.all([ofA, before, after])).toEqual([["AbortError"], [8], [8]]);
  expect(worker().encodings).toBe(2);
  Reflect.deleteProperty(platform.courier, "shown");
});

test("what a listener throws rejects the call, and no worker keeps the image; what it returns goes nowhere", async () => {
  const listening = (onProgress: () => void) => segmenter.setImage(new Blob(), { onProgress });
  const failing = (): never => {
    throw new Error("mine");
  };
  await expect(listening(failing)).rejects.toThrow("mine");
  expect(worker().held.size).toBe(0);
  await listening(() => "a value");
  expect(worker().held.size).toBe(1);
});

test("a draft that is given up while its picture is copied stays in neither worker", async () => {
  let copied: () => void = () => undefined;
  vi.spyOn(platform.courier, "copy").mockImplementation(
    (image) =>
      new Promise((resolve) => {
        copied = () => resolve(image);
      }),
  );
  const drafted = await createSegmenter({ draft: true });
  const stop = new AbortController();
  const call = drafted.setImage(new Blob(), { signal: stop.signal });
  await turn();
  stop.abort();
  copied();
  await expect(call).rejects.toMatchObject({ name: "AbortError" });
  await turn();
  expect(started.slice(-2).map(({ held }) => held.size)).toEqual([0, 0]);
});

test("a picture that cannot be copied for the draft is freed", async () => {
  vi.spyOn(platform.courier, "copy").mockRejectedValue(new Error("no room"));
  const discard = vi.spyOn(platform.courier, "discard");
  const drafted = await createSegmenter({ draft: true });
  await expect(drafted.setImage(new Blob())).rejects.toThrow("no room");
  expect(discard).toHaveBeenCalledOnce();
});

test("a picture that two calls wait for: one gives up and the other is answered; both give up and it is not kept", async () => {
  let finish: () => void = () => undefined;
  worker().encoding = new Promise((resolve) => {
    finish = resolve;
  });
  const pictures = [new Blob(), new Blob()];
  const stops = pictures.map(() => [new AbortController(), new AbortController()] as const);
  const calls = pictures.map((image, i) =>
    outcomes((stops[i] ?? []).map(({ signal }) => segmenter.segment({ image, ...POINT }, { signal }))),
  );
  await turn();
  stops[0]?.[0].abort();
  for (const stop of stops[1] ?? []) stop.abort();
  await turn();
  finish();
  await turn();
  for (const answer of worker().answers) answer();
  expect(await Promise.all(calls)).toEqual([
    ["AbortError", 8],
    ["AbortError", "AbortError"],
  ]);
  expect(worker().held.size).toBe(1);
});
