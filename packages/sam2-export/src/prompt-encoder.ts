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

/** The matrix of the points' random Fourier features, [2, C/2]. Older files have only the one shared with the image. */
function frequencies(checkpoint: Checkpoint, name: string, config: Sam2Config): Weight {
  const [own, other] =
    name === "points"
      ? [`${PREFIX}.shared_embedding.positional_embedding`, "shared_image_embedding.positional_embedding"]
      : ["shared_image_embedding.positional_embedding", `${PREFIX}.shared_embedding.positional_embedding`];
  return checkpoint.get(checkpoint.has(own) ? own : other, [2, config.hiddenSize / 2]);
}

/** Coefficients of q, highest power first, in sin(2πt) = t (¼ − t²) q(t²) for |t| ≤ ½; the error is under 5e-7. */
const SINE = [
  12.073662757873535, -38.063629150390625, 67.03803253173828, -64.8346176147461, 25.132734298706055,
] as const;

/**
 * sin(2πx), elementwise, from sums and products: WebGPU's own `sin` is only accurate to 5e-4.
 *
 * The coefficients interpolate q at Chebyshev points.
 */
function sineOfTurns(graph: Graph, turns: Value): Value {
  const constant = (value: number): Value => graph.floats([value]);
  const nearest = graph.unary("Floor", graph.add(turns, constant(0.5)));
  const t = graph.binary("Sub", turns, nearest);
  const square = graph.binary("Mul", t, t);
  const [highest, ...others] = SINE;
  let q = graph.binary("Mul", square, constant(highest));
  for (const [index, coefficient] of others.entries()) {
    if (index > 0) q = graph.binary("Mul", q, square);
    q = graph.add(q, constant(coefficient));
  }
  const rest = graph.binary("Sub", constant(0.25), square, square.dims);
  return graph.binary("Mul", graph.binary("Mul", t, rest), q);
}

/**
 * Sparse embeddings: `coords` [B,N,2] in pixels of the model input and `labels` [B,N]
 * → [B,N,C], and the padding point [B,1,C] that the model expects after the points.
 *
 * @param zero [B,1,1] of zeros; adding it gives constants the batch size, which is free
 */
export function embedPoints(
  graph: Graph,
  checkpoint: Checkpoint,
  config: Sam2Config,
  coords: Value,
  labels: Value,
  zero: Value,
): [points: Value, padding: Value] {
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
  const notAPoint = checkpoint.get(`${PREFIX}.not_a_point_embed.weight`, [1, hiddenSize]);
  const table = computed("label_embeddings", [kinds.length, hiddenSize], async () =>
    Float32Array.from([...(await points.load()), ...(await notAPoint.load())]),
  );
  const embedded = graph.add(graph.binary("Mul", encoded, isPoint), graph.matmul(oneHot, graph.constant(table)));

  const padding = graph.add(zero, graph.constant(reshaped(notAPoint, [1, 1, hiddenSize])), ["B", 1, hiddenSize]);
  return [embedded, padding];
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

  // has · (W x + b) + (1 − has) · none = (has · x) W + has · (b − none) + none
  const present = graph.reshape(has, ["B", 1, 1], [-1, 1, 1]);
  const matrix = transposed(reshaped(last, [hiddenSize, wide]));
  const difference = computed("mask_bias-no_mask", [1, 1, hiddenSize], async () => {
    const none = await noMask.load();
    return (await bias.load()).map((value, index) => value - (none[index] as number));
  });
  const shift = graph.add(
    graph.binary("Mul", present, graph.constant(difference), ["B", 1, hiddenSize]),
    graph.constant(reshaped(noMask, [1, 1, hiddenSize])),
  );
  const given = graph.computed(graph.binary("Mul", secondNormed, present));
  return graph.add(graph.matmul(given, graph.matrix(matrix)), shift);
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

/** The tokens that stand before the prompt: IoU, object score, and one for each mask; [1,K,C]. */
export function outputTokens(checkpoint: Checkpoint, config: Sam2Config): Weight {
  const { hiddenSize, multimaskOutputs } = config;
  const embedding = (name: string, count: number): Weight =>
    checkpoint.get(`mask_decoder.${name}.weight`, [count, hiddenSize]);
  const masks = embedding("mask_tokens", multimaskOutputs + 1);
  const single = stacked("score_tokens", [embedding("iou_token", 1), embedding("obj_score_token", 1)]);
  return computed("output_tokens", [1, multimaskOutputs + 3, hiddenSize], async () =>
    Float32Array.from([...(await single.load()), ...(await masks.load())]),
  );
}
