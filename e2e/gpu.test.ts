/** The library on GPUs that are emulated, lie, or vanish. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launchBrowser } from "headless/browser";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { expectClose, expectedScores, ToyPage } from "./toy-page.ts";

let toy: ToyPage;
beforeAll(async () => {
  toy = await ToyPage.create(await launchBrowser({ softwareWebGpu: true }));
});
afterAll(async () => {
  await toy.browser.close();
  await toy.dispose();
});
afterEach(() => toy.close());

beforeEach(() => toy.open());

test("auto does not take a GPU that is emulated, unless it is allowed to", async () => {
  const plain = await toy.segment({ device: "auto" });
  expect(plain.device).toMatchObject({ encoder: "wasm", reason: expect.stringContaining("emulated in software") });
  const allowed = await toy.segment({ device: "auto", softwareGpu: true });
  expect(allowed.device).toMatchObject({ encoder: "webgpu", decoder: "webgpu" });
  expect((await toy.keptKeys()).filter((key) => key.startsWith("note/canary/"))).toHaveLength(1);
  expectClose(allowed.scores, await expectedScores());
});

test("a GPU that cannot be opened is not used, and it says why", async () => {
  await toy.beforeWorkers(`GPUAdapter.prototype.requestDevice = () => Promise.reject(new Error("too many devices"));`);
  const reason = expect.stringMatching(/could not be opened: too many devices/);
  const fallen = await toy.segment({ device: "auto", softwareGpu: true });
  expect(fallen.device).toMatchObject({ encoder: "wasm", decoder: "wasm", reason });
  expectClose(fallen.scores, await expectedScores());
  expect(await toy.segment({ device: "webgpu" })).toMatchObject({ error: "DeviceError", message: reason });
});

test("a device that answers wrongly is not used, and it says why", async () => {
  const manifest = JSON.parse(await readFile(join(toy.folder, "toy", "model.json"), "utf8"));
  const values = Array(32).fill(1);
  manifest.canary = { image_embed: { values, largest: 1 } };
  await writeFile(join(toy.folder, "toy", "wrong.json"), JSON.stringify(manifest));
  const model = "models/toy/wrong.json";
  const fallen = await toy.segment({ model, device: "auto", softwareGpu: true });
  expect(fallen.device).toMatchObject({
    encoder: "wasm",
    decoder: "wasm",
    reason: expect.stringMatching(/was not used: .* its image_embed differs from the CPU's by \d+/),
  });
  expectClose(fallen.scores, await expectedScores());
  expect(await toy.segment({ model, device: "webgpu" })).toMatchObject({ error: "DeviceError" });
  // what was found out is remembered: the next time the GPU is not even tried
  expect((await toy.keptKeys()).filter((key) => key.startsWith("note/verdict/"))).toHaveLength(1);
  const phases = await toy.page.evaluate(async (address) => {
    const seen: string[] = [];
    const segmenter = await window.sam2.createSegmenter({
      model: address,
      softwareGpu: true,
      onProgress: ({ phase }) => seen.push(phase),
    });
    await segmenter.dispose();
    return seen;
  }, model);
  expect(phases).not.toContain("check");
});

test("where only the decoder answers wrongly, it goes to WASM beside the encoder on the GPU", async () => {
  const manifest = JSON.parse(await readFile(join(toy.folder, "toy", "model.json"), "utf8"));
  manifest.canary = { masks: { values: Array(32).fill(1), largest: 1 } };
  await writeFile(join(toy.folder, "toy", "wrong.json"), JSON.stringify(manifest));
  const fallen = await toy.segment({ model: "models/toy/wrong.json", device: "auto", softwareGpu: true });
  expect(fallen.device).toMatchObject({
    encoder: "wasm",
    reason: expect.stringMatching(/with decomposed attention, its masks differs .*with the decoder on WASM, its masks/),
  });
  // forget the second finding, which that wrong answer brought about too
  const forgotten = await toy.page.evaluate(async () => {
    const kept = await (await navigator.storage.getDirectory()).getDirectoryHandle("sam2-web");
    let count = 0;
    for await (const [name, handle] of kept.entries()) {
      if (!decodeURIComponent(name).startsWith("note/verdict/")) continue;
      count++;
      const file = handle as FileSystemFileHandle;
      const note = JSON.parse(await (await file.getFile()).text());
      delete note.faults["the decoder on WASM"];
      const stream = await file.createWritable();
      await stream.write(JSON.stringify(note));
      await stream.close();
    }
    return count;
  });
  expect(forgotten).toBe(1);
  const mixed = await toy.segment({ device: "auto", softwareGpu: true });
  expect(mixed.device).toMatchObject({
    encoder: "webgpu",
    decoder: "wasm",
    reason: expect.stringContaining("with decomposed attention, its masks differs"),
  });
  expectClose(mixed.scores, await expectedScores());
});

test("a checkpoint on a GPU is tried with fused attention first", async () => {
  const model = { checkpoint: "models/checkpoint/" };
  const { device, scores } = await toy.segment({ model, device: "webgpu" });
  expect(device).toMatchObject({ encoder: "webgpu", decoder: "webgpu" });
  expectClose(scores, await expectedScores());
});

test("a GPU that is lost in mid-use is replaced, and the image encoded again", async () => {
  const point = { point_coords: [[192, 112]], point_labels: [1] };
  await toy.page.evaluate(async (prompt) => {
    const segmenter = await window.sam2.createSegmenter({ model: "models/toy/model.json", device: "webgpu" });
    const image = await segmenter.setImage("photo/truck.png");
    const { scores } = await segmenter.segment({ image, ...prompt });
    Object.assign(window, {
      again: async () => {
        const result = await segmenter.segment({ image, ...prompt });
        return { before: [...scores.data], after: [...result.scores.data], device: await segmenter.currentDevice() };
      },
    });
  }, point);
  const session = await toy.browser.newBrowserCDPSession();
  await session.send("Browser.crashGpuProcess" as never).catch(() => undefined);
  await toy.page.waitForTimeout(1500);
  const { before, after, device } = await toy.page.evaluate(() =>
    (
      window as unknown as { again(): Promise<{ before: number[]; after: number[]; device: { encoder: string } }> }
    ).again(),
  );
  expectClose(after, before);
  expect(["webgpu", "wasm"]).toContain(device.encoder);
});

test.each(["preprocess", "encode", "decode", "everything"] as const)(
  "a GPU that is lost in the phase %s: the same answer, from another device",
  async (phase) => {
    // a page's message destroys the device that the worker made last
    await toy.beforeWorkers(`
      const request = GPUAdapter.prototype.requestDevice;
      let device;
      GPUAdapter.prototype.requestDevice = async function (...args) { return (device = await request.apply(this, args)); };
      new BroadcastChannel("lose").onmessage = () => device?.destroy();
    `);
    const answer = await toy.page.evaluate(async (when) => {
      const segmenter = await window.sam2.createSegmenter({ model: "models/toy/model.json", device: "webgpu" });
      const prompt = { point_coords: [[192, 112]], point_labels: [1] };
      const grid = { points_per_side: 2, pred_iou_thresh: 0, stability_score_thresh: 0 };
      const channel = new BroadcastChannel("lose");
      const lose = (): void => channel.postMessage("");
      const image = await segmenter.setImage("photo/truck.png", {
        onProgress: (phase) => phase === when && lose(),
      });
      if (when === "everything") {
        const expected = await segmenter.segmentEverything(image, { ...grid, points_per_batch: 1 });
        let batches = 0;
        const onProgress = (): void => {
          if (++batches === 2) lose();
        };
        const came = await segmenter.segmentEverything(image, { ...grid, points_per_batch: 1, onProgress });
        return { came: came.map(({ area }) => area), expected: expected.map(({ area }) => area) };
      }
      const answer = segmenter.segment({ image, ...prompt });
      if (when === "decode") lose();
      return { came: [...(await answer).scores.data], expected: null };
    }, phase);
    expectClose(answer.came, answer.expected ?? (await expectedScores()));
  },
);
