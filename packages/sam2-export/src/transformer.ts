/**
 * The two-way transformer between prompt tokens and image tokens.
 *
 * There are few prompt tokens and thousands of image tokens X. To save work, the image tokens are never projected;
 * the prompt side is multiplied by the weights instead. A head's scores q·(X W_k)ᵀ equal (q W_kᵀ)·Xᵀ, and its output
 * a·(X W_v) equals (a X)·W_v. For one click that halves the decoder's work.
 *
 * Biases: the key bias adds the same to all scores of a query, so it has no effect on the softmax and is left out.
 * The weights a sum to 1, so the value bias is added to the output unchanged; `carriedBias` does that.
 */
import { joinHeads } from "./attention.ts";
import type { Sam2Config } from "./config.ts";
import type { Dim, Graph, Value } from "./graph.ts";
import {
  type Checkpoint,
  type Linear,
  permuted,
  product,
  reshaped,
  scaled,
  sum,
  transposed,
  type Weight,
} from "./weights.ts";

const PREFIX = "mask_decoder.transformer";

/** PyTorch's default, which the reference leaves in place here. */
const LAYER_NORM_EPS = 1e-5;

interface Projections {
  readonly heads: number;
  readonly width: number;
  readonly hidden: number;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
}

function projections(checkpoint: Checkpoint, config: Sam2Config, name: string, downsampleRate: number): Projections {
  const hidden = config.hiddenSize;
  const inner = Math.trunc(hidden / downsampleRate);
  const into = (part: string): Linear => checkpoint.linear(`${PREFIX}.${name}.${part}`, hidden, inner);
  return {
    heads: config.decoderHeads,
    width: inner / config.decoderHeads,
    hidden,
    q: into("q_proj"),
    k: into("k_proj"),
    v: into("v_proj"),
    o: checkpoint.linear(`${PREFIX}.${name}.o_proj`, inner, hidden),
  };
}

/** A linear layer over [B,T,in], or in one operation over [B,in]. */
function dense(graph: Graph, x: Value, layer: Linear): Value {
  if (x.dims.length === 2) return graph.linear(x, layer);
  return graph.add(graph.matmul(x, graph.matrix(transposed(layer.weight))), graph.constant(layer.bias));
}

/** Splits a weight [heads·width, hidden] into heads: [heads, width, hidden]. */
function byHead(weight: Weight, { heads, width, hidden }: Projections): Weight {
  return reshaped(weight, [heads, width, hidden]);
}

/** A linear layer over [B,T,hidden], without its bias, by head: [B,heads,T,width]. One product puts all in their places. */
function projectHeads(graph: Graph, x: Value, weight: Weight, p: Projections): Value {
  const { heads, width, hidden } = p;
  const [batch = 0, tokens = 0] = x.dims;
  const rows = graph.reshape(x, [batch, 1, tokens, hidden], [0, 1, -1, hidden]);
  const matrices = graph.matrix(permuted(byHead(weight, p), [0, 2, 1]));
  return graph.uniform("MatMul", [rows, matrices], [batch, heads, tokens, width]);
}

/** The queries of the tokens, scaled, by head. */
function projectQueries(graph: Graph, x: Value, p: Projections): Value {
  const { weight, bias } = scaledQuery(p);
  return graph.add(projectHeads(graph, x, weight, p), graph.constant(reshaped(bias, [p.heads, 1, p.width])));
}

/** Splits a weight [hidden, heads·width] into heads: [heads, width, hidden]. */
function outputByHead(weight: Weight, p: Projections): Weight {
  return byHead(transposed(weight), p);
}

/** The output bias, with the value bias after the output projection added: W_o b_v + b_o. */
function carriedBias(p: Projections): Weight {
  const carried = product(`${p.o.weight.name}·v_bias`, p.o.weight, reshaped(p.v.bias, [p.heads * p.width, 1]));
  return sum(`${p.o.bias.name}+v`, p.o.bias, carried);
}

function scaledQuery(p: Projections): Linear {
  const factor = p.width ** -0.5;
  return { weight: scaled(p.q.weight, factor), bias: scaled(p.q.bias, factor) };
}

/**
 * Attention among the prompt tokens: `query` and `value` [B,T,C] → [B,T,C]. They are a few hundred at most: float16 is enough
 * for their softmax.
 */
function selfAttention(graph: Graph, p: Projections, query: Value, value: Value): Value {
  const q = projectQueries(graph, query, p);
  const k = projectHeads(graph, query, p.k.weight, p);
  const v = projectHeads(graph, value, p.v.weight, p);
  const scores = graph.unary("Softmax", graph.matmul(q, graph.transpose(k, [0, 1, 3, 2])), { axis: -1 });
  const mixed = joinHeads(graph, graph.matmul(scores, v));
  return dense(graph, mixed, { weight: p.o.weight, bias: carriedBias(p) });
}

/**
 * Prompt tokens attend to image tokens.
 *
 * @param query [B,T,C]
 * @param keys image tokens with position, [B,M,C]
 * @param values image tokens, [B,M,C]
 */
function tokenToImage(graph: Graph, p: Projections, query: Value, keys: Value, values: Value): Value {
  const { heads, hidden } = p;
  const tokens = query.dims[1] as Dim;
  const absorbed = graph.matmul(projectQueries(graph, query, p), graph.matrix(byHead(p.k.weight, p)));
  const flat = graph.reshape(absorbed, ["B", "HT", hidden], [0, -1, hidden]);
  // the small sides are transposed, not the image; the reshape keeps onnxruntime from moving the transposition to where it
  // would take more
  const image = keys.dims[1] as number;
  const byImage = graph.matmul(keys, graph.transpose(flat, [0, 2, 1]));
  const byHeads = graph.transpose(
    graph.reshape(byImage, ["B", image, heads, tokens], [0, image, heads, -1]),
    [0, 2, 3, 1],
  );
  const scores = graph.softmax(graph.reshape(byHeads, ["B", "HT", image], [0, -1, image]));
  // float32, as the softmax is: a mean of thousands loses its small parts in float16
  const gathered = graph.computed(graph.matmul(scores, values));
  const perHead = graph.reshape(gathered, ["B", heads, tokens, hidden], [0, heads, -1, hidden]);
  const valueByHead = permuted(byHead(p.v.weight, p), [0, 2, 1]);
  const mixed = joinHeads(graph, graph.matmul(perHead, graph.matrix(valueByHead)));
  return dense(graph, mixed, { weight: p.o.weight, bias: carriedBias(p) });
}

/**
 * Image tokens attend to prompt tokens.
 *
 * Here the image tokens are the queries. A score is (W_q x + b)·k = x·(W_qᵀ k) + b·k. The term b·k differs between
 * prompt tokens, so it changes the softmax and is added to the scores.
 *
 * @param query image tokens with position, [B,M,C]
 * @param keys prompt tokens with position, [B,T,C]
 * @param values prompt tokens, [B,T,C]
 * @returns [B,M,C]
 */
function imageToToken(graph: Graph, p: Projections, query: Value, keys: Value, values: Value): Value {
  const { heads, width, hidden } = p;
  const image = query.dims[1] as number;
  const k = projectHeads(graph, keys, p.k.weight, p);
  const q = scaledQuery(p);
  const absorbed = graph.matmul(k, graph.matrix(byHead(q.weight, p)));
  const flat = graph.reshape(absorbed, ["B", "HT", hidden], [0, -1, hidden]);
  const offset = graph.matmul(k, graph.constant(reshaped(q.bias, [heads, width, 1])));
  const offsets = graph.reshape(offset, ["B", 1, "HT"], [0, 1, -1]);
  const scores = graph.add(graph.matmul(query, graph.transpose(flat, [0, 2, 1])), offsets);
  const perHead = graph.reshape(scores, ["B", image, heads, "T"], [0, image, heads, -1]);
  const weights = graph.reshape(softmaxOfFew(graph, perHead), ["B", image, "HT"], [0, image, -1]);

  const v = projectHeads(graph, values, p.v.weight, p);
  // each head's weights sum to 1: with its share of the bias in the table, the image need not be gone through once more
  const share = graph.constant(scaled(carriedBias(p), 1 / heads));
  const projected = graph.add(graph.matmul(v, graph.matrix(outputByHead(p.o.weight, p))), share);
  const table = graph.reshape(projected, ["B", "HT", hidden], [0, -1, hidden]);
  return graph.matmul(weights, table);
}

/**
 * Softmax over the last axis where that is short. onnxruntime's own takes a workgroup of 64 for each row on WebGPU, nearly
 * all of which wait. Sums of a few hundred are right in float16, too.
 */
function softmaxOfFew(graph: Graph, x: Value): Value {
  const dims = [...x.dims.slice(0, -1), 1];
  const over = (type: string, value: Value): Value => graph.node(type, [value, graph.integers([-1])], dims);
  const powers = graph.unary("Exp", graph.binary("Sub", x, over("ReduceMax", x)));
  return graph.binary("Div", powers, over("ReduceSum", powers));
}

/** A stack of linear layers with relu between: `proj_in`, `layers.0` …, `proj_out`. */
export function feedForward(graph: Graph, x: Value, layers: readonly Linear[]): Value {
  return layers.reduce((value, layer, index) => {
    const result = dense(graph, value, layer);
    return index === layers.length - 1 ? result : graph.unary("Relu", result);
  }, x);
}

/** The layers of a `Sam2FeedForward` of `depth` layers. */
export function feedForwardLayers(
  checkpoint: Checkpoint,
  name: string,
  inputs: number,
  hidden: number,
  outputs: number,
  depth: number,
): Linear[] {
  const inner = Array.from({ length: depth - 2 }, (_, index) =>
    checkpoint.linear(`${name}.layers.${index}`, hidden, hidden),
  );
  return [
    checkpoint.linear(`${name}.proj_in`, inputs, hidden),
    ...inner,
    checkpoint.linear(`${name}.proj_out`, hidden, outputs),
  ];
}

/**
 * Runs the transformer.
 *
 * @param tokens [B,T,C]
 * @param image image tokens with the dense prompt added, [B,M,C]
 * @param position positional encoding of the image tokens, [1,M,C]
 * @param answered how many of the tokens, from the first on, are asked for after the last layer
 * @returns these tokens, and the image tokens, after the last layer
 */
export function buildTransformer(
  graph: Graph,
  checkpoint: Checkpoint,
  config: Sam2Config,
  tokens: Value,
  image: Value,
  position: Value,
  answered: number,
): { tokens: Value; image: Value } {
  const { hiddenSize, decoderLayers, decoderMlpDim, attentionDownsampleRate } = config;
  const norm = (x: Value, name: string, more?: Value): Value =>
    graph.norm(x, checkpoint.norm(`${PREFIX}.${name}`, hiddenSize), LAYER_NORM_EPS, more);
  const across = (name: string): Projections => projections(checkpoint, config, name, attentionDownsampleRate);

  let queries = tokens;
  let placedQueries = tokens;
  let keys = image;
  let placed = graph.add(keys, position);
  for (let index = 0; index < decoderLayers; index++) {
    const name = `layers.${index}`;
    const self = projections(checkpoint, config, `${name}.self_attn`, 1);
    if (index === 0) {
      queries = norm(selfAttention(graph, self, queries, queries), `${name}.layer_norm1`);
    } else {
      queries = norm(queries, `${name}.layer_norm1`, selfAttention(graph, self, placedQueries, queries));
    }

    const attended = tokenToImage(
      graph,
      across(`${name}.cross_attn_token_to_image`),
      graph.add(queries, tokens),
      placed,
      keys,
    );
    queries = norm(queries, `${name}.layer_norm2`, attended);

    const mlp = feedForwardLayers(
      checkpoint,
      `${PREFIX}.${name}.mlp`,
      hiddenSize,
      decoderMlpDim,
      hiddenSize,
      decoderLayers,
    );
    queries = norm(queries, `${name}.layer_norm3`, feedForward(graph, queries, mlp));
    placedQueries = graph.add(queries, tokens);

    const back = imageToToken(graph, across(`${name}.cross_attn_image_to_token`), placed, placedQueries, queries);
    keys = norm(keys, `${name}.layer_norm4`, back);
    placed = graph.add(keys, position);
  }
  // nobody asks for what becomes of the prompt's own tokens
  const [last, asked] = [queries, placedQueries].map((each) => graph.slice(each, 1, 0, answered)) as [Value, Value];
  const final = tokenToImage(graph, across("final_attn_token_to_image"), asked, placed, keys);
  return { tokens: norm(last, "layer_norm_final_attn", final), image: keys };
}
