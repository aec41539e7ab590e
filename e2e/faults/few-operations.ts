/**
 * A model that follows the contract with a handful of operations. Software WebGPU needs seconds to compile those of a
 * real model, each time that a device is opened; for tests of what happens to devices, these do.
 */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CONTRACT_VERSION, IMAGE_MEAN, IMAGE_STD, type ModelFile, type ModelManifest } from "sam2-contract";
import { Graph, serialize, type Weight } from "sam2-export/internals";

const [SIZE, HIDDEN] = [64, 32];

const weight = (name: string, dims: readonly number[]): Weight => ({
  name,
  dims,
  load: async () => Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => 0.1 * Math.sin(0.37 * i)),
});

const graph = (name: string): Graph =>
  new Graph(name, { attention: "decomposed", storage: "float", products: "float" });

/** Each of the three maps is one convolution of the image. */
function encoder(): Graph {
  const made = graph("encoder");
  const image = made.input("image", [1, 3, SIZE, SIZE]);
  for (const [name, channels, stride] of [
    ["image_embed", HIDDEN, 16],
    ["high_res_feats_0", HIDDEN / 8, 4],
    ["high_res_feats_1", HIDDEN / 4, 8],
  ] as const) {
    const kernel = made.constant(weight(`${name}.weight`, [channels, 3, stride, stride]));
    const dims = [1, channels, SIZE / stride, SIZE / stride];
    made.output(name, made.node("Conv", [image, kernel], dims, { strides: [stride, stride] }));
  }
  return made;
}

/** The masks are a map of the image, moved by the mean of the points' coordinates; a score is a mask's mean. */
function decoder(): Graph {
  const made = graph("decoder");
  const side = SIZE / 4;
  made.input("image_embed", [1, HIDDEN, SIZE / 16, SIZE / 16]);
  const map = made.input("high_res_feats_0", [1, HIDDEN / 8, side, side]);
  made.input("high_res_feats_1", [1, HIDDEN / 4, SIZE / 8, SIZE / 8]);
  const coords = made.input("point_coords", ["B", "N", 2]);
  made.input("point_labels", ["B", "N"]);
  made.input("mask_input", ["B", 1, side, side]);
  made.input("has_mask_input", ["B"]);
  const mean = made.node("ReduceMean", [coords, made.integers([1, 2])], ["B"], { keepdims: 0 });
  const share = made.binary("Mul", mean, made.floats([1 / SIZE]));
  const masks = made.add(map, made.reshape(share, ["B", 1, 1, 1], [-1, 1, 1, 1]), ["B", 4, side, side]);
  made.output("masks", masks);
  made.output("iou_predictions", made.node("ReduceMean", [masks, made.integers([2, 3])], ["B", 4], { keepdims: 0 }));
  made.output("object_score_logits", made.reshape(share, ["B", 1], [-1, 1]));
  return made;
}

/** Writes the model's three files into a folder. */
export async function writeFewOperations(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const write = async (name: string, made: Graph): Promise<ModelFile> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of serialize(made)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    await writeFile(join(folder, name), bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { name, bytes: bytes.length, sha256, nodes: made.nodes.length };
  };
  const manifest: ModelManifest = {
    contract: CONTRACT_VERSION,
    id: "few-operations",
    source: "few-operations",
    imageSize: SIZE,
    hiddenSize: HIDDEN,
    maskSize: SIZE / 4,
    maskTokens: 4,
    dynamicMultimask: { enabled: false, stabilityDelta: 0.05, stabilityThreshold: 0.98 },
    mean: IMAGE_MEAN,
    std: IMAGE_STD,
    dtype: "fp32",
    attention: "decomposed",
    parameters: 1,
    files: { encoder: await write("encoder.onnx", encoder()), decoder: await write("decoder.onnx", decoder()) },
  };
  await writeFile(join(folder, "model.json"), JSON.stringify(manifest));
}
