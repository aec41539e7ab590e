/** What is fuzzed. */
import type { Target } from "./target.ts";
import { CONFIG } from "./targets/config.ts";
import { EMBEDDINGS } from "./targets/embeddings.ts";
import { HOSTED } from "./targets/hosted.ts";
import { LABELS } from "./targets/labels.ts";
import { MASKS } from "./targets/masks.ts";
import { PICTURES } from "./targets/pictures.ts";
import { PROMPTS } from "./targets/prompts.ts";
import { SAFETENSORS } from "./targets/safetensors.ts";

/** All targets; each gets the same time. */
export const TARGETS: readonly Target[] = [
  ...SAFETENSORS,
  ...EMBEDDINGS,
  ...CONFIG,
  ...MASKS,
  ...PROMPTS,
  ...PICTURES,
  ...LABELS,
  ...HOSTED,
];
