/** Converts checkpoint folders on disk. Only this file, and those that it imports, use the file system. */
import { basename, join, resolve } from "node:path";
import {
  type CanaryAnswer,
  canaryQuestion,
  FILE_NAMES,
  type ModelManifest,
  Sam2Error,
  sampleCanary,
} from "sam2-contract";
import { withCheckpoint } from "./checkpoint-folder.ts";
import { type ExportOptions, exportModel, manifestBytes } from "./convert.ts";
import { checkApart, replaceFiles } from "./model-folder.ts";

/** Options of `exportFolder`. */
export interface FolderExportOptions extends Omit<ExportOptions, "id"> {
  /** Model id written to model.json; the checkpoint folder's name by default. */
  readonly id?: string | undefined;
  /** Whether to add a canary to model.json, with which runtimes check a device; needs onnxruntime-node. */
  readonly canary?: boolean | undefined;
}

/**
 * Converts the checkpoint in `checkpointFolder` to `encoder.onnx`, `decoder.onnx` and `model.json` in
 * `outFolder`.
 *
 * Existing files of these names are replaced once all three are written, model.json last; other files stay.
 *
 * @example
 * ```ts
 * const manifest = await exportFolder("sam2.1-hiera-tiny", "models/tiny", { dtype: "fp16", canary: true });
 * ```
 *
 * @throws Sam2Error; `outFolder` is then as it was
 */
export async function exportFolder(
  checkpointFolder: string,
  outFolder: string,
  { canary = false, id = basename(resolve(checkpointFolder)), ...options }: FolderExportOptions = {},
): Promise<ModelManifest> {
  return withCheckpoint(checkpointFolder, async (files) => {
    await checkApart(checkpointFolder, outFolder);
    return replaceFiles(outFolder, Object.values(FILE_NAMES), async (put, aside) => {
      const exported = await exportModel(files, { ...options, id }, put);
      if (!canary) return exported;
      const manifest = { ...exported, canary: await answerCanary(aside, exported) };
      await put(FILE_NAMES.manifest, [manifestBytes(manifest)]);
      return manifest;
    });
  });
}

/**
 * Runs the exported graphs on the CPU to answer the canary's question.
 *
 * @throws MissingPackageError; TensorValueError where the model's numbers leave the range of its precision
 */
async function answerCanary(folder: string, { imageSize, maskSize, dtype }: ModelManifest): Promise<CanaryAnswer> {
  const { InferenceSession, Tensor } = await import("onnxruntime-node").catch((cause: unknown) => {
    throw new Sam2Error(
      "MissingPackageError",
      "a canary needs the npm package onnxruntime-node, which was not found: install it",
      { cause },
    );
  });
  const { pixels, click } = canaryQuestion(imageSize);
  const tensor = (data: Float32Array, ...dims: number[]) => new Tensor("float32", data, dims);
  const run = async (file: string, feeds: Record<string, InstanceType<typeof Tensor>>) => {
    const session = await InferenceSession.create(join(folder, file));
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  const embedding = await run(FILE_NAMES.encoder, { image: tensor(pixels, 1, 3, imageSize, imageSize) });
  const { masks, iou_predictions } = await run(FILE_NAMES.decoder, {
    ...embedding,
    point_coords: tensor(click, 1, 1, 2),
    point_labels: tensor(Float32Array.of(1), 1, 1),
    mask_input: tensor(new Float32Array(maskSize ** 2), 1, 1, maskSize, maskSize),
    has_mask_input: tensor(Float32Array.of(0), 1),
  });
  const outputs = { ...embedding, masks, iou_predictions };
  const answer = sampleCanary(
    Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output?.data as Float32Array])),
  );
  for (const [name, { largest }] of Object.entries(answer)) {
    if (Number.isFinite(largest)) continue;
    throw new Sam2Error(
      "TensorValueError",
      `canary: expected finite numbers in the output ${name}, got ${largest}: in ${dtype} this model's numbers overflow`,
    );
  }
  return answer;
}
