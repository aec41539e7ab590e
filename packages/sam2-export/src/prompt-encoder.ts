/**
 * The prompt encoder: points, box corners (labels 2 and 3), the padding point, and the mask.
 *
 * Labels become weights by abs and relu on floats: onnxruntime would run comparisons, casts and integer arithmetic
 * on the CPU.
 */
import type { Sam2Config } from "./config.ts";
import type { Graph, Value } from "./graph.ts";
import { type Checkpoint, computed, permuted, reshaped, stacked, transposed, type Weight } from "./weights.ts";

const PREFIX = "prompt_encoder";
const NOT_A_POINT = `${PREFIX}.not_a_point_embed.weight`;

/** The matrix of the points' random Fourier features, [2, C/2]. Older files have only the one shared with the image. */
function frequencies(checkpoint: Checkpoint, name: string, config: Sam2Config): Weight {
  const [own, other] =
    name === "points"
      ? [`${PREFIX}.shared_embedding.positional_embedding`, "shared_image_embedding.positional_embedding"]
      : ["shared_image_embedding.positional_embedding", `${PREFIX}.shared_embedding.positional_embedding`];
  return checkpoint.get(checkpoint.has(own) ? own : other, [2, config.hiddenSize / 2]);
}

/**
 * sin(2πt) = c t (u² + p₀ u + q₀) (u² + p₁ u + q₁) (u² + p₂ u + q₂), where u = t² and |t| ≤ ½; the error is under 4e-7 in
 * float32. It is the polynomial of degree 13 that meets sin(2πt) / (t (¼ − t²)) at six Chebyshev points, by its roots.
 */
const SINE = {
  c: 3.1612498261866744,
  p: [-1.0404399911146114, -2.44305715189594, -1.210771517784144],
  q: [4.414040163518637, 1.8746691801051527, 0.24019287944603593],
} as const;

/**
 * sin(2πx), elementwise, from sums and products: WebGPU's own `sin` is only accurate to 5e-4.
 *
 * The three factors are computed side by side, since on a GPU the number of operations counts, not their size.
 */
function sineOfTurns(graph: Graph, turns: Value): Value {
  const constant = (value: number): Value => graph.floats([value]);
  const nearest = graph.unary("Floor", graph.add(turns, constant(0.5)));
  const t = graph.binary("Sub", turns, nearest);
  const u = graph.binary("Mul", t, t);
  const side = (values: readonly number[]): Value => graph.floats(values, [values.length, ...u.dims.map(() => 1)]);
  const linear = graph.add(u, side(SINE.p), [SINE.p.length, ...u.dims]);
  const factors = graph.add(graph.binary("Mul", linear, u), side(SINE.q));
  const product = graph.node("ReduceProd", [factors, graph.integers([0])], u.dims, { keepdims: 0 });
  return graph.binary("Mul", graph.binary("Mul", t, constant(SINE.c)), product);
}

/** Sparse embeddings: `coords` [B,N,2] in pixels of the model input and `labels` [B,N] → [B,N,C]. */
export function embedPoints(
  graph: Graph,
  checkpoint: Checkpoint,
  config: Sam2Config,
  coords: Value,
  labels: Value,
): Value {
  const { hiddenSize, imageSize } = config;
  const half = hiddenSize / 2;
  const gaussian = frequencies(checkpoint, "points", config);
  // a place is a pixel's center, and [0, S] → [−1, 1]: 2 (p + 0.5) / S − 1, multiplied by the frequencies; the sine of
  // every feature, then the cosine, which is the sine of a quarter turn more
  const perPixel = computed(`${gaussian.name}/pixel`, [2, hiddenSize], async () => {
    const turns = (await gaussian.load()).map((value) => (2 * value) / imageSize);
    const [x, y] = [turns.subarray(0, half), turns.subarray(half)];
    return Float32Array.from([...x, ...x, ...y, ...y]);
  });
  const atOrigin = computed(`${gaussian.name}@0`, [hiddenSize], async () => {
    const values = await gaussian.load();
    return Float32Array.from({ length: hiddenSize }, (_, feature) => {
      const f = feature % half;
      const sum = (values[f] as number) + (values[half + f] as number);
      return (1 / imageSize - 1) * sum + (feature < half ? 0 : 0.25);
    });
  });
  const turns = graph.add(graph.matmul(coords, graph.constant(perPixel)), graph.constant(atOrigin));
  const encoded = sineOfTurns(graph, turns);

  const kinds = [0, 1, 2, 3, -1];
  const label = graph.reshape(labels, ["B", "N", 1], [0, 0, 1]);
  const distance = graph.unary("Abs", graph.binary("Sub", label, graph.floats(kinds), ["B", "N", kinds.length]));
  const oneHot = graph.unary("Relu", graph.binary("Sub", graph.floats([1]), distance, distance.dims));
  const isPoint = graph.matmul(oneHot, graph.floats([1, 1, 1, 1, 0], [kinds.length, 1]));
  const points = checkpoint.get(`${PREFIX}.point_embed.weight`, [4, hiddenSize]);
  const notAPoint = checkpoint.get(NOT_A_POINT, [1, hiddenSize]);
  const table = computed("label_embeddings", [kinds.length, hiddenSize], async () =>
    Float32Array.from([...(await points.load()), ...(await notAPoint.load())]),
  );
  return graph.add(graph.binary("Mul", encoded, isPoint), graph.matmul(oneHot, graph.constant(table)));
}

/**
 * Dense embedding of `mask` [B,1,S/4,S/4] as tokens: [B,(S/16)²,C], to be added to the image's;
 * `no_mask_embed` where `has` [B] is 0.
 */
export function embedMask(graph: Graph, checkpoint: Checkpoint, config: Sam2Config, mask: Value, has: Value): Value {
  const { hiddenSize, imageSize, maskInputChannels: wide, promptLayerNormEps: epsilon } = config;
  const narrow = Math.trunc(wide / 4);
  const prefix = `${PREFIX}.mask_embed`;
  const half = imageSize / 8;
  const quarter = imageSize / 16;

  /** A 2×2 convolution of stride 2, as a product of patches [tokens, 4·inputs] and a matrix. */
  const shrink = (tokens: Value, side: number, inputs: number, outputs: number, name: string): Value => {
    const weight = checkpoint.get(`${name}.weight`, [outputs, inputs, 2, 2]);
    const matrix = reshaped(permuted(weight, [2, 3, 1, 0]), [4 * inputs, outputs]);
    const grouped = graph.reshape(tokens, ["B", side, 2, side, 2 * inputs], [0, side, 2, side, 2 * inputs]);
    const patches = graph.reshape(
      graph.transpose(grouped, [0, 1, 3, 2, 4]),
      ["B", side * side, 4 * inputs],
      [0, side * side, 4 * inputs],
    );
    return graph.add(
      graph.matmul(patches, graph.matrix(matrix)),
      graph.constant(checkpoint.get(`${name}.bias`, [outputs])),
    );
  };
  const first = shrink(mask, half, 1, narrow, `${prefix}.conv1`);
  const firstNormed = graph.gelu(graph.norm(first, checkpoint.norm(`${prefix}.layer_norm1`, narrow), epsilon));
  const second = shrink(firstNormed, quarter, narrow, wide, `${prefix}.conv2`);
  const secondNormed = graph.gelu(graph.norm(second, checkpoint.norm(`${prefix}.layer_norm2`, wide), epsilon));
  const last = checkpoint.get(`${prefix}.conv3.weight`, [hiddenSize, wide, 1, 1]);
  const bias = checkpoint.get(`${prefix}.conv3.bias`, [hiddenSize]);
  const noMask = checkpoint.get(`${PREFIX}.no_mask_embed.weight`, [1, hiddenSize]);

  // has · (W x + b) + (1 − has) · none = has · [x, 1, −1] [W, b, none] + [0, 0, 1] [W, b, none]: one product for all, since
  // adding to the many image tokens takes as long. Two columns of zeros make their number a multiple of four, as vectors are.
  const present = graph.reshape(has, ["B", 1, 1], [-1, 1, 1]);
  const count = quarter * quarter;
  const repeated = (...values: number[]): Value =>
    graph.constant(
      computed(`mask_switch[${values}]`, [1, count, values.length], async () =>
        Float32Array.from({ length: values.length * count }, (_, index) => values[index % values.length] as number),
      ),
    );
  const switches = graph.add(
    graph.binary("Mul", present, repeated(1, -1, 0, 0), ["B", count, 4]),
    repeated(0, 1, 0, 0),
  );
  const given = graph.concat([graph.binary("Mul", secondNormed, present), switches], 2);
  const matrix = computed("mask_conv3_and_no_mask", [wide + 4, hiddenSize], async () => {
    const weights = await transposed(reshaped(last, [hiddenSize, wide])).load();
    const unused = new Float32Array(2 * hiddenSize);
    return Float32Array.from([...weights, ...(await bias.load()), ...(await noMask.load()), ...unused]);
  });
  return graph.matmul(graph.computed(given), graph.constant(matrix));
}

/** The positional encoding of the image tokens, [1,(S/16)²,C], computed at export. */
export function imagePositions(checkpoint: Checkpoint, config: Sam2Config): Weight {
  const { hiddenSize, imageSize } = config;
  const grid = imageSize / 16;
  const features = hiddenSize / 2;
  const gaussian = frequencies(checkpoint, "image", config);
  return computed("image_positions", [1, grid * grid, hiddenSize], async () => {
    const frequency = await gaussian.load();
    const result = new Float32Array(grid * grid * hiddenSize);
    for (let token = 0; token < grid * grid; token++) {
      const x = (2 * ((token % grid) + 0.5)) / grid - 1;
      const y = (2 * (Math.floor(token / grid) + 0.5)) / grid - 1;
      for (let f = 0; f < features; f++) {
        const angle = 2 * Math.PI * (x * (frequency[f] as number) + y * (frequency[features + f] as number));
        result[token * hiddenSize + f] = Math.sin(angle);
        result[token * hiddenSize + features + f] = Math.cos(angle);
      }
    }
    return result;
  });
}

/**
 * The tokens that stand before the prompt's points: IoU, object score, one for each mask, and the padding point, which the
 * reference puts after the points; attention has no order. [K+3,C], where K is the number of masks.
 */
export function outputTokens(checkpoint: Checkpoint, config: Sam2Config): Weight {
  const { hiddenSize, multimaskOutputs } = config;
  const embedding = (name: string, count: number): Weight =>
    checkpoint.get(`mask_decoder.${name}.weight`, [count, hiddenSize]);
  const masks = embedding("mask_tokens", multimaskOutputs + 1);
  const single = stacked("score_tokens", [embedding("iou_token", 1), embedding("obj_score_token", 1)]);
  const padding = checkpoint.get(NOT_A_POINT, [1, hiddenSize]);
  return computed("output_tokens", [multimaskOutputs + 4, hiddenSize], async () =>
    Float32Array.from([...(await single.load()), ...(await masks.load()), ...(await padding.load())]),
  );
}
