/**
 * Our graphs compared with those traced from the reference, with the same weights and inputs, in onnxruntime-node and
 * in onnxruntime-web's WASM; and the encoder's rate compared with one large MatMul.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as native from "onnxruntime-node";
import * as web from "onnxruntime-web";
import { Graph, serialize } from "sam2-export/internals";
import { compare, type Length, type Row, repeatsIn } from "./measure.ts";
import { absent, peered } from "./models.ts";

const THREADS = 2;

type Feeds = Record<string, native.Tensor>;

interface Runner {
  run(): Promise<unknown>;
  /** Frees the session before the next one is measured, since the threads of an idle session keep spinning a while. */
  release(): Promise<void>;
}

const RUNTIMES = {
  node: async (bytes: Uint8Array, feeds: Feeds): Promise<Runner> => {
    const session = await native.InferenceSession.create(bytes, { intraOpNumThreads: THREADS, logSeverityLevel: 3 });
    return { run: () => session.run(feeds), release: () => session.release() };
  },
  wasm: async (bytes: Uint8Array, feeds: Feeds): Promise<Runner> => {
    web.env.wasm.numThreads = THREADS;
    const session = await web.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    return {
      run: () => session.run(feeds as unknown as web.InferenceSession.FeedsType),
      release: () => session.release(),
    };
  },
} as const;

function wave(dims: number[], step = 0.37): native.Tensor {
  const count = dims.reduce((product, size) => product * size, 1);
  return new native.Tensor(
    "float32",
    Float32Array.from({ length: count }, (_, i) => Math.sin(step * i)),
    dims,
  );
}

function floats(values: number[], dims: number[]): native.Tensor {
  return new native.Tensor("float32", Float32Array.from(values), dims);
}

/** Size of a large matrix product, which shows a runtime's highest rate; it takes 2·m·k·n operations. */
const LARGE = { m: 4096, k: 768, n: 3072 };

async function largeMatMul(): Promise<Uint8Array> {
  const graph = new Graph("matmul", { attention: "decomposed", storage: "float", products: "float" });
  const { m, k, n } = LARGE;
  const weight = {
    name: "weight",
    dims: [k, n],
    load: async () => Float32Array.from({ length: k * n }, (_, i) => Math.sin(i)),
  };
  graph.output("y", graph.matmul(graph.input("x", [m, k]), graph.constant(weight)));
  return new Uint8Array(
    await new Response(
      new ReadableStream({
        async start(controller) {
          for await (const piece of serialize(graph)) controller.enqueue(piece);
          controller.close();
        },
      }),
    ).arrayBuffer(),
  );
}

/** Operations of the matrix products in SAM 2.1 tiny's encoder at 1024²: twice its multiply-adds. */
export const TINY_ENCODER_FLOP = 2 * 140.65e9;

/** Runs the comparison; if the peer's files are missing, the rows say so. */
export async function graphs(length: Length): Promise<Row[]> {
  const models = await peered("tiny");
  if (!models) return [absent("graphs")];
  const ours = models.onnx;
  const theirs = join(models.peer, "onnx");
  const maps = { low: wave([1, 256, 64, 64]), high: wave([1, 32, 256, 256]), middle: wave([1, 64, 128, 128]) };
  const image = wave([1, 3, 1024, 1024]);
  const label = new native.Tensor("int64", BigInt64Array.of(1n), [1, 1, 1]);
  const works = [
    {
      work: "encoder, SAM 2.1 tiny, 1024²",
      aim: 0.8,
      repeats: 5,
      ours: ["encoder.onnx", { image }],
      theirs: ["vision_encoder.onnx", { pixel_values: image }],
    },
    {
      work: "decoder, one point",
      aim: 0.7,
      repeats: 15,
      ours: [
        "decoder.onnx",
        {
          image_embed: maps.low,
          high_res_feats_0: maps.high,
          high_res_feats_1: maps.middle,
          point_coords: floats([500, 400], [1, 1, 2]),
          point_labels: floats([1], [1, 1]),
          mask_input: floats(Array(65536).fill(0), [1, 1, 256, 256]),
          has_mask_input: floats([0], [1]),
        },
      ],
      theirs: [
        "prompt_encoder_mask_decoder.onnx",
        {
          input_points: floats([500, 400], [1, 1, 1, 2]),
          input_labels: label,
          "image_embeddings.0": maps.high,
          "image_embeddings.1": maps.middle,
          "image_embeddings.2": maps.low,
        },
      ],
    },
  ] as const;
  const matmul = await largeMatMul();
  const rows: Row[] = [];
  for (const device of ["node", "wasm"] as const) {
    const open = RUNTIMES[device];
    for (const { work, aim, repeats, ours: mine, theirs: peer } of works) {
      const runs = {
        ours: await open(new Uint8Array(await readFile(join(ours, mine[0]))), mine[1] as Feeds),
        theirs: await open(new Uint8Array(await readFile(join(theirs, peer[0]))), peer[1] as Feeds),
      };
      const row = {
        bench: "graphs",
        work,
        device,
        threads: THREADS,
        peer: "torch.onnx.export",
        aim,
        ...(await compare({ ours: runs.ours.run, theirs: runs.theirs.run }, repeatsIn(length, repeats))),
      };
      rows.push(row);
      await runs.ours.release();
      await runs.theirs.release();
      if (work.startsWith("encoder")) {
        const large = await open(matmul, { x: wave([LARGE.m, LARGE.k]) });
        const best = await compare({ ours: large.run }, 7);
        await large.release();
        const limit = (2 * LARGE.m * LARGE.k * LARGE.n) / best.ours_ms;
        const rate = TINY_ENCODER_FLOP / row.ours_ms;
        rows.push({
          bench: "graphs",
          work: `encoder's rate, ${(rate / 1e6).toFixed(0)} GFLOP/s`,
          device,
          threads: THREADS,
          ours_ms: row.ours_ms,
          peer: `one MatMul, ${(limit / 1e6).toFixed(0)} GFLOP/s`,
          ratio: rate / limit,
          aim: 0.75,
          isFloor: true,
        });
      }
    }
  }
  for (const { work } of works) {
    const [native, wasm] = ["node", "wasm"].map((device) =>
      rows.find((row) => row.work === work && row.device === device),
    );
    if (!native?.ours_ms || !wasm?.ours_ms) continue;
    rows.push({
      bench: "graphs",
      work: `${work}: how near to native`,
      device: "wasm",
      threads: THREADS,
      ours_ms: wasm.ours_ms,
      peer: "onnxruntime-node, the same graph",
      theirs_ms: native.ours_ms,
      ratio: wasm.ours_ms / native.ours_ms,
    });
  }
  return rows;
}
