/** Why an aim is missed, where that is known: shown beside the figure. */
import type { Row } from "./measure.ts";

/** A reason, and the rows that it explains. */
interface Reason {
  readonly bench: string;
  readonly work: RegExp;
  readonly why: string;
}

const REASONS: readonly Reason[] = [
  {
    bench: "encode",
    work: /./,
    why: "both compute the same products in the same runtime; int8 makes two thirds of them cheaper",
  },
  { bench: "edgetam", work: /./, why: "both compute the same convolutions in the same runtime" },
  { bench: "int8", work: /./, why: "attention, nearly a third of the operations, stays in float32" },
  { bench: "graphs", work: /^encoder, /, why: "both compute the same products in the same runtime" },
  {
    bench: "graphs",
    work: /^decoder, /,
    why: "products take most of the time: about 440 million multiply-adds a point here, 700 million there",
  },
  {
    bench: "decode",
    work: /binary mask/,
    why: "the aim is of all three masks there; enlarged is one on each side, the best, so that the decoders decide",
  },
  {
    bench: "decode",
    work: /./,
    why: "a third of our graph upscales, as does the other; a mask's prompt is computed where none is given, and masks cross a thread",
  },
  {
    bench: "gpu",
    work: /fp16-compute: kernels$/,
    why: "casts between the precisions are kernels of their own",
  },
  {
    bench: "gpu",
    work: /decoder, .*, fp32$/,
    why: "products take most of the time, in the same shaders",
  },
  {
    bench: "gpu",
    work: /coder, .*fp16-compute$/,
    why: "casts are kernels of their own, and an emulated GPU gains nothing from float16",
  },
  { bench: "kernels", work: /stretch/, why: "exact as PIL's, in JavaScript; pica's is WASM" },
];

/** Whether a row has an aim and misses it. */
export function misses({ aim, isFloor = false, ratio, ours_ms }: Row): boolean {
  const came = ratio ?? ours_ms;
  if (aim === undefined || came === undefined) return false;
  return isFloor ? came < aim : came > aim;
}

/** What is said of a row that misses its aim; null of all others. */
export function whyMissed(row: Row): string | null {
  if (!misses(row)) return null;
  const found = REASONS.find(({ bench, work }) => bench === row.bench && work.test(row.work));
  return found ? `missed: ${found.why}` : "missed";
}

/** The aim of a figure that stands in a note, and whether it is missed. */
export function notedAim(came: number, aim: number, unit: string): string {
  return `aim ${aim} ${unit}${came > aim ? ", missed" : ""}`;
}
