/** From a checkpoint's files to the three files of a model; no file system, no DOM, no runtime. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import {
  ATTENTION_FORMS,
  type AttentionForm,
  CONTRACT_VERSION,
  DTYPES,
  type Dtype,
  FILE_NAMES,
  IMAGE_MEAN,
  IMAGE_STD,
  type ModelFile,
  type ModelManifest,
  Sam2Error,
  shown,
} from "sam2-contract";
import { parseConfig, type Sam2Config } from "./config.ts";
import type { Graph, GraphOptions } from "./graph.ts";
import { buildImageEncoder } from "./image-encoder.ts";
import { buildMaskDecoder } from "./mask-decoder.ts";
import { serialize } from "./onnx.ts";
import { type ByteSource, readSafetensors, type TensorEntry } from "./safetensors.ts";
import { Section } from "./section.ts";
import { Checkpoint } from "./weights.ts";

/** A Hugging Face checkpoint: the parsed config.json and its safetensors files (several when sharded). */
export interface CheckpointFiles {
  readonly config: unknown;
  readonly weights: readonly ByteSource[];
  /** The parsed model.safetensors.index.json of a sharded checkpoint; it lists the tensors that must be there. */
  readonly index?: unknown;
}

/** Options of an export. */
export interface ExportOptions {
  /** Model id written to model.json. */
  readonly id: string;
  /** Name of the checkpoint; the id by default. */
  readonly source?: string | undefined;
  /** Precision of the weight matrices; `fp32` by default. `int8` is for SAM 2's trunk, not for EdgeTAM's. */
  readonly dtype?: Dtype | undefined;
  /** Side of the model input in pixels, a multiple of 32; the checkpoint's own by default. */
  readonly imageSize?: number | undefined;
  /** `decomposed` by default, which is correct on every backend; see `AttentionForm`. */
  readonly attention?: AttentionForm | undefined;
}

/**
 * Whether a model can be exported in int8: where its trunk multiplies matrices. In a trunk of convolutions there is nothing
 * to gain.
 *
 * @example
 * ```ts
 * const config = JSON.parse(await file.text());
 * const dtype = gainsByInt8(parseConfig(config)) ? "int8" : "fp16";
 * ```
 */
export function gainsByInt8({ trunk }: Sam2Config): boolean {
  return trunk.kind === "hiera";
}

/** In what the products of each dtype are computed. */
const PRODUCTS = { fp32: "float", fp16: "float", "fp16-compute": "half", int8: "int8" } as const;

/** Takes the pieces of one file, in order. */
export type FileWriter = (name: string, pieces: AsyncIterable<Uint8Array>) => Promise<void>;

async function readTensors({ weights, index }: CheckpointFiles): Promise<Map<string, TensorEntry>> {
  const tensors = new Map<string, TensorEntry>();
  for (const source of weights) {
    for (const [name, entry] of await readSafetensors(source)) {
      if (tensors.has(name))
        throw new Sam2Error("InvalidSafetensorsError", `tensor ${shown(name)} is in more than one file`);
      tensors.set(name, entry);
    }
  }
  const listed = (index as { weight_map?: unknown } | undefined)?.weight_map;
  if (index !== undefined && (typeof listed !== "object" || listed === null)) {
    throw new Sam2Error("InvalidConfigError", "model.safetensors.index.json: expected an object weight_map");
  }
  const missing = Object.keys(listed ?? {}).find((name) => !tensors.has(name));
  if (missing !== undefined) {
    throw new Sam2Error(
      "MissingTensorError",
      `tensor ${shown(missing)} is listed in the index, but in none of the ${weights.length} files`,
    );
  }
  return tensors;
}

/** Writes a graph, and computes its hash and size on the way. */
async function writeGraph(name: string, graph: Graph, write: FileWriter): Promise<ModelFile> {
  const hash = sha256.create();
  let bytes = 0;
  async function* observed(): AsyncGenerator<Uint8Array> {
    for await (const piece of serialize(graph)) {
      hash.update(piece);
      bytes += piece.byteLength;
      yield piece;
    }
  }
  await write(name, observed());
  return { name, bytes, sha256: bytesToHex(hash.digest()), nodes: graph.nodes.length };
}

/**
 * Converts a checkpoint.
 *
 * `write` is called for one file after the other, the manifest last. Each piece is read from the checkpoint only
 * when the writer asks for it.
 *
 * @returns the manifest, as written to model.json
 * @throws Sam2Error
 *
 * @example
 * ```ts
 * const config = await (await fetch("/sam2.1-hiera-tiny/config.json")).json();
 * const weights = [byteSource(await (await fetch("/sam2.1-hiera-tiny/model.safetensors")).blob())];
 * const folder = await navigator.storage.getDirectory();
 * await exportModel({ config, weights }, { id: "sam2.1-tiny", dtype: "fp16" }, async (name, pieces) => {
 *   const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
 *   for await (const piece of pieces) await stream.write(piece as Uint8Array<ArrayBuffer>);
 *   await stream.close();
 * });
 * ```
 */
export async function exportModel(
  files: CheckpointFiles,
  options: ExportOptions,
  write: FileWriter,
): Promise<ModelManifest> {
  const config: Sam2Config = parseConfig(files.config, options.imageSize);
  const { id, source = id, dtype: precision = "fp32", attention: form = "decomposed" } = options;
  const asked = new Section({ id, source, dtype: precision, attention: form }, "options");
  for (const name of ["id", "source"]) asked.text(name);
  const dtype = asked.oneOf("dtype", DTYPES);
  const attention = asked.oneOf("attention", ATTENTION_FORMS);
  if (dtype === "int8" && !gainsByInt8(config)) {
    throw new Sam2Error(
      "InvalidConfigError",
      `dtype: int8 speeds up matrix products, of which a trunk of convolutions (${config.trunk.kind}) has none; expected fp32, fp16 or fp16-compute`,
    );
  }
  const checkpoint = new Checkpoint(await readTensors(files));
  const products = PRODUCTS[dtype];
  const graphOptions: GraphOptions = { attention, storage: dtype === "fp32" ? "float" : "half", products };
  // both graphs are built before anything is written, so that a missing tensor leaves no file behind
  const encoder = buildImageEncoder(checkpoint, config, graphOptions);
  // its products are too small to gain by whole numbers
  const inDecoder = products === "int8" ? "float" : products;
  const decoder = buildMaskDecoder(checkpoint, config, { ...graphOptions, products: inDecoder });
  const manifest: ModelManifest = {
    contract: CONTRACT_VERSION,
    id,
    source,
    imageSize: config.imageSize,
    hiddenSize: config.hiddenSize,
    maskSize: config.imageSize / 4,
    maskTokens: config.multimaskOutputs + 1,
    dynamicMultimask: config.dynamicMultimask,
    mean: IMAGE_MEAN,
    std: IMAGE_STD,
    dtype,
    attention,
    parameters: checkpoint.parameterCount,
    files: {
      encoder: await writeGraph(FILE_NAMES.encoder, encoder, write),
      decoder: await writeGraph(FILE_NAMES.decoder, decoder, write),
    },
  };
  await write(
    FILE_NAMES.manifest,
    (async function* () {
      yield manifestBytes(manifest);
    })(),
  );
  return manifest;
}

/** The bytes of model.json. */
export function manifestBytes(manifest: ModelManifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Collects an export in memory: the files by name.
 *
 * @example
 * ```ts
 * const config = await (await fetch("/sam2.1-hiera-tiny/config.json")).json();
 * const weights = [byteSource(await (await fetch("/sam2.1-hiera-tiny/model.safetensors")).blob())];
 * const { files } = await exportToMemory({ config, weights }, { id: "sam2.1-tiny" });
 * files.get("encoder.onnx"); // a Blob
 * ```
 */
export async function exportToMemory(
  files: CheckpointFiles,
  options: ExportOptions,
): Promise<{ manifest: ModelManifest; files: Map<string, Blob> }> {
  const written = new Map<string, Blob>();
  const manifest = await exportModel(files, options, async (name, pieces) => {
    const parts: BlobPart[] = [];
    for await (const piece of pieces) parts.push(piece as Uint8Array<ArrayBuffer>);
    written.set(name, new Blob(parts));
  });
  return { manifest, files: written };
}
