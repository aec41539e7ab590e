/**
 * Parts of the worker, for this repository's benchmarks and tests. Not a public API: any version may change it.
 *
 * @module
 */
export { readPixels } from "./image/source.ts";
