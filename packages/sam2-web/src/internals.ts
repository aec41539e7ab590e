/**
 * Parts of the worker, for this repository's benchmarks and tests. Not a public API: any version may change it.
 *
 * @module
 */
export { everythingSettings } from "./everything/options.ts";
export { nonMaximumSuppression } from "./everything/suppression.ts";
export { readPixels } from "./image/source.ts";
export { normalize, type Pixels, stretch } from "./image/stretch.ts";
export { clampLogits } from "./mask/mask.ts";
export { toRegionLimits } from "./mask/regions.ts";
export { type ModelPrompt, type PromptSpace, toModelPrompt } from "./prompt/prompt.ts";
