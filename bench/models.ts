/** Files that benchmarks need; some are not in the repository. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportFolder } from "sam2-export/node";
import type { Row } from "./measure.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** The built-in model: its checkpoint, and its export. */
export const MINI = { checkpoint: path("../models/sam2-mini"), onnx: path("../models/sam2-mini/onnx") } as const;

/** Folder of photographs with a free license. */
export const PHOTOS: string = path("../demo/public/samples");

/** Where the maintainers' script puts models, and where exports of them are made; see bench/README.md. */
export const CACHE: string = path("../.cache/bench");

const TINY = join(CACHE, "tiny");

interface TinyModels {
  readonly checkpoint: string;
  readonly onnx: string;
  readonly peer: string;
}

let tiny: Promise<TinyModels | null> | undefined;

/**
 * SAM 2.1 tiny with random weights: the checkpoint, our export of it, and the peer's files. It is exported once in each
 * run: an earlier export may be another exporter's.
 */
export function tinyModels(): Promise<TinyModels | null> {
  tiny ??= makeTinyModels();
  return tiny;
}

async function makeTinyModels(): Promise<TinyModels | null> {
  const [checkpoint, onnx, peer] = ["checkpoint", "onnx", "transformers.js"].map((name) => join(TINY, name)) as [
    string,
    string,
    string,
  ];
  if (!existsSync(join(peer, "preprocessor_config.json"))) return null;
  await exportFolder(checkpoint, onnx, { id: "tiny" });
  return { checkpoint, onnx, peer };
}

/** EdgeTAM with random weights: our export of its checkpoint. */
export async function edgeTamModel(): Promise<string | null> {
  const [checkpoint, onnx] = [join(CACHE, "edgetam", "checkpoint"), join(CACHE, "edgetam", "onnx")];
  if (!existsSync(checkpoint)) return null;
  if (!existsSync(join(onnx, "model.json"))) await exportFolder(checkpoint, onnx, { id: "edgetam" });
  return onnx;
}

/** The row for a benchmark whose files are missing. */
export function absent(bench: string): Row {
  return { bench, work: `needs ${CACHE}`, device: "", threads: 0, note: "not run: see bench/README.md" };
}
