/**
 * Checkpoints whose weights follow from their tensors' names and shapes, as models/reference/seeded.py
 * makes them, where the formula is explained.
 */
import { parseConfig } from "../src/config.ts";
import { buildImageEncoder } from "../src/image-encoder.ts";
import { buildMaskDecoder } from "../src/mask-decoder.ts";
import { Checkpoint, elements, type Weight } from "../src/weights.ts";

/** Has every tensor, in whatever shape it is asked for, and remembers what was asked for. */
export class AnyCheckpoint extends Checkpoint {
  readonly asked: Map<string, readonly number[]> = new Map();

  constructor() {
    super(new Map());
  }

  override has(): boolean {
    return true;
  }

  override buffer(name: string, dims: readonly number[]): Weight {
    this.asked.set(name, dims);
    return { name, dims, load: () => Promise.reject(new Error("not read while building")) };
  }
}

function spread(name: string, dims: readonly number[]): [offset: number, scale: number] {
  if (name.endsWith("running_var")) return [1, 0.5];
  if (dims.length === 1) return name.endsWith("weight") ? [1, 0.4] : [0, 0.3];
  if (name.includes("embed") || /tokens?\.weight$/.test(name)) {
    return [0, name.includes("positional") ? 1.5 : 0.8];
  }
  const isAdded = name.includes("channel_mixer") || name.includes("ffn");
  const gain = name.includes("token_mixer") ? 0.6 : isAdded ? 1.2 : 2;
  return [0, gain / Math.sqrt(elements(dims.slice(1)))];
}

function fill(target: Float32Array, name: string, dims: readonly number[]): void {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  const [offset, scale] = spread(name, dims);
  for (let i = 0; i < target.length; i++) {
    let x = (seed + Math.imul(0x9e3779b9, i)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    x = (x ^ (x >>> 15)) >>> 0;
    target[i] = offset + scale * (x / 2 ** 31 - 1);
  }
}

/** The start of a safetensors file with every tensor that exporting a checkpoint of this config.json reads, and its size. */
export function seededLayout(config: unknown): {
  head: Uint8Array;
  size: number;
  entries: { name: string; shape: readonly number[]; start: number }[];
} {
  const checkpoint = new AnyCheckpoint();
  const parsed = parseConfig(config);
  for (const build of [buildImageEncoder, buildMaskDecoder]) {
    build(checkpoint, parsed, { attention: "decomposed", storage: "float", products: "float" });
  }
  let end = 0;
  const entries = [...checkpoint.asked].map(([name, shape]) => {
    const start = end;
    end += 4 * elements(shape);
    return { name, shape, start, end };
  });
  const header = Object.fromEntries(
    entries.map(({ name, shape, start, end }) => [name, { dtype: "F32", shape, data_offsets: [start, end] }]),
  );
  const text = new TextEncoder().encode(
    JSON.stringify(header).padEnd(8 * Math.ceil(JSON.stringify(header).length / 8)),
  );
  const head = new Uint8Array(8 + text.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
  head.set(text, 8);
  return { head, size: head.length + end, entries };
}

/** A safetensors file with every tensor that exporting a checkpoint of this config.json reads. */
export function seededWeights(config: unknown): Uint8Array {
  const { head, size, entries } = seededLayout(config);
  const file = new Uint8Array(size);
  file.set(head);
  for (const { name, shape, start } of entries) {
    fill(new Float32Array(file.buffer, head.length + start, elements(shape)), name, shape);
  }
  return file;
}
