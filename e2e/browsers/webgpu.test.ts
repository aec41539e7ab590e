/** The library on WebGPU, where it is computed by Mesa on the CPU: right, with half precision, and slow. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ISOLATION } from "headless/pages";
import { type Server, serve } from "headless/server";
import { exportFolder } from "sam2-export/node";
import type { DeviceInfo, SegmenterOptions } from "sam2-web";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, type Bounds, type Case, expectSame, PHOTO, readCases } from "../reference.ts";
import type { Browser, Tab } from "./driver.ts";
import { LAVAPIPE } from "./lavapipe.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const TOY = path("../../models/reference/fixtures/toy/");

/** In the worker: tells the features of each device that is made, and destroys all when it is told to. */
function listenToDevices(): void {
  const channel = new BroadcastChannel("devices");
  const made: GPUDevice[] = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await request.call(this, descriptor);
    made.push(device);
    channel.postMessage([...device.features]);
    return device;
  };
  channel.onmessage = () => {
    for (const device of made) device.destroy();
  };
}

/** In the worker: a GPU whose exponential function is wrong, as a driver's may be. */
function breakExponential(): void {
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    return create.call(this, { ...descriptor, code: descriptor.code.replaceAll(/\bexp\(/g, "exp2(") });
  };
}

/** Opens a model, and answers prompts about the photograph. */
async function answers(
  options: SegmenterOptions,
  prompts: readonly Omit<Case, "scores" | "masks">[],
): Promise<{ device: DeviceInfo; features: string[]; answers: Answer[] }> {
  const { createSegmenter, encodeRle } = window.sam2;
  const channel = new BroadcastChannel("devices");
  let features: string[] = [];
  channel.onmessage = ({ data }) => {
    features = data;
  };
  const segmenter = await createSegmenter(options);
  const image = await segmenter.setImage("photo/truck.png");
  const side = segmenter.model.maskSize;
  const data = Float32Array.from({ length: side * side }, (_, i) => 9 * Math.sin(0.021 * i));
  const found: Answer[] = [];
  for (const { mask_input, ...prompt } of prompts) {
    const mask = mask_input ? { mask_input: { data, dims: [side, side] } } : {};
    const result = await segmenter.segment({ image, ...prompt, ...mask });
    const [objects = 0, count = 0] = result.scores.dims;
    const masks = Array.from({ length: objects * count }, (_, i) =>
      encodeRle(result.mask(i % count, Math.floor(i / count))),
    );
    found.push({ scores: [...result.scores.data], masks });
  }
  const device = await segmenter.currentDevice();
  await segmenter.dispose();
  channel.close();
  return { device, features, answers: found };
}

const absence = LAVAPIPE.absence();
const name = `${LAVAPIPE.name}${absence === null ? "" : `: ${absence}`}`;
// Firefox hangs now and then, without an error, while onnxruntime-web starts its threads
describe.skipIf(absence !== null)(name, { retry: 2 }, () => {
  let folder: string;
  let browser: Browser;
  let server: Server;
  let tab: Tab;
  /** What runs in each worker before its own script. */
  let before: (() => void)[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sam2-web-"));
    await exportFolder(TOY, join(folder, "toy"), { canary: true });
    await exportFolder(TOY, join(folder, "toy-fused-fp16"), { canary: true, attention: "fused", dtype: "fp16" });
    browser = await LAVAPIPE.launch();
    server = await serve({
      folders: {
        "models/toy/": join(folder, "toy"),
        "models/toy-fused-fp16/": join(folder, "toy-fused-fp16"),
        "models/checkpoint/": TOY,
        "models/sam2-mini/": path("../../models/sam2-mini/onnx"),
        "models/sam2-mini-checkpoint/": path("../../models/sam2-mini"),
        "photo/": PHOTO,
      },
      handle(asked, { url }, response) {
        if (!/\/worker-[^/]+\.js$/.test(asked) || url?.endsWith("?plain")) return false;
        void fetch(`${server.url}${asked}?plain`)
          .then((plain) => plain.text())
          .then((script) => {
            response.writeHead(200, { ...ISOLATION, "Content-Type": "text/javascript" });
            response.end(`${before.map((task) => `(${task})();\n`).join("")}${script}`);
          });
        return true;
      },
    });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    before = [listenToDevices];
    tab = await browser.newTab();
    await tab.goto(server.url);
  });
  afterEach(() => tab.close());

  const ask = async (options: SegmenterOptions, cases: readonly Case[]) => {
    const prompts = cases.map(({ scores, masks, ...prompt }) => prompt);
    return tab.evaluate(answers, { device: "webgpu", ...options }, prompts);
  };

  test.each<[string, SegmenterOptions, string]>([
    ["a model with decomposed attention", { model: "models/toy/model.json" }, "expected.json"],
    [
      "a checkpoint, which is tried with fused attention first",
      { model: { checkpoint: "models/checkpoint/" }, dtype: "fp32" },
      "expected.json",
    ],
    ["the built-in model", { model: "models/sam2-mini/model.json" }, "expected-sam2-mini.json"],
  ])(
    "%s answers as PyTorch does",
    async (_, options, file) => {
      const cases = await readCases(file);
      const came = await ask(options, cases);
      expect(came.device).toMatchObject({ encoder: "webgpu", decoder: "webgpu" });
      for (const [i, each] of cases.entries()) expectSame(came.answers[i], each);
    },
    240_000,
  );

  test.each<[string, string, string, Bounds]>([
    ["a toy", "models/checkpoint/", "expected.json", { score: 0.005, iou: 0.9 }],
    ["the built-in model", "models/sam2-mini-checkpoint/", "expected-sam2-mini.json", { score: 0.02, iou: 0.98 }],
  ])(
    "a checkpoint is computed in half precision, and answers nearly as PyTorch does: %s",
    async (_, checkpoint, file, bounds) => {
      const cases = await readCases(file);
      const came = await ask({ model: { checkpoint } }, cases);
      expect(came.device, came.device.reason).toMatchObject({ decoder: "webgpu", dtype: "fp16-compute" });
      for (const [i, each] of cases.entries()) expectSame(came.answers[i], each, bounds);
    },
    600_000,
  );

  test("fused attention and weights in half precision answer as on WASM", async () => {
    const cases = await readCases("expected.json");
    const model = "models/toy-fused-fp16/model.json";
    const expected = await ask({ model, device: "wasm" }, cases);
    const came = await ask({ model }, cases);
    expect([expected.device.decoder, came.device.decoder]).toEqual(["wasm", "webgpu"]);
    for (const [i, each] of cases.entries()) {
      const { scores, masks } = expected.answers[i] as Answer;
      expectSame(came.answers[i], { ...each, scores: [[...scores]], masks: [[...masks]] });
    }
  });

  test("the library's device computes in half precision, where the adapter can", async () => {
    const can = await tab.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      return adapter?.features.has("shader-f16");
    });
    const { features } = await ask({ model: "models/toy/model.json" }, []);
    expect(features.includes("shader-f16")).toBe(can);
    expect(features).not.toContain("subgroups");
  });

  test("a GPU that computes wrongly is refused, and it says why", async () => {
    before.push(breakExponential);
    const cases = await readCases("expected.json");
    const model = "models/toy/model.json";
    const came = await ask({ model, device: "auto", softwareGpu: true }, cases);
    expect(came.device).toMatchObject({
      encoder: "wasm",
      decoder: "wasm",
      reason: expect.stringMatching(/was not used: .* differs from the CPU's by \d+/),
    });
    for (const [i, each] of cases.entries()) expectSame(came.answers[i], each);
    await expect(ask({ model }, cases)).rejects.toThrow(/differs from the CPU's/);
  });

  test.each(["before a prompt", "while an image is encoded", "while a prompt is answered"] as const)(
    "a GPU that is lost %s is replaced; the masks are the same",
    async (moment) => {
      const came = await tab.evaluate(async (when) => {
        const { createSegmenter, encodeRle } = window.sam2;
        const channel = new BroadcastChannel("devices");
        let made = 0;
        channel.onmessage = () => made++;
        const lose = (): void => channel.postMessage("destroy");
        const segmenter = await createSegmenter({ model: "models/toy/model.json", device: "webgpu" });
        const before = made;
        const encoding = segmenter.setImage("photo/truck.png");
        if (when === "while an image is encoded") lose();
        const image = await encoding;
        if (when === "before a prompt") {
          lose();
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        const answering = segmenter.segment({ image, point_coords: [[192, 112]], point_labels: [1] });
        if (when === "while a prompt is answered") lose();
        const result = await answering;
        // a loss that came too late for the answer is found by the next one
        await segmenter.segment({ image, point_coords: [[192, 112]], point_labels: [1] });
        const device = await segmenter.currentDevice();
        await segmenter.dispose();
        const masks = [0, 1, 2].map((index) => encodeRle(result.mask(index)));
        return { answer: { scores: [...result.scores.data], masks }, device, replaced: made - before };
      }, moment);
      const [first] = await readCases("expected.json");
      expectSame(came.answer, first as Case);
      expect(came.device).toMatchObject({ encoder: "webgpu", decoder: "webgpu" });
      expect(came.replaced).toBe(1);
    },
  );
});
