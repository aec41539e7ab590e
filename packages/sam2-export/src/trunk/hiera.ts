/**
 * The Hiera backbone (Ryali et al. 2023, https://arxiv.org/abs/2306.00989) as SAM 2 uses it.
 *
 * Tokens are rows of a matrix [tokens, channels]. Only window attention looks at more than one row, so rows may be in
 * any order. They stay grouped by windows from block to block, and are reordered only where the window size changes.
 * Pooling 8×8 windows by two gives the 4×4 windows of the next stage without reordering.
 *
 * Where windows do not divide the grid, the reference pads the grid with zeros before computing q, k and v, so a
 * padded key equals the key bias and a padded value the value bias. Here both biases are removed first: a key bias
 * adds the same to every score of a query and has no effect on the softmax; a value bias is added to the output
 * unchanged, since the attention's weights sum to one, and so moves into the output's bias. Then padding is zeros, and
 * can be added after q, k and v, where it costs no matrix product.
 */

import { Sam2Error } from "sam2-contract";
import { attention } from "../attention.ts";
import { type Graph, MAX_TENSOR_BYTES, type Value } from "../graph.ts";
import {
  type Checkpoint,
  type Linear,
  permuted,
  product,
  reshaped,
  rows,
  scaled,
  sum,
  type Weight,
  zeros,
} from "../weights.ts";
import { type HieraConfig, hiddenWidth } from "./hiera-config.ts";
import type { Level } from "./level.ts";

/** The tokens of a stage: a square grid, grouped by windows. If `window` equals `grid`, they are in raster order. */
interface Tokens {
  /** [grid², channels] */
  readonly value: Value;
  readonly grid: number;
  readonly window: number;
}

function channelsOf(tokens: Tokens): number {
  return tokens.value.dims[1] as number;
}

/** Regroups the rows by windows of another size, which must divide the grid. */
function arrange(graph: Graph, tokens: Tokens, window: number): Tokens {
  if (window === tokens.window) return tokens;
  const channels = channelsOf(tokens);
  const { grid } = tokens;
  let value = tokens.value;
  if (tokens.window !== grid) {
    const count = grid / tokens.window;
    value = graph.reshape(value, [count, count, tokens.window, tokens.window * channels]);
    value = graph.reshape(graph.transpose(value, [0, 2, 1, 3]), [grid * grid, channels]);
  }
  if (window !== grid) {
    const count = grid / window;
    value = graph.reshape(value, [count, window, count, window * channels]);
    value = graph.reshape(graph.transpose(value, [0, 2, 1, 3]), [grid * grid, channels]);
  }
  return { value, grid, window };
}

/** 2×2 max pooling inside each window. */
function maxPool(graph: Graph, tokens: Tokens): Tokens {
  const channels = channelsOf(tokens);
  const { grid, window } = tokens;
  const half = window / 2;
  const groups = (grid / window) ** 2 * half;
  const pool = (value: Value, axis: number): Value => {
    const dims = value.dims.filter((_, index) => index !== axis);
    return graph.node("ReduceMax", [value, graph.integers([axis])], dims, { keepdims: 0 });
  };
  const byRows = pool(graph.reshape(tokens.value, [groups, 2, window * channels]), 1);
  const pooled = pool(graph.reshape(byRows, [groups * half, 2, channels]), 1);
  return { value: pooled, grid: grid / 2, window: half };
}

/** Tokens → [windows, window², channels], padded with zeros where `window` does not divide the (raster) grid. */
function toWindows(graph: Graph, tokens: Tokens, window: number): Value {
  const channels = channelsOf(tokens);
  const { grid } = tokens;
  if (window === tokens.window) {
    return graph.reshape(tokens.value, [(grid / window) ** 2, window * window, channels]);
  }
  const count = Math.ceil(grid / window);
  const padding = count * window - grid;
  const padded = graph.padEnd(graph.reshape(tokens.value, [grid, grid, channels]), [padding, padding, 0]);
  const windows = graph.transpose(graph.reshape(padded, [count, window, count, window * channels]), [0, 2, 1, 3]);
  return graph.reshape(windows, [count * count, window * window, channels]);
}

/** The inverse of `toWindows`: tokens in the order of `like`, without the padding. */
function fromWindows(graph: Graph, value: Value, like: Tokens, window: number): Tokens {
  const channels = value.dims[2] as number;
  const { grid } = like;
  if (window === like.window) return { ...like, value: graph.reshape(value, [grid * grid, channels]) };
  const count = Math.ceil(grid / window);
  const windows = graph.reshape(value, [count, count, window, window * channels]);
  let map = graph.reshape(graph.transpose(windows, [0, 2, 1, 3]), [count * window, count * window, channels]);
  map = graph.slice(graph.slice(map, 0, 0, grid), 1, 0, grid);
  return { ...like, value: graph.reshape(map, [grid * grid, channels]) };
}

/** Applies `task` to some rows at a time, so that no tensor [rows, `columns`] exceeds a GPU buffer binding. */
function byRows(graph: Graph, x: Value, columns: number, task: (some: Value) => Value): Value {
  const count = x.dims[0] as number;
  const parts = Math.ceil((4 * count * columns) / MAX_TENSOR_BYTES);
  if (parts === 1) return task(x);
  const step = Math.ceil(count / parts);
  const starts = Array.from({ length: parts }, (_, index) => index * step);
  return graph.concat(
    starts.map((start) => task(graph.slice(x, 0, start, Math.min(start + step, count)))),
    0,
  );
}

interface Block {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly heads: number;
  /** Side of the attention windows on the incoming grid; 0 for the whole image. */
  readonly window: number;
  readonly pools: boolean;
}

/** The blocks of all stages in order, as the reference numbers them. */
function blocksOf(hiera: HieraConfig, prefix: string): { block: Block; endsStage: boolean }[] {
  const stageOf = hiera.blocksPerStage.flatMap((count, stage) => Array<number>(count).fill(stage));
  return stageOf.map((stage, index) => {
    const first = stage > 0 && stageOf[index - 1] !== stage;
    const before = first ? stage - 1 : stage;
    const block: Block = {
      name: `${prefix}.blocks.${index}`,
      inputs: hiera.widths[before] as number,
      outputs: hiera.widths[stage] as number,
      heads: hiera.heads[stage] as number,
      window: hiera.globalBlocks.includes(index) ? 0 : (hiera.windows[before] as number),
      pools: first,
    };
    return { block, endsStage: stageOf[index + 1] !== stage };
  });
}

/** The window size to group tokens by for a block: the block's own if it divides the grid, else raster order. */
function arrangementFor(block: Block, tokens: Tokens): number {
  if (block.window === 0) return block.pools && tokens.window % 2 !== 0 ? tokens.grid : tokens.window;
  return tokens.grid % block.window === 0 ? block.window : tokens.grid;
}

function attentionBlock(
  graph: Graph,
  checkpoint: Checkpoint,
  hiera: HieraConfig,
  block: Block,
  incoming: Tokens,
): Tokens {
  const { name, inputs, outputs, heads } = block;
  const tokens = arrange(graph, incoming, arrangementFor(block, incoming));
  const normed = graph.norm(tokens.value, checkpoint.norm(`${name}.layer_norm1`, inputs), hiera.layerNormEps);

  const qkv = checkpoint.linear(`${name}.attn.qkv`, inputs, 3 * outputs);
  const part = (index: number): Weight => rows(qkv.weight, index * outputs, (index + 1) * outputs);
  const bias = (index: number): Weight => rows(qkv.bias, index * outputs, (index + 1) * outputs);
  const none = zeros(outputs);
  const scale = (outputs / heads) ** -0.5;
  const q = graph.linear(normed, { weight: scaled(part(0), scale), bias: scaled(bias(0), scale) });
  const k = graph.linear(normed, { weight: part(1), bias: none });
  const v = graph.linear(normed, { weight: part(2), bias: none });
  const queries = block.pools ? maxPool(graph, { ...tokens, value: q }) : { ...tokens, value: q };

  const proj = checkpoint.linear(`${name}.attn.proj`, outputs, outputs);
  const carried = product(`${name}.attn.v_bias`, proj.weight, reshaped(bias(2), [outputs, 1]));
  const output = { weight: proj.weight, bias: sum(`${name}.attn.proj.bias+v`, proj.bias, carried) };

  // attention over the whole image works in any order of the tokens
  const whole = block.window === 0;
  const windows = (from: Tokens, window: number): Value =>
    whole ? graph.reshape(from.value, [1, from.grid ** 2, outputs]) : toWindows(graph, from, window);
  const pooledWindow = block.pools ? block.window / 2 : block.window;
  const result = attention(
    graph,
    windows(queries, pooledWindow),
    windows({ ...tokens, value: k }, block.window),
    windows({ ...tokens, value: v }, block.window),
    heads,
  );
  const attended = whole
    ? { ...queries, value: graph.reshape(result, [queries.grid ** 2, outputs]) }
    : fromWindows(graph, result, queries, pooledWindow);

  let residual = tokens.value;
  if (inputs !== outputs) {
    const projected = graph.linear(normed, checkpoint.linear(`${name}.proj`, inputs, outputs));
    residual = block.pools ? maxPool(graph, { ...tokens, value: projected }).value : projected;
  }
  const summed = graph.add(residual, graph.linear(attended.value, output));

  const hidden = hiddenWidth(hiera, outputs);
  const second = graph.norm(summed, checkpoint.norm(`${name}.layer_norm2`, outputs), hiera.layerNormEps);
  const [into, back] = [
    checkpoint.linear(`${name}.mlp.proj_in`, outputs, hidden),
    checkpoint.linear(`${name}.mlp.proj_out`, hidden, outputs),
  ];
  const mlp = byRows(graph, second, hidden, (some) => graph.linear(graph.gelu(graph.linear(some, into)), back));
  return { ...attended, value: graph.add(summed, mlp) };
}

/**
 * The position embedding for a grid, in the arrangement of the first stage: [windows, windows, window, window, channels].
 *
 * It is one pattern stretched over the image, plus another repeated in every window. All of it is constant: the runtime
 * computes it once, when it opens the file, which is 25 MB smaller for it at 1024 pixels.
 */
function positionEmbedding(
  graph: Graph,
  checkpoint: Checkpoint,
  hiera: HieraConfig,
  prefix: string,
  grid: number,
): Value {
  const channels = hiera.widths[0] as number;
  const window = hiera.windows[0] as number;
  const count = grid / window;
  const [height, width] = hiera.backgroundSize;
  const background = graph.constant(checkpoint.get(`${prefix}.pos_embed`, [1, channels, height, width]));
  const local = checkpoint.get(`${prefix}.pos_embed_window`, [1, channels, window, window]);
  const size = graph.integers([1, channels, grid, grid]);
  // as PyTorch's interpolate(mode="bicubic", align_corners=False)
  const stretched = graph.node("Resize", [background, null, null, size], [1, channels, grid, grid], {
    mode: "cubic",
    cubic_coeff_a: { float: -0.75 },
    coordinate_transformation_mode: "half_pixel",
  });
  const windows = graph.reshape(stretched, [channels, count, window, count, window]);
  const tile = permuted(reshaped(local, [channels, window, window]), [1, 2, 0]);
  return graph.add(graph.transpose(windows, [1, 3, 2, 4, 0]), graph.constant(tile));
}

/** Patches of the image as tokens, grouped by the windows of the first stage. */
function patchEmbedding(
  graph: Graph,
  checkpoint: Checkpoint,
  hiera: HieraConfig,
  image: Value,
  prefix: string,
): Tokens {
  const { patchKernel: kernel, patchStride: stride, patchPadding: padding } = hiera;
  const channels = hiera.widths[0] as number;
  const window = hiera.windows[0] as number;
  const grid = (image.dims[2] as number) / stride;
  const name = `${prefix}.patch_embed.projection`;
  const weight = graph.matrix(checkpoint.get(`${name}.weight`, [channels, 3, kernel, kernel]));
  const bias = graph.constant(checkpoint.get(`${name}.bias`, [channels]));
  const patches = graph.conv(image, weight, bias, { stride, padding: [padding, padding] });
  if (patches.dims[2] !== grid) {
    throw new Sam2Error(
      "InvalidConfigError",
      `patch embedding: expected a grid of ${grid}, kernel ${kernel} with padding ${padding} gives ${patches.dims[2]}`,
    );
  }
  const count = grid / window;
  const windows = graph.transpose(graph.reshape(patches, [channels, count, window, count, window]), [1, 3, 2, 4, 0]);
  const positioned = graph.add(windows, positionEmbedding(graph, checkpoint, hiera, prefix, grid));
  return { value: graph.reshape(positioned, [grid * grid, channels]), grid, window };
}

/** Tokens as a level of the pyramid. They are put into raster order after the projection, which makes them fewer. */
function tokenLevel(graph: Graph, { value, grid, window }: Tokens): Level {
  const project = (layer: Linear): Value => {
    const channels = layer.weight.dims[0] as number;
    const flat = graph.linearChannelsFirst(value, layer);
    if (window === grid) return graph.reshape(flat, [1, channels, grid, grid]);
    const count = grid / window;
    const windows = graph.reshape(flat, [channels * count, count, window, window]);
    return graph.reshape(graph.transpose(windows, [0, 2, 1, 3]), [1, channels, grid, grid]);
  };
  return { project };
}

/** Builds the trunk over `image` [1,3,S,S]; its tensors are named from `prefix`. */
export function buildHiera(
  graph: Graph,
  checkpoint: Checkpoint,
  hiera: HieraConfig,
  image: Value,
  prefix: string,
): Level[] {
  const levels: Level[] = [];
  let tokens = patchEmbedding(graph, checkpoint, hiera, image, prefix);
  for (const { block, endsStage } of blocksOf(hiera, prefix)) {
    tokens = attentionBlock(graph, checkpoint, hiera, block, tokens);
    if (endsStage) levels.push(tokenLevel(graph, tokens));
  }
  return levels;
}
