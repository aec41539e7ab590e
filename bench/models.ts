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

/** A model with random weights: its checkpoint, our export of it, and the peer's files. */
export interface PeeredModel {
  readonly checkpoint: string;
  readonly onnx: string;
  readonly peer: string;
}

const made = new Map<string, Promise<PeeredModel | null>>();

/**
 * SAM 2.1 tiny or EdgeTAM, or null where the files are missing. Each is exported once in each run: an earlier export may
 * be another exporter's.
 */
export function peered(name: "tiny" | "edgetam"): Promise<PeeredModel | null> {
  const known = made.get(name);
  if (known) return known;
  const making = exported(name);
  made.set(name, making);
  return making;
}

async function exported(name: string): Promise<PeeredModel | null> {
  const folder = (kind: string): string => join(CACHE, name, kind);
  const [checkpoint, onnx, peer] = [folder("checkpoint"), folder("onnx"), folder("transformers.js")];
  const needed = [join(peer, "preprocessor_config.json"), join(checkpoint, "model.safetensors")];
  if (!needed.every((file) => existsSync(file))) return null;
  await exportFolder(checkpoint, onnx, { id: name });
  return { checkpoint, onnx, peer };
}

/** The row for a benchmark whose files are missing. */
export function absent(bench: string): Row {
  return { bench, work: `needs ${CACHE}`, device: "", threads: 0, note: "not run: see bench/README.md" };
}
