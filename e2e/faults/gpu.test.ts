/**
 * The library on a GPU that is emulated, gives wrong answers, or vanishes. Which device is chosen when is tested in Node:
 * packages/sam2-web/test/runtime/device.test.ts.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launchBrowser } from "headless/browser";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { expectClose, expectedScores, ToyPage } from "../toy-page.ts";
import { writeFewOperations } from "./few-operations.ts";

let toy: ToyPage;
beforeAll(async () => {
  toy = await ToyPage.create(await launchBrowser({ softwareWebGpu: true }), writeFewOperations);
});
afterAll(async () => {
  await toy.browser.close();
  await toy.dispose();
});
afterEach(() => toy.close());

/** The model's scores on WASM. */
let expected: number[];
beforeEach(async () => {
  await toy.open();
  expected ??= (await toy.segment()).scores;
});

test("auto does not take a GPU that is emulated, unless it is allowed to", async () => {
  const plain = await toy.segment({ device: "auto" });
  expect(plain.device).toMatchObject({ encoder: "wasm", reason: expect.stringContaining("emulated in software") });
  const allowed = await toy.segment({ device: "auto", softwareGpu: true });
  expect(allowed.device).toMatchObject({ encoder: "webgpu", decoder: "webgpu" });
  expect((await toy.keptKeys()).filter((key) => key.startsWith("note/canary/"))).toHaveLength(1);
  expectClose(allowed.scores, expected);
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
  expectClose(fallen.scores, expected);
  expect(await toy.segment({ model, device: "webgpu" })).toMatchObject({ error: "DeviceError" });
  // what was found out is remembered
  expect((await toy.keptKeys()).filter((key) => key.startsWith("note/verdict/"))).toHaveLength(1);
});

test("where only the decoder answers wrongly, it runs on WASM beside the encoder on the GPU", async () => {
  const { files } = JSON.parse(await readFile(join(toy.folder, "toy", "model.json"), "utf8"));
  await toy.page.evaluate(async (fingerprint) => {
    const { vendor, architecture, description } = ((await navigator.gpu.requestAdapter()) as GPUAdapter).info;
    const adapter = [vendor, architecture, description].filter(Boolean).join(" ");
    const fault = { part: "decoder", problem: "its masks differs" };
    const note = { browser: navigator.userAgent, at: Date.now(), faults: { "decomposed attention": fault } };
    const root = await navigator.storage.getDirectory();
    const kept = await root.getDirectoryHandle("sam2-web", { create: true });
    const name = encodeURIComponent(`note/verdict/${fingerprint}/${adapter}`);
    const stream = await (await kept.getFileHandle(name, { create: true })).createWritable();
    await stream.write(JSON.stringify(note));
    await stream.close();
  }, files.encoder.sha256);
  const { device, scores } = await toy.segment({ device: "auto", softwareGpu: true });
  expect(device).toMatchObject({
    encoder: "webgpu",
    decoder: "wasm",
    reason: expect.stringContaining("with decomposed attention, its masks differs"),
  });
  expectClose(scores, expected);
});

test("a checkpoint on a GPU is tried with fused attention first", async () => {
  const model = { checkpoint: "models/checkpoint/" };
  const { device, scores } = await toy.segment({ model, device: "webgpu" });
  expect(device).toMatchObject({ encoder: "webgpu", decoder: "webgpu" });
  expectClose(scores, await expectedScores());
});

test("a GPU that is lost, whenever it is, is replaced: the answers stay the same", async () => {
  // a message of the page destroys the device that the worker made last
  await toy.beforeWorkers(`
    const request = GPUAdapter.prototype.requestDevice;
    let device;
    GPUAdapter.prototype.requestDevice = async function (...args) { return (device = await request.apply(this, args)); };
    new BroadcastChannel("lose").onmessage = () => device?.destroy();
  `);
  const fallen = await toy.page.evaluate(async () => {
    const channel = new BroadcastChannel("lose");
    const lose = (): void => channel.postMessage("");
    const model = "models/toy/model.json";
    const prompt = { point_coords: [[192, 112]], point_labels: [1] };
    const grid = { points_per_side: 2, pred_iou_thresh: 0, stability_score_thresh: 0, points_per_batch: 1 };
    const lostWhileOpening = async (): Promise<{ reason: string; scores: number[] }> => {
      const onProgress = ({ phase }: { phase: string }): void => {
        if (phase === "check") lose();
      };
      const opened = await window.sam2.createSegmenter({ model, device: "auto", softwareGpu: true, onProgress });
      const { scores } = await opened.segment({ image: "photo/truck.png", ...prompt });
      await opened.dispose();
      return { reason: opened.device.reason, scores: [...scores.data] };
    };
    const fallen = await lostWhileOpening();
    const segmenter = await window.sam2.createSegmenter({ model, device: "webgpu" });
    let image = await segmenter.setImage("photo/truck.png");
    const click = async (): Promise<number[]> => [...(await segmenter.segment({ image, ...prompt })).scores.data];
    const everything = async (onProgress?: () => void): Promise<number[]> => {
      const masks = await segmenter.segmentEverything(image, onProgress ? { ...grid, onProgress } : grid);
      return masks.map(({ area }) => area);
    };
    const setImageAndLose = async (when: string): Promise<void> => {
      await image.release();
      image = await segmenter.setImage("photo/truck.png", { onProgress: ({ phase }) => phase === when && lose() });
    };
    Object.assign(window, { lose, click, everything, setImageAndLose, where: () => segmenter.currentDevice() });
    return fallen;
  });
  expect(fallen.reason).toMatch(/was not used: with decomposed attention, it was lost while the model opened/);
  expectClose(fallen.scores, expected);
  const asks = <T>(code: string): Promise<T> => toy.page.evaluate(code);
  const isRight = async (code: string): Promise<void> => expectClose(await asks(code), expected);
  await isRight("click()");
  for (const phase of ["preprocess", "encode"]) await isRight(`setImageAndLose("${phase}").then(click)`);
  await isRight("(() => { const answer = click(); lose(); return answer; })()");
  const session = await toy.browser.newBrowserCDPSession();
  await session.send("Browser.crashGpuProcess" as never).catch(() => undefined);
  await toy.page.waitForTimeout(1500);
  await isRight("click()");
  const areas = await asks("everything()");
  expect(await asks("(() => { let batch = 0; return everything(() => { if (++batch === 2) lose(); }); })()")).toEqual(
    areas,
  );
  expect(["webgpu", "wasm"]).toContain(await asks("where().then(({ encoder }) => encoder)"));
});
