/**
 * An embedding as a safetensors file: the encoder's outputs, in half precision or in eight bits with a scale and a
 * center for each channel, and in the metadata what they belong to.
 */
import { CONTRACT_VERSION, Sam2Error, shown } from "sam2-contract";
import type { Tensor } from "../prompt/prompt.ts";
import { digest } from "../storage/digest.ts";

/** The encoder's outputs, by their names in the model. */
export type EmbeddingTensors = Readonly<Record<string, Tensor>>;

/**
 * How an embedding is kept: `fp16`, two bytes a value, or `int8`, one byte a value, with a scale and a center for each
 * channel.
 */
export type EmbeddingDtype = (typeof EMBEDDING_DTYPES)[number];

/** Every `EmbeddingDtype`. */
export const EMBEDDING_DTYPES = ["fp16", "int8"] as const;

/** What an embedding belongs to. */
export interface EmbeddingInfo {
  /** `CONTRACT_VERSION` of the library that wrote it. */
  readonly contract: number;
  /** What identifies the model: of an export the encoder's SHA-256, of a checkpoint that of its weights and the image size. */
  readonly model: string;
  /** The model's id, for messages. */
  readonly modelId: string;
  /** Pixels of the picture, upright. */
  readonly width: number;
  /** Pixels of the picture, upright. */
  readonly height: number;
  /** SHA-256 of the picture's file; null where it was given as pixels. */
  readonly sha256: string | null;
  /** How its values are kept. */
  readonly dtype: EmbeddingDtype;
}

/** An embedding's file that was read, and whose bytes are those that were written. */
export interface StoredEmbedding {
  readonly info: EmbeddingInfo;
  /** Size of the file. */
  readonly bytes: number;
  /** The encoder's outputs, anew at each call. */
  tensors(): Promise<EmbeddingTensors>;
}

/** `format` in the metadata, by which a file is recognized. */
const FORMAT = "sam2-embedding";

/** End the names of the tensors that hold, for each channel of a tensor of bytes, the size of a step and what 0 stands for. */
const [SCALE, CENTER] = [".scale", ".center"] as const;

/** Values of a channel are at most this many steps from its center. */
const MOST = 127;

type TensorEntry = import("sam2-export/safetensors").TensorEntry;
type WrittenTensor = import("sam2-export/safetensors").WrittenTensor;

/** The exporter's reader and writer, which a page fetches with its first embedding. */
const safetensors = (): Promise<typeof import("sam2-export/safetensors")> => import("sam2-export/safetensors");

function invalid(message: string): Sam2Error {
  return new Sam2Error("InvalidEmbeddingError", message);
}

/**
 * Writes an embedding.
 *
 * @throws TensorValueError for a value that is not finite, or too large for half precision
 */
export async function writeEmbedding(tensors: EmbeddingTensors, info: EmbeddingInfo): Promise<Uint8Array<ArrayBuffer>> {
  const { writeSafetensors } = await safetensors();
  const written = (
    await Promise.all(
      Object.entries(tensors).map(async ([name, tensor]) =>
        info.dtype === "int8" ? quantized(name, tensor) : [await halved(name, tensor)],
      ),
    )
  ).flat();
  // the widest values first, so that all are aligned
  written.sort((a, b) => Number(b.dtype === "F32") - Number(a.dtype === "F32"));
  const about = {
    format: FORMAT,
    contract: `${info.contract}`,
    model: info.model,
    model_id: info.modelId,
    width: `${info.width}`,
    height: `${info.height}`,
    ...(info.sha256 === null ? {} : { picture_sha256: info.sha256 }),
    dtype: info.dtype,
  };
  const hash = await digest(joined(written.map(({ bytes }) => bytes)));
  return writeSafetensors(written, { ...about, data_sha256: hash });
}

/**
 * Reads what an embedding belongs to. Of a Blob no more than the file's header is read, so its tensors are not checked.
 *
 * @throws InvalidSafetensorsError, InvalidEmbeddingError
 *
 * @example
 * ```ts
 * const { width, height, sha256 } = await readEmbeddingInfo(file);
 * ```
 */
export async function readEmbeddingInfo(file: Blob | Uint8Array): Promise<EmbeddingInfo> {
  const { byteSource, readMetadata } = await safetensors();
  return infoOf(await readMetadata(byteSource(file)));
}

function infoOf(about: Readonly<Record<string, string>>): EmbeddingInfo {
  if (about.format !== FORMAT) {
    throw invalid(`expected an embedding, got a safetensors file of the format ${shown(about.format ?? null)}`);
  }
  const field = (name: string, expected: string, pattern: RegExp): string => {
    const value = about[name] ?? "";
    if (!pattern.test(value)) throw invalid(`${name}: expected ${expected}, got ${shown(about[name] ?? null)}`);
    return value;
  };
  const whole = (name: string): number => Number(field(name, "a whole number over 0", /^[1-9]\d{0,14}$/));
  const contract = whole("contract");
  // the other fields of another contract may be other ones
  if (contract !== CONTRACT_VERSION) throw invalid(`contract: expected ${CONTRACT_VERSION}, got ${contract}`);
  const hash = /^[0-9a-f]{64}$/;
  return {
    contract,
    model: field("model", "what identifies the model", /./),
    modelId: field("model_id", "the model's id", /./),
    width: whole("width"),
    height: whole("height"),
    sha256: "picture_sha256" in about ? field("picture_sha256", "64 hexadecimal digits", hash) : null,
    dtype: field("dtype", EMBEDDING_DTYPES.join(" or "), /^(?:fp16|int8)$/) as EmbeddingDtype,
  };
}

/**
 * Reads an embedding's file.
 *
 * @throws InvalidSafetensorsError if it is cut off, or no safetensors file; InvalidEmbeddingError if it is none of an
 *   embedding, or of another contract; IntegrityError if its tensors are not those that were written. `tensors` throws a
 *   TensorValueError for values that are not finite
 */
export async function readEmbedding(file: Blob | Uint8Array): Promise<StoredEmbedding> {
  const { byteSource, readMetadata, readSafetensors } = await safetensors();
  const bytes = file instanceof Uint8Array ? file : new Uint8Array(await file.arrayBuffer());
  const source = byteSource(bytes);
  const about = await readMetadata(source);
  const info = infoOf(about);
  const entries = await readSafetensors(source);
  const start = Math.min(bytes.length, ...Array.from(entries.values(), (entry) => entry.start));
  const hash = await digest(bytes.subarray(start));
  if (about.data_sha256 !== hash) {
    const expected = about.data_sha256 === undefined ? "none in its metadata" : about.data_sha256;
    throw new Sam2Error(
      "IntegrityError",
      `embedding of ${info.width}×${info.height} pixels: its tensors have the SHA-256 ${hash}, got ${expected}`,
    );
  }
  const names = [...entries.keys()].filter((name) => !name.endsWith(SCALE) && !name.endsWith(CENTER));
  const read = info.dtype === "int8" ? dequantized : widened;
  for (const name of names) checkEntry(name, entries, info.dtype);
  return {
    info,
    bytes: bytes.length,
    tensors: async () =>
      Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name, entries)]))),
  };
}

/** Checks that a tensor is kept as its file says. */
function checkEntry(name: string, entries: ReadonlyMap<string, TensorEntry>, dtype: EmbeddingDtype): void {
  const { dtype: came, shape } = entries.get(name) as TensorEntry;
  const expected = dtype === "int8" ? "I8" : "F16";
  if (came !== expected || shape.length !== 4) {
    throw invalid(`tensor "${name}": expected ${expected} of four axes, got ${came} [${shape}]`);
  }
  if (dtype !== "int8") return;
  for (const part of [SCALE, CENTER]) {
    const found = entries.get(name + part);
    if (found?.dtype === "F32" && found.shape.join() === `${shape[1]}`) continue;
    const got = found ? `${found.dtype} [${found.shape}]` : "none";
    throw invalid(`tensor "${name}${part}": expected a value for each channel, F32 [${shape[1]}], got ${got}`);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The smallest and the largest of values. @throws TensorValueError if one is not finite */
function rangeOf(name: string, values: Float32Array): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value - value !== 0) {
      throw new Sam2Error("TensorValueError", `tensor "${name}": value ${i} is ${value}, expected a finite number`);
    }
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

async function halved(name: string, { data, dims }: Tensor): Promise<WrittenTensor> {
  const { halvesOfFloats } = await safetensors();
  const [least, most] = rangeOf(name, data);
  const largest = Math.max(-least, most);
  // what rounds up to the next power of two has no half
  if (largest >= 65_520) {
    throw new Sam2Error("TensorValueError", `tensor "${name}": ${largest} is too large for half precision; use int8`);
  }
  return { name, dtype: "F16", shape: dims, bytes: bytesOf(halvesOfFloats(data)) };
}

async function widened(name: string, entries: ReadonlyMap<string, TensorEntry>): Promise<Tensor> {
  const { readFloats } = await safetensors();
  const entry = entries.get(name) as TensorEntry;
  return { data: await readFloats(entry), dims: entry.shape };
}

/** The smallest and the largest value of every channel become −127 and 127. */
function quantized(name: string, { data, dims }: Tensor): WrittenTensor[] {
  const channels = dims[1] as number;
  const size = data.length / channels;
  const scales = new Float32Array(channels);
  const centers = new Float32Array(channels);
  const whole = new Int8Array(data.length);
  for (let channel = 0; channel < channels; channel++) {
    const from = channel * size;
    const [least, most] = rangeOf(name, data.subarray(from, from + size));
    const center = Math.fround((least + most) / 2);
    // a channel of equal values needs no scale, but a scale of 0 would divide by it
    const scale = Math.fround((most - least) / (2 * MOST)) || 1;
    scales[channel] = scale;
    centers[channel] = center;
    for (let i = from; i < from + size; i++) {
      const steps = Math.round(((data[i] as number) - center) / scale);
      // far from 0, the center's own rounding is a part of a step: one more than 127 would come back as −128
      whole[i] = Math.max(-MOST, Math.min(MOST, steps));
    }
  }
  const ofChannels = (values: Float32Array): Omit<WrittenTensor, "name"> => ({
    dtype: "F32",
    shape: [channels],
    bytes: bytesOf(values),
  });
  return [
    { name: name + SCALE, ...ofChannels(scales) },
    { name: name + CENTER, ...ofChannels(centers) },
    { name, dtype: "I8", shape: dims, bytes: bytesOf(whole) },
  ];
}

async function dequantized(name: string, entries: ReadonlyMap<string, TensorEntry>): Promise<Tensor> {
  const { readFloats } = await safetensors();
  const entry = entries.get(name) as TensorEntry;
  const scales = await readFloats(entries.get(name + SCALE) as TensorEntry);
  const centers = await readFloats(entries.get(name + CENTER) as TensorEntry);
  const bytes = await entry.source.read(entry.start, entry.end);
  const data = new Float32Array(bytes.length);
  const size = data.length / scales.length;
  for (let channel = 0, at = 0; channel < scales.length; channel++) {
    const scale = scales[channel] as number;
    const center = centers[channel] as number;
    if (!Number.isFinite(Math.fround(Math.abs(scale) * 128 + Math.abs(center)))) {
      throw new Sam2Error("TensorValueError", `tensor "${name}": channel ${channel} has values that are not finite`);
    }
    // moved up and down, a byte gets its sign
    for (const end = at + size; at < end; at++) data[at] = (((bytes[at] as number) << 24) >> 24) * scale + center;
  }
  return { data, dims: entry.shape };
}
