/** Safetensors files, small ones of every dtype; and checkpoints, whose header, config.json and index are changed. */
import fc from "fast-check";
import { byteSource, exportToMemory, readSafetensors } from "sam2-export";
import { readFloats } from "sam2-export/internals";
import { mutatedBytes, mutatedJson } from "../mutate.ts";
import { fileAt, headerAndData, jsonAt, safetensors } from "../seeds.ts";
import { jsonOf, must, NoCase, type Target, textOf } from "../target.ts";

const WIDTHS = { F32: 4, F16: 2, BF16: 2, I64: 8, U8: 1, BOOL: 1, F64: 8, F8_E4M3: 1 };

/** Two tensors of each dtype. */
function small(): Uint8Array {
  let end = 0;
  const entries = Object.entries(WIDTHS).flatMap(([dtype, width]) =>
    [[3], [2, 2]].map((shape) => {
      const start = end;
      end += width * shape.reduce((product, size) => product * size, 1);
      return [`${dtype}${shape}`, { dtype, shape, data_offsets: [start, end] }] as const;
    }),
  );
  return safetensors(JSON.stringify(Object.fromEntries(entries)), new Uint8Array(end).fill(1));
}

const SMALL = small();
const { header: smallHeader, data: smallData } = headerAndData(SMALL);

const files: Target = {
  name: "safetensors",
  isJson: false,
  cases: fc.oneof(
    mutatedBytes([
      SMALL,
      safetensors(
        '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
        new Uint8Array(4),
      ),
    ]),
    mutatedJson([smallHeader]).map((header) => safetensors(textOf(header), smallData)),
  ),
  async check(bytes) {
    for (const entry of (await readSafetensors(byteSource(bytes))).values()) {
      must(
        entry.start >= 8 && entry.start <= entry.end && entry.end <= bytes.length,
        `"${entry.name}" lies in the file`,
      );
      if (!["F32", "F16", "BF16"].includes(entry.dtype)) continue;
      const values = await readFloats(entry);
      must(
        values.length === entry.shape.reduce((product, size) => product * size, 1),
        `all of "${entry.name}" is read`,
      );
      must(values.every(Number.isFinite), `"${entry.name}" is finite`);
    }
  },
};

const TOY = "models/reference/fixtures/toy";
const SHARDED = "models/reference/fixtures/toy-sharded";
const { header: toyHeader, data: toyData } = headerAndData(fileAt(`${TOY}/model.safetensors`));
const shards = [1, 2, 3].map((n) => headerAndData(fileAt(`${SHARDED}/model-0000${n}-of-00003.safetensors`)));

/** What a checkpoint is made of besides the numbers, which are a fixture's: those of one file, or of three with an index. */
interface CheckpointCase {
  readonly config?: unknown;
  readonly headers?: unknown;
  readonly index?: unknown;
}

/** @throws NoCase for a header that is too deep to be written */
function headerText(header: unknown): string {
  try {
    return JSON.stringify(header);
  } catch (cause) {
    throw new NoCase("no such header can be written", { cause });
  }
}

const checkpoints: Target = {
  name: "checkpoint",
  isJson: true,
  cases: mutatedJson([
    { config: jsonAt(`${TOY}/config.json`), headers: [toyHeader] },
    {
      config: jsonAt(`${SHARDED}/config.json`),
      headers: shards.map(({ header }) => header),
      index: jsonAt(`${SHARDED}/model.safetensors.index.json`),
    },
  ]),
  async check(bytes) {
    const { config, headers, index } = (jsonOf(bytes) ?? {}) as CheckpointCase;
    if (!Array.isArray(headers)) return;
    const datas = headers.length > 1 ? shards.map(({ data }) => data) : [toyData];
    const weights = headers.map((header, i) =>
      byteSource(safetensors(headerText(header), datas[i % datas.length] as Uint8Array)),
    );
    const { manifest, files: written } = await exportToMemory({ config, weights, index }, { id: "fuzzed" });
    must(written.get("encoder.onnx")?.size === manifest.files.encoder.bytes, "the encoder has the size that is told");
    must(written.get("decoder.onnx")?.size === manifest.files.decoder.bytes, "the decoder has the size that is told");
  },
};

export const SAFETENSORS: readonly Target[] = [files, checkpoints];
