/** Embeddings' files: any byte changed, and headers of another meaning over the tensors that belong to them. */
import fc from "fast-check";
import { type EmbeddingInfo, readEmbedding, writeEmbedding } from "sam2-core";
import { mutatedBytes, mutatedJson } from "../mutate.ts";
import { headerAndData, safetensors } from "../seeds.ts";
import { must, type Target, textOf } from "../target.ts";

const INFO: Omit<EmbeddingInfo, "dtype"> = {
  contract: 1,
  model: "ab".repeat(32),
  modelId: "toy",
  width: 48,
  height: 32,
  sha256: "cd".repeat(32),
};
const TENSORS = {
  image_embed: { data: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)), dims: [1, 2, 4, 4] },
  high_res_feats_0: { data: Float32Array.from({ length: 64 }, (_, i) => i / 8), dims: [1, 1, 8, 8] },
};
const FILES = [
  await writeEmbedding(TENSORS, { ...INFO, dtype: "fp16" }),
  await writeEmbedding(TENSORS, { ...INFO, dtype: "int8", sha256: null }),
];

const files: Target = {
  name: "embedding",
  isJson: false,
  cases: fc.oneof(
    mutatedBytes(FILES),
    ...FILES.map((file) => {
      const { header, data } = headerAndData(file);
      return mutatedJson([header]).map((changed) => safetensors(textOf(changed), data));
    }),
  ),
  async check(bytes) {
    const { info, tensors } = await readEmbedding(bytes);
    must(info.width > 0 && info.height > 0, "it is of a picture");
    for (const [name, { data, dims }] of Object.entries(await tensors())) {
      must(data.length === dims.reduce((product, size) => product * size, 1), `all of "${name}" is read`);
      must(data.every(Number.isFinite), `"${name}" is finite`);
    }
  },
};

export const EMBEDDINGS: readonly Target[] = [files];
