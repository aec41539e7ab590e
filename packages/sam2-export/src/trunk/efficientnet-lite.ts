/**
 * EfficientNet-Lite (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite)
 * as timm builds it: inverted residuals with ReLU6, without squeeze-and-excitation.
 */
import { type Graph, MAX_TENSOR_BYTES, type Value } from "../graph.ts";
import type { Checkpoint } from "../weights.ts";
import { type ConvNorm, channelRange, convNorm, readConvNorm } from "./conv-norm.ts";
import { type Level, mapLevel } from "./level.ts";

/** A stage: a series of blocks, of which the first may halve the map. */
interface StageConfig {
  readonly blocks: number;
  /** Side of the depthwise kernel. */
  readonly kernel: number;
  readonly stride: 1 | 2;
  /** How many times the channels are widened inside a block; 1 for blocks without that step. */
  readonly expansion: number;
  readonly channels: number;
}

/** An EfficientNet-Lite of any of its sizes. */
export interface EfficientNetLiteConfig {
  readonly kind: "efficientnet-lite";
  readonly stages: readonly StageConfig[];
  /** Channels of the pyramid, from stride 4 to stride 32. */
  readonly widths: readonly number[];
  /** Padding where a map is halved: TensorFlow's `SAME` may pad less before than after, PyTorch pads evenly. */
  readonly padding: "same" | "even";
  readonly batchNormEps: number;
}

const STEM_CHANNELS = 32;

const STAGES: readonly StageConfig[] = [
  { blocks: 1, kernel: 3, stride: 1, expansion: 1, channels: 16 },
  { blocks: 2, kernel: 3, stride: 2, expansion: 6, channels: 24 },
  { blocks: 2, kernel: 5, stride: 2, expansion: 6, channels: 40 },
  { blocks: 3, kernel: 3, stride: 2, expansion: 6, channels: 80 },
  { blocks: 3, kernel: 5, stride: 1, expansion: 6, channels: 112 },
  { blocks: 4, kernel: 5, stride: 2, expansion: 6, channels: 192 },
  { blocks: 1, kernel: 3, stride: 1, expansion: 6, channels: 320 },
];

/** The stages after which a level of the pyramid is taken. */
const PYRAMID: readonly number[] = [1, 2, 4, 6];

/** Width and depth multipliers of Lite0 to Lite4. */
const SIZES: readonly (readonly [width: number, depth: number])[] = [
  [1, 1],
  [1, 1.1],
  [1.1, 1.2],
  [1.2, 1.4],
  [1.4, 1.8],
];

/** Scales channels and rounds to a multiple of 8, but not down by more than a tenth. */
function roundChannels(channels: number, width: number): number {
  const wanted = channels * width;
  const rounded = Math.max(8, 8 * Math.floor((wanted + 4) / 8));
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

/** The configuration of Lite`size`, as TensorFlow's weights want it or as timm's own do. */
export function efficientNetLite(size: number, origin: "tensorflow" | "timm"): EfficientNetLiteConfig {
  const [width, depth] = SIZES[size] as readonly [number, number];
  const stages = STAGES.map((stage, index) => ({
    ...stage,
    // the first and the last stage are never deepened
    blocks: index === 0 || index === STAGES.length - 1 ? stage.blocks : Math.ceil(stage.blocks * depth),
    channels: roundChannels(stage.channels, width),
  }));
  return {
    kind: "efficientnet-lite",
    stages,
    widths: PYRAMID.map((index) => (stages[index] as StageConfig).channels),
    padding: origin === "tensorflow" ? "same" : "even",
    batchNormEps: origin === "tensorflow" ? 1e-3 : 1e-5,
  };
}

/** Builds the trunk over `image` [1,3,S,S]; its tensors are named from `prefix`. */
export function buildEfficientNetLite(
  graph: Graph,
  checkpoint: Checkpoint,
  config: EfficientNetLiteConfig,
  image: Value,
  prefix: string,
): Level[] {
  const read = (name: string, norm: string, dims: readonly number[]): ConvNorm =>
    readConvNorm(checkpoint, {
      conv: `${prefix}.${name}`,
      norm: `${prefix}.${norm}`,
      dims,
      epsilon: config.batchNormEps,
    });
  const pointwise = (x: Value, name: string, norm: string, outputs: number): Value =>
    convNorm(graph, x, read(name, norm, [outputs, x.dims[1] as number, 1, 1]));
  /** Stride and padding for a kernel of that side: the map keeps its size, or is halved. */
  const walk = (kernel: number, stride: number): { stride: number; padding: [number, number] } => {
    const reach = (kernel - 1) / 2;
    return { stride, padding: [stride === 2 && config.padding === "same" ? reach - 1 : reach, reach] };
  };

  const separable = (x: Value, name: string, { kernel, channels }: StageConfig, stride: number): Value => {
    const groups = x.dims[1] as number;
    const depthwise = read(`${name}.conv_dw`, `${name}.bn1`, [groups, 1, kernel, kernel]);
    const mixed = graph.relu6(convNorm(graph, x, depthwise, { ...walk(kernel, stride), groups }));
    return pointwise(mixed, `${name}.conv_pw`, `${name}.bn2`, channels);
  };
  const inverted = (x: Value, name: string, stage: StageConfig, stride: number): Value => {
    const [, inputs = 0, height = 0, width = 0] = x.dims as number[];
    const { kernel, channels } = stage;
    const wide = inputs * stage.expansion;
    const widening = read(`${name}.conv_pw`, `${name}.bn1`, [wide, inputs, 1, 1]);
    const depthwise = read(`${name}.conv_dw`, `${name}.bn2`, [wide, 1, kernel, kernel]);
    // each wide channel is computed alone up to here, so where all together are too large, do some at a time
    const step = Math.ceil(wide / Math.ceil((4 * wide * height * width) / MAX_TENSOR_BYTES));
    const mixed = Array.from({ length: Math.ceil(wide / step) }, (_, part) => {
      const [start, end] = [part * step, Math.min((part + 1) * step, wide)];
      const some = graph.relu6(convNorm(graph, x, channelRange(widening, start, end)));
      const options = { ...walk(kernel, stride), groups: end - start };
      return graph.relu6(convNorm(graph, some, channelRange(depthwise, start, end), options));
    });
    return pointwise(graph.concat(mixed, 1), `${name}.conv_pwl`, `${name}.bn3`, channels);
  };

  const levels: Level[] = [];
  const stem = read("conv_stem", "bn1", [STEM_CHANNELS, 3, 3, 3]);
  let x = graph.relu6(convNorm(graph, image, stem, walk(3, 2)));
  for (const [index, stage] of config.stages.entries()) {
    for (let block = 0; block < stage.blocks; block++) {
      const stride = block === 0 ? stage.stride : 1;
      const build = stage.expansion === 1 ? separable : inverted;
      const result = build(x, `blocks.${index}.${block}`, stage, stride);
      x = stride === 1 && x.dims[1] === stage.channels ? graph.add(result, x) : result;
    }
    if (PYRAMID.includes(index)) levels.push(mapLevel(graph, x));
  }
  return levels;
}
