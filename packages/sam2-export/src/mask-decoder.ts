/**
 * The prompt decoder: prompt encoder, two-way transformer, upscaling with the high-resolution
 * features, hypernetworks, predicted IoU and object score.
 *
 * Upscaling works on tokens, channels last. A 2×2 transposed convolution of stride 2 makes four new tokens of each
 * one, which do not overlap: that is one matrix product, and layer normalization needs no transposition. The new
 * tokens stay in this order (four for each old one); only the finished masks are put into rows and columns.
 */
import type { Sam2Config } from "./config.ts";
import { Graph, type GraphOptions, type Value } from "./graph.ts";
import { embedMask, embedPoints, imagePositions, outputTokens } from "./prompt-encoder.ts";
import { buildTransformer, feedForward, feedForwardLayers } from "./transformer.ts";
import { type Checkpoint, computed, type Linear, permuted, reshaped, stacked, transposed, zeros } from "./weights.ts";

const PREFIX = "mask_decoder";

/** The reference's own default for channels-first normalization. */
const UPSCALE_NORM_EPS = 1e-6;

/** A 2×2 transposed convolution of stride 2 over tokens: [B,M,in] → [B,M·4,out], the four new tokens row by row. */
function upscale(graph: Graph, checkpoint: Checkpoint, name: string, x: Value, outputs: number): Value {
  const [, tokens, inputs] = x.dims as [string, number, number];
  const weight = checkpoint.get(`${name}.weight`, [inputs, outputs, 2, 2]);
  const bias = checkpoint.get(`${name}.bias`, [outputs]);
  const matrix = reshaped(permuted(weight, [0, 2, 3, 1]), [inputs, 4 * outputs]);
  const biases = computed(`${name}.biases`, [4 * outputs], async () => {
    const one = await bias.load();
    return Float32Array.from({ length: 4 * outputs }, (_, index) => one[index % outputs] as number);
  });
  const rows = graph.reshape(x, ["BM", inputs], [-1, inputs]);
  const grown = graph.uniform("Gemm", [rows, graph.matrix(matrix), graph.constant(biases)], ["BM", 4 * outputs]);
  return graph.reshape(grown, ["B", tokens * 4, outputs], [-1, tokens * 4, outputs]);
}

/**
 * A map [1,channels,side,side] as tokens [1,side²,channels], in the order in which `upscale` makes them when it is
 * applied once or twice.
 *
 * Channels are moved to the end in a step of their own, so that no transposition has more than six axes (a limit of
 * onnxruntime's WebGPU).
 */
function toChildren(graph: Graph, map: Value, levels: 1 | 2): Value {
  const [, channels, side] = map.dims as [number, number, number, number];
  const splits = [side / 2 ** levels, ...Array<number>(levels).fill(2)];
  const pixels = graph.transpose(graph.reshape(map, [channels, side * side]), [1, 0]);
  const last = splits.at(-1) as number;
  const grouped = graph.reshape(pixels, [...splits, ...splits.slice(0, -1), last * channels]);
  const order = splits.flatMap((_, index) => [index, index + splits.length]);
  return graph.reshape(graph.transpose(grouped, order), [1, side * side, channels]);
}

/** Masks [B,masks,side²] in the order after two upscalings → rows and columns, [B,masks,side,side]. */
function toRows(graph: Graph, masks: Value, side: number): Value {
  const count = masks.dims[1] as number;
  const coarse = side / 4;
  // axes: mask and row, column, then row and column inside the first split, and inside the second
  const split = graph.reshape(masks, ["BM", coarse, 2, 2, 2, 2], [-1, coarse, 2, 2, 2, 2]);
  const joined = graph.transpose(split, [0, 2, 4, 1, 3, 5]);
  return graph.reshape(joined, ["B", count, side, side], [-1, count, side, side]);
}

/** `count` tokens of [B,T,…], from `index` on. */
function pick(graph: Graph, tokens: Value, index: number, count: number): Value {
  return graph.slice(tokens, 1, index, index + count);
}

/**
 * `image_embed`, `high_res_feats_0`, `high_res_feats_1` as the encoder gives them;
 * `point_coords` [B,N,2], `point_labels` [B,N], `mask_input` [B,1,S/4,S/4], `has_mask_input` [B]
 * → `masks` [B,K,S/4,S/4] logits, `iou_predictions` [B,K], `object_score_logits` [B,1].
 */
export function buildMaskDecoder(checkpoint: Checkpoint, config: Sam2Config, options: GraphOptions): Graph {
  const graph = new Graph("sam2_mask_decoder", options);
  const { hiddenSize, imageSize, multimaskOutputs } = config;
  const masks = multimaskOutputs + 1;
  const grid = imageSize / 16;
  const side = imageSize / 4;

  const map = (name: string, channels: number, size: number): Value =>
    graph.computed(graph.input(name, [1, channels, size, size]));
  const imageEmbed = map("image_embed", hiddenSize, grid);
  const features0 = map("high_res_feats_0", hiddenSize / 8, side);
  const features1 = map("high_res_feats_1", hiddenSize / 4, side / 2);
  const coords = graph.input("point_coords", ["B", "N", 2]);
  const labels = graph.input("point_labels", ["B", "N"]);
  const maskInput = graph.input("mask_input", ["B", 1, side, side]);
  const hasMask = graph.input("has_mask_input", ["B"]);

  // a product with zeros gives constants the batch size
  const fixedCount = multimaskOutputs + 4;
  const nothing = graph.constant(reshaped(zeros(fixedCount * hiddenSize), [1, fixedCount * hiddenSize]));
  const constants = graph.constant(reshaped(outputTokens(checkpoint, config), [fixedCount * hiddenSize]));
  const flags = graph.reshape(hasMask, ["B", 1], [-1, 1]);
  const fixed = graph.uniform("Gemm", [flags, nothing, constants], ["B", fixedCount * hiddenSize]);
  const prompt = embedPoints(graph, checkpoint, config, coords, labels);
  const fixedTokens = graph.reshape(fixed, ["B", fixedCount, hiddenSize], [-1, fixedCount, hiddenSize]);
  const tokens = graph.computed(graph.concat([fixedTokens, prompt], 1, "T"));

  const rows = graph.reshape(graph.transpose(imageEmbed, [0, 2, 3, 1]), [1, grid * grid, hiddenSize]);
  const image = graph.add(embedMask(graph, checkpoint, config, maskInput, hasMask), rows);
  const position = graph.constant(imagePositions(checkpoint, config));
  const seen = buildTransformer(graph, checkpoint, config, tokens, image, position, multimaskOutputs + 3);

  const first = upscale(graph, checkpoint, `${PREFIX}.upscale_conv1`, seen.image, hiddenSize / 4);
  const norm = checkpoint.norm(`${PREFIX}.upscale_layer_norm`, hiddenSize / 4);
  const middle = graph.gelu(graph.norm(graph.add(first, toChildren(graph, features1, 1)), norm, UPSCALE_NORM_EPS));
  const second = upscale(graph, checkpoint, `${PREFIX}.upscale_conv2`, middle, hiddenSize / 8);
  const upscaled = graph.gelu(graph.add(second, toChildren(graph, features0, 2)));

  // from here on all is float32: what is left is little, and makes the logits
  const answers = graph.cast(seen.tokens, "float");
  // the layers of the object score's head and of the masks' hypernetworks, which have the same sizes but for the last:
  // all at once, [B,1+K,1,C] by matrices [1+K,C,C]
  const head = (name: string, outputs: number): Linear[] =>
    feedForwardLayers(checkpoint, `${PREFIX}.${name}`, hiddenSize, hiddenSize, outputs, 3);
  const object = head("pred_obj_score_head", 1);
  const hypernetworks = Array.from({ length: masks }, (_, index) =>
    head(`output_hypernetworks_mlps.${index}`, hiddenSize / 8),
  );
  const heads = [object, ...hypernetworks];
  /** A layer of each of these heads, applied to [B,heads,1,in]. */
  const applied = (x: Value, some: readonly Linear[][], layer: number): Value => {
    const parts = some.map((each) => each[layer] as Linear);
    const outputs = parts[0]?.bias.dims[0] as number;
    const name = parts[0]?.weight.name;
    const weights = stacked(
      `heads.${layer}.${name}`,
      parts.map((part) => transposed(part.weight)),
    );
    const biases = stacked(
      `heads.${layer}.${name}.bias`,
      parts.map((part) => part.bias),
    );
    const bias = graph.constant({ ...biases, dims: [parts.length, 1, outputs] });
    return graph.add(graph.matmul(x, graph.matrix(weights)), bias);
  };
  const headTokens = pick(graph, answers, 1, 1 + masks);
  let hidden = graph.reshape(headTokens, ["B", 1 + masks, 1, hiddenSize], [0, 1 + masks, 1, hiddenSize]);
  for (const layer of [0, 1]) hidden = graph.unary("Relu", applied(hidden, heads, layer));
  const score = applied(pick(graph, hidden, 0, 1), [object], 2);
  const hyper = applied(pick(graph, hidden, 1, masks), hypernetworks, 2);
  const kernels = graph.reshape(hyper, ["B", masks, hiddenSize / 8], [0, masks, hiddenSize / 8]);
  const flat = graph.transpose(
    graph.matmul(graph.cast(upscaled, "float"), graph.transpose(kernels, [0, 2, 1])),
    [0, 2, 1],
  );
  graph.output("masks", toRows(graph, flat, side));

  const iouLayers = feedForwardLayers(
    checkpoint,
    `${PREFIX}.iou_prediction_head`,
    hiddenSize,
    config.iouHeadHiddenDim,
    masks,
    config.iouHeadDepth,
  );
  const iouToken = graph.reshape(pick(graph, answers, 0, 1), ["B", hiddenSize], [-1, hiddenSize]);
  graph.output("iou_predictions", graph.unary("Sigmoid", feedForward(graph, iouToken, iouLayers)));

  graph.output("object_score_logits", graph.reshape(score, ["B", 1], [0, 1]));
  return graph;
}
