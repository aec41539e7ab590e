/** The exported graphs on WebGPU: every node on the GPU, and the same answers as the reference. */

import mjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import * as ort from "onnxruntime-web/webgpu";
import { beforeAll, describe, expect, test } from "vitest";
import { byteSource, exportToMemory, readSafetensors } from "../src/index.ts";
import { readFloats } from "../src/safetensors.ts";
import { seededWeights } from "./seeded.ts";
import { type Numbers, PROMPTS, relativeError, scaleOf, wave } from "./tensors.ts";

ort.env.wasm.wasmPaths = { mjs, wasm };
ort.env.wasm.numThreads = 1;

const FIXTURES = import.meta.glob<string>(
  [
    "../../../models/reference/fixtures/toy/*",
    "../../../models/reference/fixtures/edgetam/{repvit_m1,tf_efficientnet_lite0}/*",
  ],
  { query: "?url", import: "default", eager: true },
);
const EMBEDDINGS = ["image_embed", "high_res_feats_0", "high_res_feats_1"];

/** A file of a fixture, where it holds it. */
async function fetchBytes(fixture: string, name: string): Promise<Uint8Array | undefined> {
  const url = Object.entries(FIXTURES).find(([path]) => path.endsWith(`/fixtures/${fixture}/${name}`))?.[1];
  return url === undefined ? undefined : new Uint8Array(await (await fetch(url)).arrayBuffer());
}

/** A device of our own without `subgroups`, which is what makes fused attention right on SwiftShader. */
async function device(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("the browser was started without WebGPU");
  return adapter.requestDevice({
    requiredLimits: { maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage },
  });
}

function tensor({ data, dims }: Numbers): ort.Tensor {
  return new ort.Tensor("float32", data, [...dims]);
}

describe.each([
  { fixture: "toy", size: 128, attention: "decomposed", prompts: PROMPTS },
  { fixture: "toy", size: 128, attention: "fused", prompts: PROMPTS },
  // these differ from SAM 2 in their encoders; their decoders are the same graph, with other weights
  { fixture: "edgetam/repvit_m1", size: 64, attention: "decomposed", prompts: ["all"] },
  { fixture: "edgetam/tf_efficientnet_lite0", size: 64, attention: "decomposed", prompts: [] },
] as const)("$fixture, $attention attention", ({ fixture, size, attention, prompts }) => {
  let expected: Map<string, Numbers>;
  let encoder: ort.InferenceSession;
  let decoder: ort.InferenceSession;

  beforeAll(async () => {
    const answers = (await fetchBytes(fixture, "expected.safetensors")) as Uint8Array;
    const entries = [...(await readSafetensors(byteSource(answers))).values()];
    expected = new Map(
      await Promise.all(
        entries.map(async (entry) => [entry.name, { dims: entry.shape, data: await readFloats(entry) }] as const),
      ),
    );
    const config = JSON.parse(new TextDecoder().decode(await fetchBytes(fixture, "config.json")));
    const weights = [byteSource((await fetchBytes(fixture, "model.safetensors")) ?? seededWeights(config))];
    const { files } = await exportToMemory({ config, weights }, { id: "fixture", attention });
    const gpu = await device();
    const open = async (name: string): Promise<ort.InferenceSession> =>
      ort.InferenceSession.create(new Uint8Array(await (files.get(name) as Blob).arrayBuffer()), {
        executionProviders: [
          { name: "webgpu", device: gpu } as unknown as ort.InferenceSession.ExecutionProviderConfig,
        ],
        logSeverityLevel: 3,
        // creating the session fails when any node would fall to the CPU
        extra: { session: { disable_cpu_ep_fallback: "1" } },
      });
    encoder = await open("encoder.onnx");
    decoder = await open("decoder.onnx");
  });

  test("encoder", async () => {
    const outputs = await encoder.run({ image: tensor(wave([1, 3, size, size], 0.0137, 1.8)) });
    for (const name of EMBEDDINGS) {
      const came = outputs[name]?.data as Float32Array;
      expect(relativeError(came, (expected.get(name) as Numbers).data), name).toBeLessThanOrEqual(1e-4);
    }
  });

  test.each([...prompts])("decoder: %s", async (prompt) => {
    const wanted = (name: string): Numbers => expected.get(`${prompt}.${name}`) as Numbers;
    const batch = wanted("point_coords").dims[0] as number;
    const outputs = await decoder.run({
      ...Object.fromEntries(EMBEDDINGS.map((name) => [name, tensor(expected.get(name) as Numbers)])),
      point_coords: tensor(wanted("point_coords")),
      point_labels: tensor(wanted("point_labels")),
      mask_input: tensor(wave([batch, 1, size / 4, size / 4], 0.021, 9)),
      has_mask_input: tensor(wanted("has_mask_input")),
    });
    for (const name of ["masks", "iou_predictions", "object_score_logits"]) {
      const error = relativeError(outputs[name]?.data as Float32Array, wanted(name).data, scaleOf(expected, name));
      expect(error, name).toBeLessThanOrEqual(1e-4);
    }
  });
});
