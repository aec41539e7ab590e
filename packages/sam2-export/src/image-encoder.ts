/**
 * The image encoder: trunk, FPN neck, the decoder's `conv_s0` and `conv_s1`, and
 * `no_memory_embedding`.
 *
 * The neck's 1×1 convolutions are followed by the decoder's, with nothing nonlinear in between, and nearest
 * upsampling gives the same result before or after a 1×1 convolution. So each pair is multiplied into one at export.
 * The wide maps at strides 4 and 8, more than half of the cost of the reference's neck, are never computed.
 */
import type { Sam2Config } from "./config.ts";
import { Graph, type GraphOptions, type Value } from "./graph.ts";
import type { Level } from "./trunk/level.ts";
import { buildTrunk } from "./trunk/trunk.ts";
import { type Checkpoint, type Linear, product, reshaped, sum, zeros } from "./weights.ts";

/** Levels of the feature pyramid, counted from stride 4. */
const STRIDE_16 = 2;
const STRIDE_32 = 3;

/** The lateral 1×1 convolution of a level. */
function lateral(checkpoint: Checkpoint, config: Sam2Config, level: number): Linear {
  const name = `vision_encoder.neck.convs.${STRIDE_32 - level}`;
  return pointwise(checkpoint, name, config.trunk.widths[level] as number, config.hiddenSize);
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

/** `map` [1,C,2h,2w] and `above` [1,C,h,w] enlarged by repeating each cell. */
function addEnlarged(graph: Graph, map: Value, above: Value): Value {
  const [, channels, height, width] = above.dims as [number, number, number, number];
  if (graph.options.products !== "half") {
    const scales = graph.floats([1, 1, 2, 2], [4]);
    const attributes = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
    return graph.add(map, graph.node("Resize", [above, null, scales], map.dims, attributes));
  }
  // broadcasting enlarges in the sum: on a GPU, for which half is meant, one kernel less; on a CPU it takes seven times as long
  const cells = graph.reshape(map, [channels, height, 2, width, 2]);
  return graph.reshape(graph.add(cells, graph.reshape(above, [channels, height, 1, width, 1])), map.dims);
}

/** A 1×1 convolution of a map, without bias. */
function convolve(graph: Graph, map: Value, { weight }: Linear): Value {
  return graph.conv(map, graph.matrix(reshaped(weight, [...weight.dims, 1, 1])), null);
}

/**
 * `image` float32 [1,3,S,S], normalized → `image_embed` [1,C,S/16,S/16], `high_res_feats_0`
 * [1,C/8,S/4,S/4], `high_res_feats_1` [1,C/4,S/8,S/8].
 */
export function buildImageEncoder(checkpoint: Checkpoint, config: Sam2Config, options: GraphOptions): Graph {
  const graph = new Graph("sam2_image_encoder", options);
  const { imageSize, hiddenSize, fpnTopDownLevels } = config;
  const image = graph.computed(graph.input("image", [1, 3, imageSize, imageSize]));
  const levels = buildTrunk(graph, checkpoint, config.trunk, image);
  const project = (level: number, layer: Linear): Value => (levels[level] as Level).project(layer);
  const takesTopDown = (level: number): boolean => fpnTopDownLevels.includes(level);
  const convS0 = pointwise(checkpoint, "mask_decoder.conv_s0", hiddenSize, hiddenSize / 8);
  const convS1 = pointwise(checkpoint, "mask_decoder.conv_s1", hiddenSize, hiddenSize / 4);

  // where finer levels do not take it, the embedding that stands for no memory goes into the bias
  const noMemory = checkpoint.get("no_memory_embedding", [1, 1, hiddenSize]);
  const isLast = !takesTopDown(1) && !takesTopDown(0);
  const lateral16 = lateral(checkpoint, config, STRIDE_16);
  const withNoMemory = sum(`${lateral16.bias.name}+no_memory`, lateral16.bias, reshaped(noMemory, [hiddenSize]));
  let coarse = project(STRIDE_16, isLast ? { ...lateral16, bias: withNoMemory } : lateral16);
  if (takesTopDown(STRIDE_16)) {
    coarse = addEnlarged(graph, coarse, project(STRIDE_32, lateral(checkpoint, config, STRIDE_32)));
  }

  const lateral1 = lateral(checkpoint, config, 1);
  let features1 = project(1, compose(convS1, lateral1));
  if (takesTopDown(1)) features1 = addEnlarged(graph, features1, convolve(graph, coarse, convS1));

  let features0 = project(0, compose(convS0, lateral(checkpoint, config, 0)));
  if (takesTopDown(0)) {
    const weightOnly = { weight: convS0.weight, bias: zeros(hiddenSize / 8) };
    let above = project(1, compose(weightOnly, lateral1));
    if (takesTopDown(1)) above = addEnlarged(graph, above, convolve(graph, coarse, convS0));
    features0 = addEnlarged(graph, features0, above);
  }

  const embed = isLast ? coarse : graph.add(coarse, graph.constant(reshaped(noMemory, [1, hiddenSize, 1, 1])));
  graph.output("image_embed", embed);
  graph.output("high_res_feats_0", features0);
  graph.output("high_res_feats_1", features1);
  return graph;
}
