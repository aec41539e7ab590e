/**
 * Builds an ONNX graph node by node. Every value has a known shape, so mismatches are found at export, not when
 * the graph is run. Sizes that are free at run time are strings ("B", "T").
 */
import { type AttentionForm, Sam2Error } from "sam2-contract";
import { elements, type Linear, misfit, quantized, type Storage, type Weight } from "./weights.ts";

/** A size: known at export, or the name of a free one. */
export type Dim = number | string;

/** The numbers of a tensor: float32, or float16. */
export type Element = "float" | "half";

/** A tensor in the graph. */
export interface Value {
  readonly name: string;
  readonly dims: readonly Dim[];
  readonly element: Element;
}

/** An attribute: a float is given as `{ float }`, since JavaScript does not tell 1 from 1.0. */
export type Attribute = number | readonly number[] | string | { readonly float: number };

/** One operation. */
export interface Node {
  readonly type: string;
  readonly domain: "" | "com.microsoft";
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A constant tensor, float or int64. */
export type Initializer =
  | { readonly kind: "weight"; readonly name: string; readonly weight: Weight; readonly storage: Storage }
  | { readonly kind: "int64"; readonly name: string; readonly values: readonly number[] };

/** What the exporter's caller chose. */
export interface GraphOptions {
  readonly attention: AttentionForm;
  /** Storage of the weight matrices. */
  readonly storage: "float" | "half";
  /** Arithmetic of products: `int8` is for the linear layers over many rows, `half` for what `Graph.computed` was applied to. */
  readonly products: Element | "int8";
}

/** Options of a convolution. */
export interface ConvOptions {
  readonly stride?: number;
  /** Zeros added before and after, the same on both axes. */
  readonly padding?: readonly [before: number, after: number];
  readonly groups?: number;
}

/** The size that a GPU buffer binding commonly holds; larger tensors are split. */
export const MAX_TENSOR_BYTES: number = 2 ** 27;

/** The most nodes of a graph: forty times those of the largest published model. */
const MAX_NODES = 100_000;

/** Version of ONNX's operator set; 20 is the first with Gelu. */
export const OPSET = 20;

/**
 * A graph under construction.
 *
 * Operations compute in the precision of their first input; the others are cast to it.
 */
export class Graph {
  readonly name: string;
  readonly options: GraphOptions;
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  readonly #named = new Map<string, Value>();
  /** For each value that was cast, its counterpart in the other precision. */
  readonly #casts = new WeakMap<Value, Value>();
  #counter = 0;

  constructor(name: string, options: GraphOptions) {
    this.name = name;
    this.options = options;
  }

  /** Declares an input. */
  input(name: string, dims: readonly Dim[]): Value {
    const value: Value = { name, dims, element: "float" };
    this.inputs.push(value);
    return value;
  }

  /** Declares `value`, which must be the result of a node, as the output `name`; outputs are float32. */
  output(name: string, value: Value): void {
    const output = this.cast(value, "float");
    (output as { name: string }).name = name;
    this.outputs.push(output);
  }

  /** `value` in another precision. */
  cast(value: Value, element: Element): Value {
    if (value.element === element) return value;
    const known = this.#casts.get(value);
    if (known) return known;
    const cast = this.#add("Cast", [value], value.dims, { to: element === "half" ? 10 : 1 }, "", element);
    this.#casts.set(value, cast);
    this.#casts.set(cast, value);
    return cast;
  }

  /** `value` in the precision that the caller asked to compute in. */
  computed(value: Value): Value {
    return this.cast(value, this.options.products === "half" ? "half" : "float");
  }

  /** A constant. Only matrices are stored in half, and only where the caller asked for it. */
  constant(weight: Weight, storage: Storage = "float"): Value {
    const chosen = storage === "half" ? (weight.dims.length > 1 ? this.options.storage : "float") : storage;
    const key = `${weight.name}:[${weight.dims}]`;
    const known = this.#named.get(key);
    if (known) return known;
    const name = this.initializers.some((item) => item.name === weight.name) ? key : weight.name;
    this.initializers.push({ kind: "weight", name, weight, storage: chosen });
    const stored: Value = { name, dims: weight.dims, element: chosen === "half" ? "half" : "float" };
    // the runtime folds this cast once, when it creates the session
    const value = this.options.products === "half" ? stored : this.cast(stored, "float");
    this.#named.set(key, value);
    return value;
  }

  /** A weight matrix: stored in half where the caller asked for it. */
  matrix(weight: Weight): Value {
    return this.constant(weight, "half");
  }

  /** A constant of the given values: a scalar, a vector, or of shape `dims`. */
  floats(values: readonly number[], dims: readonly number[] = values.length === 1 ? [] : [values.length]): Value {
    if (elements(dims) !== values.length) throw misfit(`${values.length} values for [${dims}]`);
    const name = `const[${dims}](${values.join()})`;
    return this.constant({ name, dims, load: async () => Float32Array.from(values) });
  }

  /** An int64 vector: shapes, axes and slice bounds, never data. */
  integers(values: readonly number[]): Value {
    const name = `int64(${values.join()})`;
    const known = this.#named.get(name);
    if (known) return known;
    const value: Value = { name, dims: [values.length], element: "float" };
    this.initializers.push({ kind: "int64", name, values });
    this.#named.set(name, value);
    return value;
  }

  /** Any operation with one output, in the precision of its first input. */
  node(
    type: string,
    inputs: readonly (Value | null)[],
    dims: readonly Dim[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: Node["domain"] = "",
  ): Value {
    return this.#add(type, inputs, dims, attributes, domain, inputs[0]?.element ?? "float");
  }

  #add(
    type: string,
    inputs: readonly (Value | null)[],
    dims: readonly Dim[],
    attributes: Readonly<Record<string, Attribute>>,
    domain: Node["domain"],
    element: Element,
  ): Value {
    if (this.nodes.length >= MAX_NODES) {
      const most = `expected a model of at most ${MAX_NODES} operations a graph`;
      throw new Sam2Error("InvalidConfigError", `config.json: ${most}, ${this.name} takes more`);
    }
    const value: Value = { name: `${type}_${this.#counter++}`, dims, element };
    this.nodes.push({ type, domain, inputs, outputs: [value], attributes });
    return value;
  }

  /** An operation whose inputs all are numbers of one precision: that of the first. */
  uniform(
    type: string,
    inputs: readonly [Value, ...Value[]],
    dims: readonly Dim[],
    attributes?: Readonly<Record<string, Attribute>>,
    domain?: Node["domain"],
  ): Value {
    const { element } = inputs[0];
    const same = inputs.map((input) => this.cast(input, element));
    return this.node(type, same, dims, attributes, domain);
  }

  /** Elementwise `Add`, `Sub`, `Mul`, … with the shape of `left`, unless `dims` says otherwise. */
  binary(type: string, left: Value, right: Value, dims: readonly Dim[] = left.dims): Value {
    return this.uniform(type, [left, right], dims);
  }

  /** Elementwise function of one tensor. */
  unary(type: string, value: Value, attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.node(type, [value], value.dims, attributes);
  }

  add(left: Value, right: Value, dims?: readonly Dim[]): Value {
    return this.binary("Add", left, right, dims);
  }

  /**
   * Another shape. `pattern` holds ONNX's 0 (copy) and −1 (infer) where sizes are free; it is
   * `dims` itself where all are known.
   */
  reshape(value: Value, dims: readonly Dim[], pattern?: readonly number[]): Value {
    if (dims.length === value.dims.length && dims.every((dim, i) => dim === value.dims[i])) return value;
    const target =
      pattern ??
      dims.map((dim) => {
        if (typeof dim === "string") throw misfit(`reshape to [${dims}] needs a pattern`);
        return dim;
      });
    const known = [...value.dims, ...dims].every((dim) => typeof dim === "number");
    if (known && elements(value.dims as number[]) !== elements(dims as number[])) {
      throw misfit(`reshape [${value.dims}] to [${dims}]`);
    }
    return this.node("Reshape", [value, this.integers(target)], dims);
  }

  transpose(value: Value, permutation: readonly number[]): Value {
    if (permutation.length !== value.dims.length) throw misfit(`transpose [${value.dims}] by [${permutation}]`);
    if (permutation.every((axis, index) => axis === index)) return value;
    return this.node(
      "Transpose",
      [value],
      permutation.map((axis) => value.dims[axis] as Dim),
      { perm: permutation },
    );
  }

  /** Matrix product over the last two axes; leading axes broadcast as NumPy's. */
  matmul(left: Value, right: Value): Value {
    const [a, b] = [left.dims, right.dims];
    if (a.at(-1) !== b.at(-2)) throw misfit(`matmul [${a}] by [${b}]`);
    const batch = a.length >= b.length ? a.slice(0, -2) : b.slice(0, -2);
    return this.uniform("MatMul", [left, right], [...batch, a.at(-2) as Dim, b.at(-1) as Dim]);
  }

  /**
   * A linear layer, `x` [n,in] → [n,out]. The weight [out,in] is stored as in the checkpoint, or in int8 where the
   * caller asked for that: then the runtime quantizes `x`, too, over the range that it finds in it.
   */
  linear(x: Value, { weight, bias }: Linear): Value {
    const [outputs = 0, inputs] = weight.dims;
    if (x.dims.length !== 2 || x.dims[1] !== inputs) throw misfit(`${weight.name}: [${x.dims}] by [${weight.dims}]`);
    if (this.options.products === "int8") {
      const { weight: whole, scale } = quantized(weight);
      const operands = [x, this.constant(whole, "int8"), this.constant(scale), null, this.constant(bias)];
      return this.node("DynamicQuantizeMatMul", operands, [x.dims[0] as Dim, outputs], {}, "com.microsoft");
    }
    return this.uniform("Gemm", [x, this.matrix(weight), this.constant(bias)], [x.dims[0] as Dim, outputs], {
      transB: 1,
    });
  }

  /** A linear layer with a transposed result, `x` [n,in] → [out,n]; saves a Transpose where channels come first. */
  linearChannelsFirst(x: Value, { weight, bias }: Linear): Value {
    const [outputs = 0, inputs] = weight.dims;
    if (x.dims.length !== 2 || x.dims[1] !== inputs) throw misfit(`${weight.name}: [${x.dims}] by [${weight.dims}]`);
    const column = this.constant({ name: bias.name, dims: [outputs, 1], load: () => bias.load() });
    const matrix = this.cast(this.matrix(weight), x.element);
    return this.uniform("Gemm", [matrix, x, column], [outputs, x.dims[0] as Dim], { transB: 1 });
  }

  /** Convolution of a map [1,in,height,width] by a kernel [out, in / groups, side, side]. */
  conv(
    x: Value,
    kernel: Value,
    bias: Value | null,
    { stride = 1, padding = [0, 0], groups = 1 }: ConvOptions = {},
  ): Value {
    const [outputs = 0, inputs = 0, side = 0] = kernel.dims as number[];
    const [batch, channels, height, width] = x.dims as [number, number, number, number];
    if (channels !== inputs * groups) throw misfit(`conv [${x.dims}] by [${kernel.dims}] in ${groups} groups`);
    const [before, after] = padding;
    const covered = (size: number): number => Math.floor((size + before + after - side) / stride) + 1;
    const dims = [batch, outputs, covered(height), covered(width)];
    return this.uniform("Conv", bias ? [x, kernel, bias] : [x, kernel], dims, {
      kernel_shape: [side, side],
      strides: [stride, stride],
      pads: [before, before, after, after],
      group: groups,
    });
  }

  /** min(max(x, 0), 6). */
  relu6(x: Value): Value {
    return this.uniform("Clip", [x, this.floats([0]), this.floats([6])], x.dims);
  }

  /**
   * LayerNormalization over the last axis, of `x` or of the sum of `x` and `more`, which takes onnxruntime one operation.
   * On WebGPU, mean and variance are computed in float32, whatever the precision of `x`.
   */
  norm(x: Value, { weight, bias }: Linear, epsilon: number, more?: Value): Value {
    const [gain, shift] = [this.constant(weight), this.constant(bias)];
    const attributes = { epsilon: { float: epsilon } };
    return more
      ? this.uniform("SkipLayerNormalization", [x, more, gain, shift], x.dims, attributes, "com.microsoft")
      : this.uniform("LayerNormalization", [x, gain, shift], x.dims, { axis: -1, ...attributes });
  }

  gelu(x: Value): Value {
    return this.unary("Gelu", x);
  }

  /** Softmax over the last axis, in float32. */
  softmax(x: Value): Value {
    return this.unary("Softmax", this.cast(x, "float"), { axis: -1 });
  }

  /** `[start, end)` of one axis. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    const dims = x.dims.map((dim, index) => (index === axis ? end - start : dim));
    const bounds = [[start], [end], [axis]].map((list) => this.integers(list));
    return this.node("Slice", [x, ...bounds], dims);
  }

  /** Concatenates along `axis`; `size` is the resulting size, needed if one of the sizes is free. */
  concat(values: readonly Value[], axis: number, size?: Dim): Value {
    const first = values[0] as Value;
    if (values.length === 1) return first;
    const joined = size ?? values.reduce((total, value) => total + (value.dims[axis] as number), 0);
    return this.uniform(
      "Concat",
      [first, ...values.slice(1)],
      first.dims.map((dim, index) => (index === axis ? joined : dim)),
      { axis },
    );
  }

  /** Zeros after the end of the axes: `after[i]` for axis i. */
  padEnd(x: Value, after: readonly number[]): Value {
    if (after.every((count) => count === 0)) return x;
    // onnxruntime's shader of Pad in float16 does not compile in Firefox
    if (x.element === "half") {
      return after.reduce((padded, count, axis) => {
        if (count === 0) return padded;
        const dims = padded.dims.map((dim, index) => (index === axis ? count : (dim as number)));
        const zero = this.cast(this.floats([0]), "half");
        return this.concat([padded, this.node("Expand", [zero, this.integers(dims)], dims)], axis);
      }, x);
    }
    const dims = x.dims.map((dim, index) => (dim as number) + (after[index] as number));
    return this.node("Pad", [x, this.integers([...after.map(() => 0), ...after])], dims);
  }
}
