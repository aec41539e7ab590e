/** Sessions over two ONNX graphs that a runtime has opened: onnxruntime-web and onnxruntime-node alike. */
import { Sam2Error } from "sam2-contract";
import { checkTensors } from "../embedding/shapes.ts";
import type { ModelSpec } from "../model/spec.ts";
import type { ModelPrompt, Tensor } from "../prompt/prompt.ts";
import { detectLayout } from "./layouts/detect.ts";
import type { GraphInput, Layout } from "./layouts/layout.ts";
import type { Decoded, DeviceTensor, Embedding, Sessions } from "./sessions.ts";

/** A tensor of onnxruntime's. */
export interface GraphTensor extends DeviceTensor {
  /** Number of values. */
  readonly size: number;
  readonly dims: readonly number[];
  /** Values, where they are on the CPU. */
  readonly data: unknown;
  /** Values, wherever they are. */
  getData(): Promise<unknown>;
}

/** A graph that onnxruntime has opened. */
export interface Graph<T extends GraphTensor> {
  readonly inputNames: readonly string[];
  run(inputs: Readonly<Record<string, T>>): Promise<Readonly<Record<string, T>>>;
  release(): Promise<void>;
}

/** The two graphs of a model, opened. */
export interface GraphPair<T extends GraphTensor> {
  readonly spec: ModelSpec;
  /** Null where the decoder alone is open. */
  readonly encoder: Graph<T> | null;
  readonly decoder: Graph<T>;
  /** Makes a tensor of the runtime's. */
  readonly tensor: (input: GraphInput) => T;
  /** Makes a float32 tensor of zeros, where the decoder runs. */
  readonly zeros: (dims: readonly number[]) => T;
}

/** An encoded image, in the runtime's tensors. */
interface GraphEmbedding<T extends GraphTensor> extends Embedding {
  readonly tensors: Readonly<Record<string, T>>;
}

/** What the runtime says of a failure; WebAssembly throws numbers, too. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Encoder and decoder of one model. Calls are queued: concurrent runs on WebGPU hang forever. */
export class GraphSessions<T extends GraphTensor> implements Sessions {
  readonly #graphs: GraphPair<T>;
  readonly #layout: Layout;
  #queue: Promise<unknown> = Promise.resolve();
  /** The zeros of the last prompt: most prompts have the same number of objects, and so nothing to send but themselves. */
  #zeros: T | null = null;

  /** @throws InvalidModelError for graphs of an unknown layout */
  constructor(graphs: GraphPair<T>) {
    this.#graphs = graphs;
    this.#layout = detectLayout(graphs.encoder?.inputNames ?? null, graphs.decoder.inputNames);
  }

  get lost(): string | null {
    return null;
  }

  async wasLost(): Promise<boolean> {
    return this.lost !== null;
  }

  get encodes(): boolean {
    return this.#graphs.encoder !== null;
  }

  /** Whether the decoder can take a mask as a prompt. */
  get takesMaskInput(): boolean {
    return this.#layout.takesMaskInput;
  }

  encode(pixels: Float32Array, signal?: AbortSignal): Promise<GraphEmbedding<T>> {
    const { spec, encoder, tensor } = this.#graphs;
    return this.enqueue(async () => {
      signal?.throwIfAborted();
      if (!encoder) throw new Error("the encoder is not open");
      const start = performance.now();
      const dims = [1, 3, spec.imageSize, spec.imageSize];
      const feeds = { [this.#layout.imageInput]: tensor({ type: "float32", data: pixels, dims }) };
      const tensors = await this.#run("encoder", encoder, feeds);
      return this.#embedding(tensors, performance.now() - start);
    });
  }

  async #run(
    part: "encoder" | "decoder",
    graph: Graph<T>,
    feeds: Readonly<Record<string, T>>,
  ): Promise<Readonly<Record<string, T>>> {
    try {
      return await graph.run(feeds);
    } catch (cause) {
      const { id } = this.#graphs.spec;
      throw new Sam2Error("DeviceError", `${id}: the ${part} failed while it ran: ${reasonOf(cause)}`, { cause });
    }
  }

  #embedding(tensors: Readonly<Record<string, T>>, encodeTime: number): GraphEmbedding<T> {
    const bytes = Object.values(tensors).reduce((total, { size }) => total + 4 * size, 0);
    return { tensors, bytes, encodeTime };
  }

  async load(tensors: Readonly<Record<string, Tensor>>): Promise<GraphEmbedding<T>> {
    const { spec, tensor } = this.#graphs;
    checkTensors(tensors, this.#layout.embedding, spec.imageSize);
    const loaded = Object.entries(tensors).map(([name, { data, dims }]) => [
      name,
      tensor({ type: "float32", data, dims }),
    ]);
    return this.#embedding(Object.fromEntries(loaded), 0);
  }

  decode(embedding: GraphEmbedding<T>, prompt: ModelPrompt): Promise<Decoded> {
    const { spec, decoder, tensor } = this.#graphs;
    if (prompt.mask !== null && !this.takesMaskInput) {
      return Promise.reject(
        new Sam2Error(
          "UnsupportedPromptError",
          `${spec.id}: this model's files take no mask_input (${this.#layout.name} layout)`,
        ),
      );
    }
    return this.enqueue(async () => {
      const inputs = Object.entries(this.#layout.feeds(prompt, spec.maskSize));
      const feeds = Object.fromEntries(
        inputs.map(([name, input]) => [name, input.type === "none" ? this.#zerosOf(input.dims) : tensor(input)]),
      );
      const outputs = await this.#run("decoder", decoder, { ...embedding.tensors, ...feeds });
      return this.#readOutputs(outputs, prompt.coords.dims[0] as number);
    });
  }

  #zerosOf(dims: readonly number[]): T {
    if (this.#zeros?.dims.join() === dims.join()) return this.#zeros;
    this.#zeros?.dispose();
    this.#zeros = this.#graphs.zeros(dims);
    return this.#zeros;
  }

  #readOutputs(outputs: Readonly<Record<string, T>>, batch: number): Decoded {
    const { spec } = this.#graphs;
    const names = this.#layout.outputs;
    const [masks, scores, objects] = [outputs[names.masks], outputs[names.scores], outputs[names.objectScores]];
    if (!masks || !scores) {
      throw new Sam2Error(
        "InvalidModelError",
        `${spec.id}: expected outputs ${names.masks} and ${names.scores}, got ${Object.keys(outputs).join(", ")}`,
      );
    }
    const side = spec.maskSize;
    const count = masks.size / (batch * side * side);
    if (!Number.isInteger(count)) {
      throw new Sam2Error("InvalidModelError", `${spec.id}: expected masks of ${side}×${side}, got [${masks.dims}]`);
    }
    return {
      masks: { data: masks.data as Float32Array, dims: [batch, count, side, side] },
      scores: { data: scores.data as Float32Array, dims: [batch, count] },
      objectScores: {
        data: (objects?.data as Float32Array | undefined) ?? new Float32Array(batch).fill(Number.NaN),
        dims: [batch, 1],
      },
    };
  }

  release(embedding: GraphEmbedding<T>): Promise<void> {
    return this.enqueue(async () => {
      for (const tensor of Object.values(embedding.tensors)) tensor.dispose();
    });
  }

  read(embedding: GraphEmbedding<T>): Promise<Record<string, Tensor>> {
    return this.enqueue(async () => {
      const values: Record<string, Tensor> = {};
      for (const [name, tensor] of Object.entries(embedding.tensors)) {
        values[name] = { data: (await tensor.getData()) as Float32Array, dims: tensor.dims };
      }
      return values;
    });
  }

  dispose(): Promise<void> {
    return this.enqueue(async () => {
      this.#zeros?.dispose();
      await this.#graphs.encoder?.release();
      await this.#graphs.decoder.release();
    });
  }

  /** Runs a task between the sessions' own runs. */
  protected enqueue<R>(task: () => Promise<R>): Promise<R> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
