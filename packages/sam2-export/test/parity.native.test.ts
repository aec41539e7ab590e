/** Exported graphs against the reference, under the CPU provider and in WASM. */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as native from "onnxruntime-node";
import * as wasm from "onnxruntime-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExportOptions } from "../src/index.ts";
import { exportFolder } from "../src/node.ts";
import { checkpointFolder, readExpected } from "./fixtures.ts";
import { maskIou, type Numbers, PROMPTS, relativeError, scaleOf, wave } from "./tensors.ts";

const CPU = "/proc/cpuinfo";
/**
 * Whether this processor adds pairs of 8-bit products in 16 bits, as x64 does without VNNI: sums over that are cut off, and
 * onnxruntime-node computes with them. The library tries int8 out, and then does not take it.
 */
const SATURATES = process.arch === "x64" && existsSync(CPU) && !/vnni/.test(readFileSync(CPU, "utf8"));

wasm.env.wasm.numThreads = 1;

type Outputs = Record<string, { data: unknown }>;
type Run = (feeds: Record<string, Numbers>) => Promise<Outputs>;

const RUNTIMES = {
  "onnxruntime-node": async (bytes: Uint8Array): Promise<Run> => {
    const session = await native.InferenceSession.create(bytes, { logSeverityLevel: 3 });
    return async (feeds) => session.run(tensors(feeds, native.Tensor)) as Promise<Outputs>;
  },
  "onnxruntime-web": async (bytes: Uint8Array): Promise<Run> => {
    const session = await wasm.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    return async (feeds) => session.run(tensors(feeds, wasm.Tensor)) as Promise<Outputs>;
  },
} as const;

function tensors<T>(
  feeds: Record<string, Numbers>,
  Tensor: new (type: "float32", data: Float32Array, dims: number[]) => T,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { data, dims }]) => [name, new Tensor("float32", data, [...dims])]),
  );
}

const CASES: { fixture: string; expected?: string; size: number; options: Partial<ExportOptions> }[] = [
  { fixture: "toy", size: 128, options: { attention: "decomposed" } },
  { fixture: "toy", size: 128, options: { attention: "fused" } },
  { fixture: "toy", size: 128, options: { dtype: "fp16" } },
  { fixture: "toy", size: 128, options: { dtype: "fp16-compute" } },
  { fixture: "toy", size: 128, options: { dtype: "fp16-compute", attention: "fused" } },
  { fixture: "toy", size: 128, options: { dtype: "int8" } },
  { fixture: "toy", size: 128, options: { dtype: "int8", attention: "fused" } },
  { fixture: "toy", expected: "expected-160", size: 160, options: { imageSize: 160 } },
  { fixture: "toy-sharded", size: 96, options: {} },
  { fixture: "toy-sharded", size: 96, options: { attention: "fused" } },
  { fixture: "toy-video", size: 64, options: {} },
  { fixture: "edgetam/repvit_m1", size: 64, options: {} },
  { fixture: "edgetam/repvit_m1", size: 64, options: { dtype: "fp16" } },
  { fixture: "edgetam/repvit_m1", size: 64, options: { dtype: "fp16-compute" } },
  { fixture: "edgetam/repvit_m1", expected: "expected-96", size: 96, options: { imageSize: 96 } },
  { fixture: "edgetam/tf_efficientnet_lite0", size: 64, options: {} },
  { fixture: "edgetam/tf_efficientnet_lite0", size: 64, options: { dtype: "fp16" } },
  { fixture: "edgetam/tf_efficientnet_lite0", size: 64, options: { dtype: "fp16-compute" } },
  { fixture: "edgetam/tf_efficientnet_lite0", expected: "expected-96", size: 96, options: { imageSize: 96 } },
];

/** The decoder after them is the same as after the others. */
const TRUNKS = [
  ...[0, 1, 2, 3, 4].map((size) => `efficientnet_lite${size}`),
  ...[1, 2, 3, 4].map((size) => `tf_efficientnet_lite${size}`),
];

/** The largest error of an output, as a share of its largest value. */
const LIMITS = {
  fp32: { encoder: 1e-4, decoder: 1e-4 },
  fp16: { encoder: 2e-2, decoder: 2e-2 },
  // a CPU rounds what lies between the operations; inside them it computes in float32
  "fp16-compute": { encoder: 2e-2, decoder: 2e-2 },
  int8: { encoder: 5e-2, decoder: 2e-2 },
};

const OUTPUTS = ["masks", "iou_predictions", "object_score_logits"] as const;
const EMBEDDINGS = ["image_embed", "high_res_feats_0", "high_res_feats_1"] as const;

describe.each(Object.keys(RUNTIMES) as (keyof typeof RUNTIMES)[])("%s", (runtime) => {
  describe.each(CASES)("$fixture $options", ({ fixture, expected: file, size, options }) => {
    let folder: string;
    let expected: Map<string, Numbers>;
    let encode: Run;
    let decode: Run;
    const limit = LIMITS[options.dtype ?? "fp32"];
    const wanted = (name: string): Numbers => expected.get(name) as Numbers;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "sam2-export-"));
      await exportFolder(await checkpointFolder(fixture, folder), join(folder, "model"), options);
      expected = await readExpected(fixture, file);
      const open = async (name: string): Promise<Run> =>
        RUNTIMES[runtime](new Uint8Array(await readFile(join(folder, "model", name))));
      encode = await open("encoder.onnx");
      decode = await open("decoder.onnx");
    });
    afterAll(() => rm(folder, { recursive: true }));

    test.skipIf(options.dtype === "int8" && runtime === "onnxruntime-node" && SATURATES)("encoder", async () => {
      const outputs = await encode({ image: wave([1, 3, size, size], 0.0137, 1.8) });
      for (const name of EMBEDDINGS) {
        expect(relativeError(outputs[name]?.data as Float32Array, wanted(name).data), name).toBeLessThanOrEqual(
          limit.encoder,
        );
      }
    });

    test.each(PROMPTS)("decoder: %s", async (prompt) => {
      const input = (name: string): Numbers => wanted(`${prompt}.${name}`);
      const batch = input("point_coords").dims[0] as number;
      const has = input("has_mask_input");
      const mask = wave([batch, 1, size / 4, size / 4], 0.021, 9);
      const outputs = await decode({
        ...Object.fromEntries(EMBEDDINGS.map((name) => [name, wanted(name)])),
        point_coords: input("point_coords"),
        point_labels: input("point_labels"),
        // where there is no mask the content must not matter
        mask_input: mask,
        has_mask_input: has,
      });
      for (const name of OUTPUTS) {
        const error = relativeError(outputs[name]?.data as Float32Array, input(name).data, scaleOf(expected, name));
        expect(error, name).toBeLessThanOrEqual(limit.decoder);
      }
      const logits = outputs.masks?.data as Float32Array;
      expect(maskIou(logits, input("masks").data)).toBeGreaterThanOrEqual(0.995);
    });
  });

  test.each(TRUNKS)("trunk %s", async (trunk) => {
    const folder = await mkdtemp(join(tmpdir(), "sam2-export-"));
    await exportFolder(await checkpointFolder(`edgetam/${trunk}`, folder), join(folder, "model"));
    const encode = await RUNTIMES[runtime](new Uint8Array(await readFile(join(folder, "model", "encoder.onnx"))));
    await rm(folder, { recursive: true });
    const expected = await readExpected(`edgetam/${trunk}`);
    const outputs = await encode({ image: wave([1, 3, 64, 64], 0.0137, 1.8) });
    for (const name of EMBEDDINGS) {
      const error = relativeError(outputs[name]?.data as Float32Array, (expected.get(name) as Numbers).data);
      expect(error, name).toBeLessThanOrEqual(1e-4);
    }
  });
});
