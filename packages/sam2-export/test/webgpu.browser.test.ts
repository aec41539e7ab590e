/** The exported graphs on WebGPU: every node on the GPU, and the same answers as the reference. */

import mjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import * as ort from "onnxruntime-web/webgpu";
import { beforeAll, describe, expect, test } from "vitest";
import { byteSource, exportToMemory, readSafetensors } from "../src/index.ts";
import { readFloats } from "../src/safetensors.ts";
import { type Numbers, PROMPTS, relativeError, wave } from "./tensors.ts";

ort.env.wasm.wasmPaths = { mjs, wasm };
ort.env.wasm.numThreads = 1;

const FIXTURE = import.meta.glob<string>("../../../models/reference/fixtures/toy/*", {
  query: "?url",
  import: "default",
  eager: true,
});
const SIZE = 128;
const EMBEDDINGS = ["image_embed", "high_res_feats_0", "high_res_feats_1"];

async function fetchBytes(name: string): Promise<Uint8Array> {
  const url = Object.entries(FIXTURE).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return new Uint8Array(await (await fetch(url as string)).arrayBuffer());
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

describe.each(["decomposed", "fused"] as const)("%s attention", (attention) => {
  let expected: Map<string, Numbers>;
  let encoder: ort.InferenceSession;
  let decoder: ort.InferenceSession;

  beforeAll(async () => {
    const entries = [...(await readSafetensors(byteSource(await fetchBytes("expected.safetensors")))).values()];
    expected = new Map(
      await Promise.all(
        entries.map(async (entry) => [entry.name, { dims: entry.shape, data: await readFloats(entry) }] as const),
      ),
    );
    const config = JSON.parse(new TextDecoder().decode(await fetchBytes("config.json")));
    const weights = [byteSource(await fetchBytes("model.safetensors"))];
    const { files } = await exportToMemory({ config, weights }, { id: "toy", attention });
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
    const outputs = await encoder.run({ image: tensor(wave([1, 3, SIZE, SIZE], 0.0137, 1.8)) });
    for (const name of EMBEDDINGS) {
      const came = outputs[name]?.data as Float32Array;
      expect(relativeError(came, (expected.get(name) as Numbers).data), name).toBeLessThanOrEqual(1e-3);
    }
  });

  test.each(PROMPTS)("decoder: %s", async (prompt) => {
    const wanted = (name: string): Numbers => expected.get(`${prompt}.${name}`) as Numbers;
    const batch = wanted("point_coords").dims[0] as number;
    const outputs = await decoder.run({
      ...Object.fromEntries(EMBEDDINGS.map((name) => [name, tensor(expected.get(name) as Numbers)])),
      point_coords: tensor(wanted("point_coords")),
      point_labels: tensor(wanted("point_labels")),
      mask_input: tensor(wave([batch, 1, SIZE / 4, SIZE / 4], 0.021, 9)),
      has_mask_input: tensor(wanted("has_mask_input")),
    });
    for (const name of ["masks", "iou_predictions", "object_score_logits"]) {
      expect(relativeError(outputs[name]?.data as Float32Array, wanted(name).data), name).toBeLessThanOrEqual(1e-3);
    }
  });
});
