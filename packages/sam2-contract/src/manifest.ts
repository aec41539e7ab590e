/** model.json: what a runtime needs to know before it opens the ONNX files. */
import type { CanaryAnswer } from "./canary.ts";
import { Sam2Error } from "./errors.ts";
import { shown } from "./shown.ts";

/** Increased whenever the names, shapes or meanings of the tensors, or model.json, change. */
export const CONTRACT_VERSION = 1;

/**
 * Increased whenever the exporter writes other files for the same checkpoint. Conversions of another version that are kept
 * on a device are made anew.
 */
export const EXPORTER_VERSION = 4;

/** Mean of the input image's channels, RGB in [0,1]: ImageNet's, as in `Sam2Processor`. */
export const IMAGE_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** Standard deviation of the same channels. */
export const IMAGE_STD: readonly number[] = [0.229, 0.224, 0.225];

/** The names of a model's files. */
export const FILE_NAMES = { encoder: "encoder.onnx", decoder: "decoder.onnx", manifest: "model.json" } as const;

/**
 * Precision of the stored weights. Inputs and outputs are float32 in all, and with `fp32` and `fp16` arithmetic is, too.
 * With `fp16-compute` products and convolutions are computed in float16, for GPUs that can (WebGPU's `shader-f16`).
 * With `int8` the trunk's matrix products are computed in whole numbers of eight bits: more than twice as fast on a
 * CPU, a little less exact, and not meant for GPUs. Other matrices are stored in half.
 */
export type Dtype = (typeof DTYPES)[number];

/** Every `Dtype`. */
export const DTYPES = ["fp32", "fp16", "fp16-compute", "int8"] as const;

/**
 * How attention is written: `decomposed` into plain operations, which are correct on every backend, or `fused`
 * into onnxruntime's MultiHeadAttention.
 */
export type AttentionForm = (typeof ATTENTION_FORMS)[number];

/** Every `AttentionForm`. */
export const ATTENTION_FORMS = ["fused", "decomposed"] as const;

/** One file of a model: its name beside model.json, size and hash. */
export interface ModelFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 in lower-case hexadecimal. */
  readonly sha256: string;
  /** Operations in the graph, before the runtime optimizes it. */
  readonly nodes: number;
}

/** Whether an unstable single mask is replaced by the best of the three others, and when it counts as unstable. */
export interface DynamicMultimask {
  readonly enabled: boolean;
  /** Stability is the number of logits over this, divided by the number over its negative. */
  readonly stabilityDelta: number;
  /** A mask less stable than this is unstable. */
  readonly stabilityThreshold: number;
}

/** The content of model.json. */
export interface ModelManifest {
  /** `CONTRACT_VERSION` of the exporter. */
  readonly contract: number;
  readonly id: string;
  /** Name of the checkpoint that it was made from. */
  readonly source: string;
  /** Side of the square model input, in pixels. */
  readonly imageSize: number;
  /** Channels of `image_embed`. */
  readonly hiddenSize: number;
  /** Side of the low-resolution masks: a quarter of `imageSize`. */
  readonly maskSize: number;
  /** Masks that the decoder gives; the first is the single-mask token. */
  readonly maskTokens: number;
  readonly dynamicMultimask: DynamicMultimask;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly dtype: Dtype;
  readonly attention: AttentionForm;
  /** Numbers in the checkpoint that was converted. */
  readonly parameters: number;
  readonly files: { readonly encoder: ModelFile; readonly decoder: ModelFile };
  /** The answer to the canary's question. If it is absent, a runtime computes it. */
  readonly canary?: CanaryAnswer;
}

/** The largest image size that is accepted; every published model's is 1024. */
const MAX_IMAGE_SIZE = 8192;

type Fields = Readonly<Record<string, unknown>>;

function isChannels(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}

/** Reads fields of parsed JSON; errors name the field. */
class Reader {
  readonly #address: string;
  readonly #fields: Fields;
  readonly #path: string;

  constructor(address: string, value: unknown, path = "") {
    this.#address = address;
    this.#path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.wrong(path.replace(/\.$/, "") || "model.json", "an object", value);
    }
    this.#fields = value as Fields;
  }

  wrong(name: string, expected: string, came: unknown): Sam2Error {
    return new Sam2Error("InvalidModelError", `${this.#address}: ${name}: expected ${expected}, got ${shown(came)}`);
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  field<T>(name: string, expected: string, isRight: (value: unknown) => boolean): T {
    const value = this.#fields[name];
    if (!isRight(value)) throw this.wrong(this.#path + name, expected, value);
    return value as T;
  }

  text(name: string): string {
    return this.field(name, "a text", (value) => typeof value === "string" && value !== "");
  }

  whole(name: string, least: number, greatest: number): number {
    return this.field(
      name,
      `a whole number from ${least} to ${greatest}`,
      (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= greatest,
    );
  }

  number(name: string): number {
    return this.field(name, "a number", Number.isFinite);
  }

  oneOf<T>(name: string, values: readonly T[]): T {
    return this.field(name, values.join(" or "), (value) => values.includes(value as T));
  }

  channels(name: string): readonly number[] {
    return this.field(name, "three numbers", isChannels);
  }

  inside(name: string): Reader {
    return new Reader(this.#address, this.#fields[name], `${this.#path}${name}.`);
  }

  names(): readonly string[] {
    return Object.keys(this.#fields);
  }
}

function readFile(files: Reader, part: "encoder" | "decoder"): ModelFile {
  const file = files.inside(part);
  return {
    name: file.field(
      "name",
      "the name of a file beside model.json",
      (value) => typeof value === "string" && /^[^/\\]+$/.test(value) && !/^[.]+$/.test(value),
    ),
    bytes: file.whole("bytes", 1, Number.MAX_SAFE_INTEGER),
    sha256: file.field(
      "sha256",
      "64 hexadecimal digits",
      (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
    ),
    nodes: file.whole("nodes", 1, Number.MAX_SAFE_INTEGER),
  };
}

function readCanary(canary: Reader): CanaryAnswer {
  const entries = canary.names().map((name) => {
    const sample = canary.inside(name);
    const values = sample.field<readonly number[]>(
      "values",
      "an array of numbers",
      (value) => Array.isArray(value) && value.length > 0 && value.every(Number.isFinite),
    );
    return [name, { values, largest: sample.number("largest") }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * Checks a parsed model.json. Unknown fields are dropped.
 *
 * @example
 * ```ts
 * const manifest = readManifest(await (await fetch(address)).json(), address);
 * ```
 *
 * @param json what `JSON.parse` gave
 * @param address where it came from, for the error's message
 * @throws InvalidModelError, which names the field
 */
export function readManifest(json: unknown, address: string): ModelManifest {
  const model = new Reader(address, json);
  const contract = model.field<number>("contract", `${CONTRACT_VERSION}`, (value) => value === CONTRACT_VERSION);
  const imageSize = model.whole("imageSize", 32, MAX_IMAGE_SIZE);
  if (imageSize % 32 !== 0) throw model.wrong("imageSize", "a multiple of 32", imageSize);
  const multimask = model.inside("dynamicMultimask");
  const files = model.inside("files");
  return {
    contract,
    id: model.text("id"),
    source: model.text("source"),
    imageSize,
    hiddenSize: model.whole("hiddenSize", 1, 65_536),
    maskSize: model.field("maskSize", `a quarter of imageSize, ${imageSize / 4}`, (value) => value === imageSize / 4),
    maskTokens: model.whole("maskTokens", 1, 64),
    dynamicMultimask: {
      enabled: multimask.oneOf("enabled", [true, false]),
      stabilityDelta: multimask.number("stabilityDelta"),
      stabilityThreshold: multimask.number("stabilityThreshold"),
    },
    mean: model.channels("mean"),
    std: model.field("std", "three numbers over 0", (value) => isChannels(value) && value.every((item) => item > 0)),
    dtype: model.oneOf("dtype", DTYPES),
    attention: model.oneOf("attention", ATTENTION_FORMS),
    parameters: model.whole("parameters", 1, Number.MAX_SAFE_INTEGER),
    files: { encoder: readFile(files, "encoder"), decoder: readFile(files, "decoder") },
    ...(model.has("canary") ? { canary: readCanary(model.inside("canary")) } : {}),
  };
}
