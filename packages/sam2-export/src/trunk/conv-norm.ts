/**
 * Convolutions with the batch normalization that follows them.
 *
 * At inference, batch normalization multiplies a channel by γ/√(σ²+ε) and adds β − μγ/√(σ²+ε). So it can be folded
 * into the convolution before it: the factor goes into the kernel, the rest becomes the bias.
 */
import { Sam2Error } from "sam2-contract";
import type { ConvOptions, Graph, Value } from "../graph.ts";
import { type Checkpoint, computed, elements, type Linear, reshaped, rows, type Weight } from "../weights.ts";

/** A convolution without bias and the batch normalization after it. */
export interface ConvNorm {
  /** [out, in / groups, side, side], as stored in the checkpoint. */
  readonly kernel: Weight;
  /** What normalization multiplies each output channel by, [out]. */
  readonly factor: Weight;
  /** What it then adds, [out]. */
  readonly bias: Weight;
}

/** Names and shape of a convolution and its batch normalization. */
export interface ConvNormNames {
  readonly conv: string;
  readonly norm: string;
  /** Shape of the kernel, [out, in / groups, side, side]. */
  readonly dims: readonly number[];
  readonly epsilon: number;
}

/** @throws MissingTensorError, TensorShapeError; when the weights are read, TensorValueError for a variance under 0 */
export function readConvNorm(checkpoint: Checkpoint, { conv, norm, dims, epsilon }: ConvNormNames): ConvNorm {
  const channels = [dims[0] as number];
  const gamma = checkpoint.get(`${norm}.weight`, channels);
  const beta = checkpoint.get(`${norm}.bias`, channels);
  const mean = checkpoint.buffer(`${norm}.running_mean`, channels);
  const variance = checkpoint.buffer(`${norm}.running_var`, channels);
  const factors = async (): Promise<Float64Array> => {
    const [scales, variances] = [await gamma.load(), await variance.load()];
    const negative = variances.findIndex((value) => value < 0);
    if (negative >= 0) {
      throw new Sam2Error(
        "TensorValueError",
        `tensor "${variance.name}": element ${negative} is ${variances[negative]}, expected a variance of 0 or more`,
      );
    }
    return Float64Array.from(scales, (scale, c) => scale / Math.sqrt((variances[c] as number) + epsilon));
  };
  return {
    kernel: checkpoint.get(`${conv}.weight`, dims),
    factor: computed(`${norm}.factor`, channels, async () => Float32Array.from(await factors())),
    bias: computed(`${norm}.offset`, channels, async () => {
      const [shifts, means, scales] = [await beta.load(), await mean.load(), await factors()];
      return shifts.map((shift, c) => shift - (means[c] as number) * (scales[c] as number));
    }),
  };
}

/** The output channels from `start` to `end` alone. */
export function channelRange({ kernel, factor, bias }: ConvNorm, start: number, end: number): ConvNorm {
  return { kernel: rows(kernel, start, end), factor: rows(factor, start, end), bias: rows(bias, start, end) };
}

/** Both as one convolution with bias. */
export function folded({ kernel, factor, bias }: ConvNorm): Linear {
  const size = elements(kernel.dims.slice(1));
  const weight = computed(`${kernel.name}·${factor.name}`, kernel.dims, async () => {
    const factors = await factor.load();
    return (await kernel.load()).map((value, i) => value * (factors[Math.floor(i / size)] as number));
  });
  return { weight, bias };
}

/**
 * Runs both as one convolution.
 *
 * With half-precision storage, the kernel is stored without the factor, and the runtime multiplies it when it opens
 * the file: rounding the product instead would change the outputs by nearly 1 %.
 */
export function convNorm(graph: Graph, x: Value, both: ConvNorm, options: ConvOptions = {}): Value {
  const bias = graph.constant(both.bias);
  if (graph.options.storage === "float") return graph.conv(x, graph.constant(folded(both).weight), bias, options);
  const factor = graph.constant(reshaped(both.factor, [both.kernel.dims[0] as number, 1, 1, 1]));
  const kernel = graph.cast(graph.matrix(both.kernel), "float");
  return graph.conv(x, graph.binary("Mul", kernel, factor), bias, options);
}
