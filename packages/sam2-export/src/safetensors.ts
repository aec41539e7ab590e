/**
 * Reads and writes safetensors (https://github.com/huggingface/safetensors#format): 8 bytes of header length,
 * a JSON header of dtype, shape and offsets, then the tensors' bytes. Only the header is read at
 * first; a tensor's bytes are fetched when asked for.
 *
 * @module
 */
import { Sam2Error, shown } from "sam2-contract";

/** Bytes that can be read in ranges: a file, a Blob, an ArrayBuffer. */
export interface ByteSource {
  /** What messages of errors call it, such as a path. */
  readonly name?: string | undefined;
  readonly size: number;
  /** Bytes `start` (included) to `end` (excluded); may be a view of shared memory. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** One tensor of a safetensors file; its bytes are not read yet. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Absolute byte range in `source`. */
  readonly start: number;
  readonly end: number;
  readonly source: ByteSource;
}

/** The header's entry that is no tensor. */
const METADATA = "__metadata__";

/**
 * The longest header that is read: many times that of the largest model. The format allows 100 MB, but a header of that
 * length can take gigabytes of memory.
 */
export const MAX_HEADER_BYTES = 4_000_000;

/** Start of the text that git-lfs puts in place of a file: "version https://git-lfs.github.com/spec/v1". */
const GIT_LFS_POINTER = "version ";

/** Start of a zip, as `torch.save` writes it. */
const ZIP = "PK\x03\x04";

/** Bytes per element of the dtypes whose sizes are checked. */
const DTYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
};

function invalid({ name }: ByteSource, message: string, options?: ErrorOptions): Sam2Error {
  return new Sam2Error("InvalidSafetensorsError", name === undefined ? message : `${name}: ${message}`, options);
}

/**
 * Wraps an ArrayBuffer, a view or a Blob (which is read slice by slice, never as a whole). Errors name a File.
 *
 * @example
 * ```ts
 * const { size } = byteSource(file); // nothing is read yet
 * ```
 */
export function byteSource(data: ArrayBuffer | Uint8Array | Blob): ByteSource {
  if (data instanceof Blob) {
    const source: ByteSource = {
      name: data instanceof File ? data.name : undefined,
      size: data.size,
      read: async (start, end) => {
        // of a file that has changed since, a browser gives no bytes
        const buffer = await data
          .slice(start, end)
          .arrayBuffer()
          .catch((cause: Error) => {
            throw invalid(source, `expected a readable file: ${cause.message}`, { cause });
          });
        return new Uint8Array(buffer);
      },
    };
    return source;
  }
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  return { size: bytes.byteLength, read: async (start, end) => bytes.subarray(start, end) };
}

/**
 * Reads and checks the header.
 *
 * @returns the tensors by name
 * @throws InvalidSafetensorsError when the length or the JSON is wrong, an offset lies outside the
 *   file, two tensors overlap, or a byte range does not fit dtype and shape
 *
 * @example
 * ```ts
 * const tensors = await readSafetensors(byteSource(file));
 * tensors.get("no_memory_embedding")?.shape; // [1, 1, 256]
 * ```
 */
export async function readSafetensors(source: ByteSource): Promise<Map<string, TensorEntry>> {
  const { header, dataStart } = await readHeader(source);
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, value]) => parseEntry(name, value, dataStart, source));
  checkOverlap(entries, source);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/**
 * Reads what a file says of itself: texts by name.
 *
 * @returns an empty record if it says nothing
 * @throws InvalidSafetensorsError when the length or the JSON of the header is wrong, or a value is no text
 *
 * @example
 * ```ts
 * const { format } = await readMetadata(byteSource(file)); // "pt" in files that PyTorch's users write
 * ```
 */
export async function readMetadata(source: ByteSource): Promise<Readonly<Record<string, string>>> {
  const { header } = await readHeader(source);
  const metadata = header[METADATA] ?? {};
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== "string")) {
    throw invalid(source, `${METADATA}: expected texts by name, got ${shown(metadata)}`);
  }
  return metadata as Record<string, string>;
}

/** A tensor to be written. */
export interface WrittenTensor {
  readonly name: string;
  readonly dtype: "F32" | "F16" | "I8";
  readonly shape: readonly number[];
  /** As many as dtype and shape take, little-endian. */
  readonly bytes: Uint8Array;
}

/**
 * Writes a file. Tensors lie in it in the order given; with the widest dtype first, all are aligned.
 *
 * @example
 * ```ts
 * const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
 * const file = writeSafetensors([{ name: "w", dtype: "F32", shape: [2], bytes }], { format: "pt" });
 * ```
 */
export function writeSafetensors(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    const start = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const text = new TextEncoder().encode(JSON.stringify({ [METADATA]: metadata, ...Object.fromEntries(entries) }));
  const dataStart = 8 + 8 * Math.ceil(text.length / 8);
  const file = new Uint8Array(dataStart + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  // the format fills the header up with spaces
  file.fill(0x20, 8, dataStart);
  file.set(text, 8);
  let at = dataStart;
  for (const { bytes } of tensors) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

async function readHeader(
  source: ByteSource,
): Promise<{ readonly header: Record<string, unknown>; readonly dataStart: number }> {
  if (source.size < 8) throw invalid(source, `expected a safetensors file of at least 8 bytes, got ${source.size}`);
  const prefix = await source.read(0, 8);
  const begins = new TextDecoder().decode(prefix);
  if (begins === GIT_LFS_POINTER) {
    throw invalid(
      source,
      "this is a pointer of git-lfs in place of the file; fetch the file itself, as with `git lfs pull`",
    );
  }
  if (begins.startsWith(ZIP)) {
    throw invalid(source, "expected a safetensors file, got a zip, as PyTorch saves its own; save it as safetensors");
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    const limit = `a header length of ${length}, over the limit of ${MAX_HEADER_BYTES} bytes`;
    throw invalid(source, `expected a safetensors file, got one that begins with ${shown(begins)}: ${limit}`);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > source.size) {
    throw invalid(source, `header ends at byte ${dataStart}, but the file has ${source.size} bytes`);
  }
  return { header: parseHeader(await source.read(8, dataStart), source), dataStart };
}

function parseHeader(bytes: Uint8Array, source: ByteSource): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(source, "the header is not JSON", { cause });
  }
  if (!isRecord(header)) throw invalid(source, "the header is not a JSON object");
  return header;
}

function parseEntry(name: string, value: unknown, dataStart: number, source: ByteSource): TensorEntry {
  if (!isRecord(value)) throw invalid(source, `tensor ${shown(name)}: expected an object, got ${shown(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") throw invalid(source, `tensor ${shown(name)}: dtype ${shown(dtype)} is no text`);
  if (!isNaturalArray(shape)) throw invalid(source, `tensor ${shown(name)}: shape ${shown(shape)} is no list of sizes`);
  if (!isNaturalArray(offsets) || offsets.length !== 2) {
    throw invalid(source, `tensor ${shown(name)}: data_offsets ${shown(offsets)} are no pair of offsets`);
  }
  const [begin, end] = offsets as [number, number];
  const available = source.size - dataStart;
  if (begin > end || end > available) {
    throw invalid(
      source,
      `tensor ${shown(name)}: offsets ${begin}–${end} lie outside the file's ${available} bytes of data`,
    );
  }
  // a tensor of another dtype may be one that nobody reads
  const known = Object.hasOwn(DTYPE_BYTES, dtype) ? DTYPE_BYTES[dtype] : undefined;
  const expected = known && shape.reduce((product, size) => product * size, known);
  if (expected !== undefined && end - begin !== expected) {
    throw invalid(
      source,
      `tensor ${shown(name)}: ${dtype} ${shown(shape)} takes ${expected} bytes, its offsets span ${end - begin}`,
    );
  }
  return { name, dtype, shape, start: dataStart + begin, end: dataStart + end, source };
}

function checkOverlap(entries: readonly TensorEntry[], source: ByteSource): void {
  const sorted = entries.filter((entry) => entry.end > entry.start).sort((a, b) => a.start - b.start);
  for (const [index, entry] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next && next.start < entry.end) {
      throw invalid(source, `tensors ${shown(entry.name)} and ${shown(next.name)} overlap`);
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNaturalArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/**
 * Reads a tensor's values as float32.
 *
 * F32 that is aligned in memory comes back as a view; F16 and BF16 are widened into a new array.
 *
 * @example
 * ```ts
 * for (const entry of (await readSafetensors(byteSource(file))).values()) console.log(entry.name, await readFloats(entry));
 * ```
 *
 * @throws InvalidSafetensorsError for a dtype that is no float
 * @throws TensorValueError when a value is NaN or infinite
 */
export async function readFloats(entry: TensorEntry): Promise<Float32Array> {
  const { source } = entry;
  const bytes = await source.read(entry.start, entry.end);
  if (bytes.byteLength !== entry.end - entry.start) {
    throw invalid(
      source,
      `tensor ${shown(entry.name)}: expected ${entry.end - entry.start} bytes, got ${bytes.byteLength}`,
    );
  }
  const values = widen(entry, bytes);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value - value !== 0) {
      throw new Sam2Error(
        "TensorValueError",
        `tensor ${shown(entry.name)}: element ${i} is ${value}, expected a finite number`,
      );
    }
  }
  return values;
}

function widen(entry: TensorEntry, bytes: Uint8Array): Float32Array {
  const size = entry.dtype === "F32" ? 4 : 2;
  // not slice, which makes no copy of a Buffer
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const count = aligned.byteLength / size;
  switch (entry.dtype) {
    case "F32":
      return new Float32Array(aligned.buffer, aligned.byteOffset, count);
    case "BF16": {
      const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
      const words = new Uint32Array(count);
      for (let i = 0; i < count; i++) words[i] = (halves[i] as number) << 16;
      return new Float32Array(words.buffer);
    }
    case "F16": {
      const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
      const words = new Uint32Array(count);
      for (let i = 0; i < count; i++) words[i] = floatBitsOfHalf(halves[i] as number);
      return new Float32Array(words.buffer);
    }
    default:
      throw invalid(
        entry.source,
        `tensor ${shown(entry.name)}: dtype ${shown(entry.dtype)} holds no weights, expected F32, F16 or BF16`,
      );
  }
}

/** IEEE 754 binary16 → the bits of the same number in binary32. */
function floatBitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  let fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21; // subnormal: bring the leading one to bit 10
  fraction = (fraction << shift) & 0x3ff;
  return sign | ((113 - shift) << 23) | (fraction << 13);
}

/**
 * float32 → binary16, rounding to nearest even; what is over 65504 becomes infinite.
 *
 * @example
 * ```ts
 * halvesOfFloats(Float32Array.of(1, -2)); // 0x3c00, 0xc000
 * ```
 *
 * @returns the halves' bits
 */
export function halvesOfFloats(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude >= 0x47800000) {
      halves[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
    } else if (magnitude >= 0x38800000) {
      halves[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    } else if (magnitude >= 0x33000000) {
      const shift = 126 - (magnitude >>> 23);
      const fraction = (magnitude & 0x7fffff) | 0x800000;
      const kept = fraction >>> shift;
      const rest = fraction & ((1 << shift) - 1);
      const half = 1 << (shift - 1);
      halves[i] = sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
    } else {
      halves[i] = sign;
    }
  }
  return halves;
}
