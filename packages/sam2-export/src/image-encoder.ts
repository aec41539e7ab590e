/**
 * The image encoder: backbone, FPN neck, the decoder's `conv_s0` and `conv_s1`, and
 * `no_memory_embedding`.
 *
 * The neck's and the decoder's 1×1 convolutions follow each other without anything nonlinear
 * between, and nearest upsampling commutes with a 1×1 convolution, so they are multiplied at
 * export: the wide maps at strides 4 and 8, which cost more than half of the reference's neck,
 * are never made.
 */
import type { Sam2Config } from "./config.ts";
import { Graph, type GraphOptions, type Value } from "./graph.ts";
import { arrange, buildHiera, type Tokens } from "./hiera.ts";
import { type Checkpoint, type Linear, product, reshaped, sum, zeros } from "./weights.ts";

/** Levels of the feature pyramid, counted from stride 4. */
const STRIDE_16 = 2;
const STRIDE_32 = 3;

/** The lateral 1×1 convolution of a level. */
function lateral(checkpoint: Checkpoint, config: Sam2Config, level: number): Linear {
  const name = `vision_encoder.neck.convs.${STRIDE_32 - level}`;
  const inputs = config.hiera.widths[level] as number;
  return pointwise(checkpoint, name, inputs, config.hiddenSize);
}

/** A 1×1 convolution read as a linear layer. */
function pointwise(checkpoint: Checkpoint, name: string, inputs: number, outputs: number): Linear {
  const weight = checkpoint.get(`${name}.weight`, [outputs, inputs, 1, 1]);
  return { weight: reshaped(weight, [outputs, inputs]), bias: checkpoint.get(`${name}.bias`, [outputs]) };
}

/** `outer` after `inner`, as one layer. */
function compose(outer: Linear, inner: Linear): Linear {
  const name = `${outer.weight.name}·${inner.weight.name}`;
  const [outputs = 0, hidden = 0] = outer.weight.dims;
  const carried = product(`${name}.bias`, outer.weight, reshaped(inner.bias, [hidden, 1]));
  return {
    weight: product(name, outer.weight, inner.weight),
    bias: reshaped(sum(`${name}.bias`, outer.bias, carried), [outputs]),
  };
}

/** A linear layer over tokens, channels first: [1, channels, grid, grid]. */
function toMap(graph: Graph, tokens: Tokens, layer: Linear): Value {
  const { grid, window } = tokens;
  const channels = layer.weight.dims[0] as number;
  const flat = graph.linearChannelsFirst(tokens.value, layer);
  if (window === grid) return graph.reshape(flat, [1, channels, grid, grid]);
  const count = grid / window;
  const windows = graph.reshape(flat, [channels * count, count, window, window]);
  return graph.reshape(graph.transpose(windows, [0, 2, 1, 3]), [1, channels, grid, grid]);
}

function upsample(graph: Graph, map: Value): Value {
  const [one, channels, height, width] = map.dims as [number, number, number, number];
  const scales = graph.floats([1, 1, 2, 2], [4]);
  return graph.node("Resize", [map, null, scales], [one, channels, height * 2, width * 2], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
}

/** A 1×1 convolution of a map, without bias. */
function convolve(graph: Graph, map: Value, { weight }: Linear): Value {
  const [outputs = 0, inputs = 0] = weight.dims;
  const [, , height, width] = map.dims as number[];
  const kernel = graph.matrix(reshaped(weight, [outputs, inputs, 1, 1]));
  return graph.node("Conv", [map, kernel], [1, outputs, height as number, width as number], { kernel_shape: [1, 1] });
}

/**
 * `image` float32 [1,3,S,S], normalised → `image_embed` [1,C,S/16,S/16], `high_res_feats_0`
 * [1,C/8,S/4,S/4], `high_res_feats_1` [1,C/4,S/8,S/8].
 */
export function buildImageEncoder(checkpoint: Checkpoint, config: Sam2Config, options: GraphOptions): Graph {
  const graph = new Graph("sam2_image_encoder", options);
  const { imageSize, hiddenSize, fpnTopDownLevels } = config;
  const image = graph.input("image", [1, 3, imageSize, imageSize]);
  const stages = buildHiera(graph, checkpoint, config, image);
  const stage = (level: number): Tokens => stages[level] as Tokens;
  const takesTopDown = (level: number): boolean => fpnTopDownLevels.includes(level);
  const convS0 = pointwise(checkpoint, "mask_decoder.conv_s0", hiddenSize, hiddenSize / 8);
  const convS1 = pointwise(checkpoint, "mask_decoder.conv_s1", hiddenSize, hiddenSize / 4);

  const raster = arrange(graph, stage(STRIDE_16), stage(STRIDE_16).grid);
  let coarse = toMap(graph, raster, lateral(checkpoint, config, STRIDE_16));
  if (takesTopDown(STRIDE_16)) {
    coarse = graph.add(coarse, upsample(graph, toMap(graph, stage(STRIDE_32), lateral(checkpoint, config, STRIDE_32))));
  }

  const lateral1 = lateral(checkpoint, config, 1);
  let features1 = toMap(graph, stage(1), compose(convS1, lateral1));
  if (takesTopDown(1)) features1 = graph.add(features1, upsample(graph, convolve(graph, coarse, convS1)));

  let features0 = toMap(graph, stage(0), compose(convS0, lateral(checkpoint, config, 0)));
  if (takesTopDown(0)) {
    const weightOnly = { weight: convS0.weight, bias: zeros(hiddenSize / 8) };
    let above = toMap(graph, stage(1), compose(weightOnly, lateral1));
    if (takesTopDown(1)) above = graph.add(above, upsample(graph, convolve(graph, coarse, convS0)));
    features0 = graph.add(features0, upsample(graph, above));
  }

  const noMemory = checkpoint.get("no_memory_embedding", [1, 1, hiddenSize]);
  const embed = graph.add(coarse, graph.constant(reshaped(noMemory, [1, hiddenSize, 1, 1])));
  graph.output("image_embed", embed);
  graph.output("high_res_feats_0", features0);
  graph.output("high_res_feats_1", features1);
  return graph;
}
