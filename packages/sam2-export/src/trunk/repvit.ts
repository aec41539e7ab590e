/**
 * RepViT (Wang et al. 2023, https://arxiv.org/abs/2307.09283) as timm builds it. A token mixer is trained as the sum of
 * a 3×3 depthwise convolution, a 1×1 depthwise convolution and the identity; at export they become one 3×3 kernel.
 */
import type { Graph, Value } from "../graph.ts";
import { type Checkpoint, computed, type Linear, sum } from "../weights.ts";
import { type ConvNorm, convNorm, folded, readConvNorm } from "./conv-norm.ts";
import { type Level, mapLevel } from "./level.ts";

/** A RepViT; lists hold one entry a stage. */
export interface RepVitConfig {
  readonly kind: "repvit";
  /** Channels of the stages, which are the pyramid's levels from stride 4 to stride 32. */
  readonly widths: readonly number[];
  readonly blocks: readonly number[];
}

/** RepViT-M1, the trunk of the published EdgeTAM. */
export const REPVIT_M1: RepVitConfig = { kind: "repvit", widths: [48, 96, 192, 384], blocks: [2, 2, 14, 2] };

/** PyTorch's default, which timm leaves in place here. */
const BATCH_NORM_EPS = 1e-5;

/** Width of a channel mixer's hidden layer, as a multiple of the block's width. */
const MLP_RATIO = 2;

const KERNEL = 3;

/** Channels inside a squeeze-and-excitation: a quarter, rounded to a multiple of 8. */
function squeezed(channels: number): number {
  return Math.max(8, 8 * Math.floor((channels / 4 + 4) / 8));
}

/** A 1×1 depthwise kernel plus the identity, as a 3×3 kernel that is zero except at its center. */
function centered(name: string, { weight, bias }: Linear): Linear {
  const channels = weight.dims[0] as number;
  const kernel = computed(name, [channels, 1, KERNEL, KERNEL], async () => {
    const target = new Float32Array(channels * KERNEL ** 2);
    for (const [c, value] of (await weight.load()).entries()) target[c * KERNEL ** 2 + 4] = value + 1;
    return target;
  });
  return { weight: kernel, bias };
}

/** Builds the trunk over `image` [1,3,S,S]; its tensors are named from `prefix`. */
export function buildRepVit(
  graph: Graph,
  checkpoint: Checkpoint,
  config: RepVitConfig,
  image: Value,
  prefix: string,
): Level[] {
  const layer = (name: string, outputs: number, inputs: number, kernel = 1): ConvNorm =>
    readConvNorm(checkpoint, {
      conv: `${prefix}.${name}.c`,
      norm: `${prefix}.${name}.bn`,
      dims: [outputs, inputs, kernel, kernel],
      epsilon: BATCH_NORM_EPS,
    });
  const halving = { stride: 2, padding: [1, 1] } as const;

  const tokenMixer = (x: Value, name: string): Value => {
    const channels = x.dims[1] as number;
    const wide = folded(layer(`${name}.conv`, channels, 1, KERNEL));
    const narrow = centered(`${prefix}.${name}.conv1+1`, folded(layer(`${name}.conv1`, channels, 1)));
    const kernel = graph.constant(sum(`${prefix}.${name}`, wide.weight, narrow.weight));
    const bias = graph.constant(sum(`${prefix}.${name}.bias`, wide.bias, narrow.bias));
    return graph.conv(x, kernel, bias, { padding: [1, 1], groups: channels });
  };
  const squeezeExcite = (x: Value, name: string): Value => {
    const channels = x.dims[1] as number;
    const dense = (vector: Value, part: string, outputs: number): Value => {
      const weight = checkpoint.get(`${prefix}.${name}.${part}.weight`, [outputs, vector.dims[1] as number, 1, 1]);
      const bias = checkpoint.get(`${prefix}.${name}.${part}.bias`, [outputs]);
      return graph.conv(vector, graph.matrix(weight), graph.constant(bias));
    };
    const mean = graph.node("GlobalAveragePool", [x], [1, channels, 1, 1]);
    const hidden = graph.unary("Relu", dense(mean, "fc1", squeezed(channels)));
    return graph.binary("Mul", x, graph.unary("Sigmoid", dense(hidden, "fc2", channels)));
  };
  const channelMixer = (x: Value, name: string): Value => {
    const channels = x.dims[1] as number;
    const hidden = MLP_RATIO * channels;
    const widened = graph.gelu(convNorm(graph, x, layer(`${name}.conv1`, hidden, channels)));
    return graph.add(convNorm(graph, widened, layer(`${name}.conv2`, channels, hidden)), x);
  };
  const block = (x: Value, name: string, squeezes: boolean): Value => {
    const mixed = tokenMixer(x, `${name}.token_mixer`);
    return channelMixer(squeezes ? squeezeExcite(mixed, `${name}.se`) : mixed, `${name}.channel_mixer`);
  };
  const downsample = (x: Value, name: string, outputs: number): Value => {
    const channels = x.dims[1] as number;
    const before = block(x, `${name}.pre_block`, false);
    const smaller = convNorm(graph, before, layer(`${name}.spatial_downsample`, channels, 1, KERNEL), {
      ...halving,
      groups: channels,
    });
    const wider = convNorm(graph, smaller, layer(`${name}.channel_downsample`, outputs, channels));
    return channelMixer(wider, `${name}.ffn`);
  };

  const [first = 0] = config.widths;
  const half = graph.gelu(convNorm(graph, image, layer("stem.conv1", first / 2, 3, KERNEL), halving));
  let x = convNorm(graph, half, layer("stem.conv2", first, first / 2, KERNEL), halving);
  return config.widths.map((width, stage) => {
    const name = `stages_${stage}`;
    if (stage > 0) x = downsample(x, `${name}.downsample`, width);
    // every other block squeezes and excites, beginning with the first
    for (let index = 0; index < (config.blocks[stage] as number); index++) {
      x = block(x, `${name}.blocks.${index}`, index % 2 === 0);
    }
    return mapLevel(graph, x);
  });
}
