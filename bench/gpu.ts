/** Encoder and decoder on onnxruntime's native WebGPU provider, for machines with a GPU. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { TINY_ENCODER_FLOP } from "./graphs.ts";
import { compare, type Row } from "./measure.ts";
import { absent, tinyModels } from "./models.ts";

/** The card's peak in TFLOP/s, float32, as in its data sheet; set by SAM2_GPU_TFLOPS. */
const PEAK = Number(process.env.SAM2_GPU_TFLOPS ?? Number.NaN);

function filled(...dims: number[]): ort.Tensor {
  const count = dims.reduce((product, size) => product * size, 1);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: count }, (_, i) => Math.sin(0.37 * i)),
    dims,
  );
}

/** The rows of the benchmark, or one that says why it was not run. */
export async function gpu(): Promise<Row[]> {
  const models = await tinyModels();
  if (!models) return [absent("gpu")];
  const open = async (file: string): Promise<ort.InferenceSession> =>
    ort.InferenceSession.create(await readFile(join(models.onnx, file)), {
      executionProviders: ["webgpu"],
      logSeverityLevel: 4,
    });
  const row = { bench: "gpu", device: "webgpu (native)", threads: 0 };
  try {
    const encoder = await open("encoder.onnx");
    const image = filled(1, 3, 1024, 1024);
    const encode = await compare({ ours: () => encoder.run({ image }) }, 15);
    const decoder = await open("decoder.onnx");
    const feeds = {
      image_embed: filled(1, 256, 64, 64),
      high_res_feats_0: filled(1, 32, 256, 256),
      high_res_feats_1: filled(1, 64, 128, 128),
      point_coords: filled(1, 1, 2),
      point_labels: new ort.Tensor("float32", Float32Array.of(1), [1, 1]),
      mask_input: filled(1, 1, 256, 256),
      has_mask_input: new ort.Tensor("float32", Float32Array.of(0), [1]),
    };
    const decode = await compare({ ours: () => decoder.run(feeds) }, 30);
    const rate = TINY_ENCODER_FLOP / encode.ours_ms / 1e9;
    const share = Number.isNaN(PEAK)
      ? "peak not given: SAM2_GPU_TFLOPS"
      : `${((100 * rate) / PEAK).toFixed(1)} % of ${PEAK}`;
    return [
      { ...row, work: "encoder, SAM 2.1 tiny, 1024²", ...encode, note: `${rate.toFixed(2)} TFLOP/s, ${share}` },
      { ...row, work: "decoder, one point", ...decode },
    ];
  } catch (error) {
    const [reason = ""] = (error as Error).message.split("\n");
    return [{ ...row, work: "not run", note: `no GPU that WebGPU can use: ${reason.slice(0, 120)}` }];
  }
}
