/**
 * Lazy weights: named views into a checkpoint. Shapes are checked when the graph is built; values are read only when
 * they are written. So exporting needs little more memory than the largest tensor.
 */
import { Sam2Error, shown } from "sam2-contract";
import { readFloats, type TensorEntry } from "./safetensors.ts";

/** How a weight is stored: `half` only where the graph tolerates it and the caller asked for it; `int8`: whole numbers. */
export type Storage = "float" | "half" | "int8";

/** A constant of the graph whose values are made on demand. */
export interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  load(): Promise<Float32Array>;
}

/** The error for sizes that contradict each other; the config.json of a real model never causes it. */
export function misfit(what: string): Sam2Error {
  return new Sam2Error("InvalidConfigError", `config.json: the sizes do not fit each other: ${what}`);
}

/** Number of elements. */
export function elements(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** A weight that is computed at export. */
export function computed(
  name: string,
  dims: readonly number[],
  load: () => Promise<Float32Array> | Float32Array,
): Weight {
  return { name, dims, load: async () => load() };
}

/** A vector of zeros: the bias of a layer that has none. */
export function zeros(count: number): Weight {
  return computed(`zeros[${count}]`, [count], () => new Float32Array(count));
}

/** Rows `start` to `end` of the first axis. */
export function rows(weight: Weight, start: number, end: number): Weight {
  const [count = 0, ...rest] = weight.dims;
  if (start < 0 || end > count) throw misfit(`rows ${start}–${end} of ${count}`);
  if (start === 0 && end === count) return weight;
  const stride = elements(rest);
  return computed(`${weight.name}[${start}:${end}]`, [end - start, ...rest], async () =>
    (await weight.load()).subarray(start * stride, end * stride),
  );
}

/** The same values under another shape. */
export function reshaped(weight: Weight, dims: readonly number[]): Weight {
  if (elements(dims) !== elements(weight.dims)) throw misfit(`${weight.name}: [${weight.dims}] is not [${dims}]`);
  return { name: weight.name, dims, load: () => weight.load() };
}

/** Every value times `factor`. */
export function scaled(weight: Weight, factor: number): Weight {
  return computed(`${weight.name}*${factor}`, weight.dims, async () =>
    (await weight.load()).map((value) => value * factor),
  );
}

/** The axes in another order: axis i of the result is axis `order[i]` of `weight`. */
export function permuted(weight: Weight, order: readonly number[]): Weight {
  const dims = order.map((axis) => weight.dims[axis] as number);
  return computed(`${weight.name}.permuted(${order})`, dims, async () => {
    const source = await weight.load();
    const strides = weight.dims.map((_, axis) => elements(weight.dims.slice(axis + 1)));
    const steps = order.map((axis) => strides[axis] as number);
    const target = new Float32Array(source.length);
    const position = dims.map(() => 0);
    for (let i = 0, from = 0; i < target.length; i++) {
      target[i] = source[from] as number;
      // advance the position by one, with carry: an axis at its end returns to 0 and advances the axis before it
      for (let axis = dims.length - 1; axis >= 0; axis--) {
        from += steps[axis] as number;
        position[axis] = (position[axis] as number) + 1;
        if (position[axis] !== dims[axis]) break;
        from -= (steps[axis] as number) * (dims[axis] as number);
        position[axis] = 0;
      }
    }
    return target;
  });
}

/** A matrix [rows,columns] transposed. */
export function transposed(weight: Weight): Weight {
  return permuted(weight, [1, 0]);
}

/** A weight matrix in whole numbers of eight bits, and what each of its columns must be multiplied by. */
export interface Quantized {
  /** [inputs, outputs], whole numbers from −127 to 127. */
  readonly weight: Weight;
  /** [outputs] */
  readonly scale: Weight;
}

/**
 * Quantizes the weight [outputs, inputs] of a linear layer: every output has a scale of its own, by which its largest
 * weight becomes 127.
 */
export function quantized(weight: Weight): Quantized {
  const [outputs = 0, inputs = 0] = weight.dims;
  const scalesOf = (values: Float32Array): Float32Array =>
    Float32Array.from({ length: outputs }, (_, output) => {
      let largest = 0;
      for (let i = output * inputs; i < (output + 1) * inputs; i++) {
        largest = Math.max(largest, Math.abs(values[i] as number));
      }
      // an output without weights needs no scale, but a scale of 0 would divide by it
      return largest / 127 || 1;
    });
  const whole = computed(`${weight.name}.int8`, [outputs, inputs], async () => {
    const values = await weight.load();
    const scales = scalesOf(values);
    return values.map((value, i) => Math.round(value / (scales[Math.floor(i / inputs)] as number)));
  });
  return {
    weight: transposed(whole),
    scale: computed(`${weight.name}.scale`, [outputs], async () => scalesOf(await weight.load())),
  };
}

/** Weights of equal shape under one new leading axis. */
export function stacked(name: string, weights: readonly Weight[]): Weight {
  const first = weights[0] as Weight;
  return computed(name, [weights.length, ...first.dims], async () => {
    const size = elements(first.dims);
    const target = new Float32Array(weights.length * size);
    for (const [index, weight] of weights.entries()) target.set(await weight.load(), index * size);
    return target;
  });
}

/** Product of two matrices [m,k]·[k,n], summed in double precision. */
export function product(name: string, left: Weight, right: Weight): Weight {
  const [m = 0, k = 0] = left.dims;
  const [inner = 0, n = 0] = right.dims;
  if (k !== inner) throw misfit(`${name}: [${left.dims}] times [${right.dims}]`);
  return computed(name, [m, n], async () => {
    const [a, b] = [await left.load(), await right.load()];
    const target = new Float32Array(m * n);
    const row = new Float64Array(n);
    for (let i = 0; i < m; i++) {
      row.fill(0);
      for (let j = 0; j < k; j++) {
        const factor = a[i * k + j] as number;
        for (let l = 0; l < n; l++) row[l] = (row[l] as number) + factor * (b[j * n + l] as number);
      }
      target.set(row, i * n);
    }
    return target;
  });
}

/** Elementwise sum of weights of equal size, under the shape of the first. */
export function sum(name: string, ...weights: readonly Weight[]): Weight {
  const first = weights[0] as Weight;
  return computed(name, first.dims, async () => {
    const target = Float32Array.from(await first.load());
    for (const weight of weights.slice(1)) {
      const values = await weight.load();
      for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) + (values[i] as number);
    }
    return target;
  });
}

/** The tensors of a checkpoint, by the names that `transformers` gives them. */
export class Checkpoint {
  readonly #tensors: ReadonlyMap<string, TensorEntry>;
  readonly #used = new Map<string, number>();

  constructor(tensors: ReadonlyMap<string, TensorEntry>) {
    this.#tensors = tensors;
  }

  /** Parameters that graphs have asked for so far, each tensor counted once. */
  get parameterCount(): number {
    return [...this.#used.values()].reduce((total, count) => total + count, 0);
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /**
   * The tensor `name`.
   *
   * @throws MissingTensorError, TensorShapeError
   */
  get(name: string, dims: readonly number[]): Weight {
    const weight = this.buffer(name, dims);
    this.#used.set(name, elements(dims));
    return weight;
  }

  /**
   * The tensor `name`, not counted as parameters since it is not learned: statistics of a batch normalization.
   *
   * @throws MissingTensorError, TensorShapeError
   */
  buffer(name: string, dims: readonly number[]): Weight {
    const entry = this.#tensors.get(name);
    if (!entry) {
      throw new Sam2Error("MissingTensorError", `tensor "${name}" [${dims}] is not in the checkpoint`);
    }
    if (entry.shape.join() !== dims.join()) {
      throw new Sam2Error("TensorShapeError", `tensor "${name}": expected shape [${dims}], got ${shown(entry.shape)}`);
    }
    return { name, dims, load: () => readFloats(entry) };
  }

  /** `weight` [out,in] and `bias` [out] of a linear layer. */
  linear(name: string, inputs: number, outputs: number): Linear {
    return {
      weight: this.get(`${name}.weight`, [outputs, inputs]),
      bias: this.get(`${name}.bias`, [outputs]),
    };
  }

  /** `weight` and `bias` of a layer normalization. */
  norm(name: string, width: number): Linear {
    return { weight: this.get(`${name}.weight`, [width]), bias: this.get(`${name}.bias`, [width]) };
  }
}

/** Weight and bias of one layer. */
export interface Linear {
  readonly weight: Weight;
  readonly bias: Weight;
}
